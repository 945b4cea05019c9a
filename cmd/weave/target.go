package weave

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// target is what is to be built and what the go command says of it.
type target struct {
	packages []listed
	files    bool         // the patterns are files of one package
	vendor   string       // the vendor directory that the build uses, "" if none
	runtime  *load.Module // the lifesign module in the build list, nil if there is none
}

// listed is a package that the patterns mean.
type listed struct {
	ImportPath, Name, Target string
	GoFiles, CgoFiles        []string
}

// resolve finds the packages that the configuration means. Builds that cannot
// be woven are refused here, before the long work starts.
func resolve(ctx context.Context, g goTool, env goEnv, cfg Config) (*target, error) {
	if err := refuse(env, cfg); err != nil {
		return nil, err
	}
	t := &target{files: strings.HasSuffix(cfg.Patterns[0], ".go")}
	if err := t.list(ctx, g, cfg); err != nil {
		return nil, err
	}
	if cfg.Main {
		if err := t.oneMain(cfg.Patterns); err != nil {
			return nil, err
		}
	}
	var err error
	if t.vendor, err = vendorDir(ctx, g, env, cfg); err != nil {
		return nil, err
	}
	if t.runtime, err = ownRuntime(ctx, g, cfg, t.vendor); err != nil {
		return nil, err
	}
	if t.runtime != nil {
		return t, compatible(t.runtime, cfg.Guard)
	}
	return t, nil
}

// list asks the go command for the packages.
func (t *target) list(ctx context.Context, g goTool, cfg Config) error {
	args := append([]string{"list", "-json=ImportPath,Name,Target,GoFiles,CgoFiles"}, loadFlags(cfg.BuildFlags)...)
	out, err := g.output(ctx, append(append(args, "--"), cfg.Patterns...)...)
	if err != nil {
		return err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the output of go list: %w", err)
		}
		if len(p.GoFiles)+len(p.CgoFiles) > 0 || cfg.test != nil { // else only tests are in it
			t.packages = append(t.packages, p)
		}
	}
	if len(t.packages) == 0 {
		return &load.NoMatchError{Patterns: cfg.Patterns}
	}
	return nil
}

// oneMain says what is wrong if the packages are not one program.
func (t *target) oneMain(patterns []string) error {
	named := strings.Join(patterns, " ")
	switch mains := t.mains(); {
	case len(mains) == 1:
		return nil
	case len(mains) > 1:
		return fmt.Errorf("%s means several programs, %s and %s among them: name one", named, mains[0].ImportPath, mains[1].ImportPath)
	case len(t.packages) == 1:
		return fmt.Errorf("%s is not a program: its package is not called main; name a main package", t.packages[0].ImportPath)
	}
	return fmt.Errorf("%s holds no program: of its %d packages none is called main; name a main package", named, len(t.packages))
}

// mains returns the main packages.
func (t *target) mains() []listed {
	var out []listed
	for _, p := range t.packages {
		if p.Name == "main" {
			out = append(out, p)
		}
	}
	return out
}

// executable is the name that go build gives the program if there is one
// package and that is it, else "".
func (t *target) executable(cfg Config) string {
	switch {
	case len(t.packages) != 1 || t.packages[0].Name != "main":
		return ""
	case t.files:
		return strings.TrimSuffix(filepath.Base(cfg.Patterns[0]), ".go")
	}
	return filepath.Base(t.packages[0].Target)
}

// vendorDir returns the vendor directory that the build uses, "" if it uses
// none. The go command says so itself, by where it looks for a module.
func vendorDir(ctx context.Context, g goTool, env goEnv, cfg Config) (string, error) {
	dir := filepath.Join(env.root(), "vendor")
	mod := flagValues(env, cfg)["mod"]
	if mod == "vendor" {
		return dir, nil
	}
	if mod != "" || !isDir(dir) {
		return "", nil
	}
	// Listing all modules is the one thing that cannot be done with a vendor
	// directory, and it fails before it reads anything.
	args := append([]string{"list", "-m", "-f="}, loadFlags(cfg.BuildFlags)...)
	_, err := g.output(ctx, append(args, "all")...)
	var failed *GoError
	if errors.As(err, &failed) && strings.Contains(failed.Output, "vendor directory") {
		return dir, nil
	}
	return "", err
}

// ownRuntime returns the lifesign module that the program is built with
// already, nil if there is none. Its directory is the one in vendor, if the
// build uses that.
func ownRuntime(ctx context.Context, g goTool, cfg Config, vendor string) (*load.Module, error) {
	args := append([]string{"list", "-m", "-e", "-json=Path,Version,Dir,Main,Error"}, loadFlags(cfg.BuildFlags)...)
	if vendor == "" {
		args = append(args, "-mod=readonly")
	}
	out, err := g.output(ctx, append(args, runtimeModule)...)
	if err != nil {
		return nil, err
	}
	var m struct {
		load.Module
		Error *struct{ Err string }
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, fmt.Errorf("read the output of go list -m: %w", err)
	}
	if m.Error != nil {
		return nil, nil // it is not a known dependency
	}
	if dir := filepath.Join(vendor, filepath.FromSlash(runtimeModule)); vendor != "" {
		if !isDir(dir) {
			return nil, nil // required, and not imported
		}
		m.Module.Dir = dir
	}
	return &m.Module, nil
}

// refuse says why a build cannot be woven, if the environment or the flags
// make it one of those.
func refuse(env goEnv, cfg Config) error {
	if env.GOWORK == "" && (env.GOMOD == "" || env.GOMOD == os.DevNull) {
		return fmt.Errorf("no go.mod in %s or above it: lifesign weaves programs that are built with modules", cfg.Dir)
	}
	flags := flagValues(env, cfg)
	if _, ok := flags["overlay"]; ok {
		return fmt.Errorf("the build has a flag -overlay of its own, which lifesign needs for the woven files: build without it")
	}
	if c, ok := flags["compiler"]; ok && c != "gc" {
		return fmt.Errorf("-compiler=%s: lifesign knows the runtime of the gc compiler alone: build without it", c)
	}
	if isSet(flags, "linkshared") {
		return fmt.Errorf("-linkshared: the shared standard library has no place for hooks: build without it")
	}
	return nil
}

// root is the directory that relative paths of go.mod or go.work start from.
func (e goEnv) root() string {
	if e.GOWORK != "" {
		return filepath.Dir(e.GOWORK)
	}
	return filepath.Dir(e.GOMOD)
}
