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

// target is the program to weave and what the go command says of it.
type target struct {
	path       string       // import path of the main package
	executable string       // the name that go build would give the binary
	runtime    *load.Module // the lifesign module in the program's build list, nil if there is none
}

// resolve finds the one main package that the configuration means. Builds that
// cannot be woven are refused here, before the long work starts.
func resolve(ctx context.Context, g goTool, env goEnv, cfg Config) (*target, error) {
	if strings.HasSuffix(cfg.Package, ".go") {
		return nil, fmt.Errorf("%s is a file: name the package it belongs to, such as . or ./cmd/server", cfg.Package)
	}
	if err := refuse(env, cfg); err != nil {
		return nil, err
	}
	t := new(target)
	if err := t.findMain(ctx, g, cfg); err != nil {
		return nil, err
	}
	var err error
	if t.runtime, err = ownRuntime(ctx, g, cfg); err != nil {
		return nil, err
	}
	if t.runtime != nil {
		return t, compatible(t.runtime)
	}
	return t, nil
}

// findMain looks for the main package among those that cfg names.
func (t *target) findMain(ctx context.Context, g goTool, cfg Config) error {
	args := append([]string{"list", "-json=ImportPath,Name,Target"}, cfg.buildFlags()...)
	out, err := g.output(ctx, append(args, "--", cfg.Package)...)
	if err != nil {
		return err
	}
	var others []string
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Name, Target string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the output of go list: %w", err)
		}
		switch {
		case p.Name != "main":
			others = append(others, p.ImportPath)
		case t.path != "":
			return fmt.Errorf("%s means several programs, %s and %s among them: name one", cfg.Package, t.path, p.ImportPath)
		default:
			t.path, t.executable = p.ImportPath, filepath.Base(p.Target)
		}
	}
	switch {
	case t.path != "":
		return nil
	case len(others) == 1:
		return fmt.Errorf("%s is not a program: its package is not called main; name a main package", others[0])
	}
	return fmt.Errorf("%s holds no program: of its %d packages none is called main; name a main package", cfg.Package, len(others))
}

// ownRuntime returns the lifesign module that the program is built with
// already, nil if there is none.
func ownRuntime(ctx context.Context, g goTool, cfg Config) (*load.Module, error) {
	out, err := g.output(ctx, "list", "-m", "-e", "-mod=readonly", "-json=Path,Version,Dir,Main,Error", runtimeModule)
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
	return &m.Module, nil
}

// refuse says why a build cannot be woven, if the environment or the flags
// make it one of those.
func refuse(env goEnv, cfg Config) error {
	if env.GOWORK == "" && (env.GOMOD == "" || env.GOMOD == os.DevNull) {
		return fmt.Errorf("no go.mod in %s or above it: lifesign weaves programs that are built with modules", cfg.Dir)
	}
	flags := flagValues(env, cfg)
	for _, name := range []string{"overlay", "modfile"} {
		if _, ok := flags[name]; ok {
			return fmt.Errorf("the build has a flag -%s of its own, which lifesign needs for the woven files: build without it", name)
		}
	}
	for _, name := range []string{"cover", "covermode", "coverpkg"} {
		if _, ok := flags[name]; ok {
			return fmt.Errorf("-%s compiles the original files instead of the woven ones: build without it", name)
		}
	}
	vendor := filepath.Join(env.root(), "vendor")
	_, err := os.Stat(filepath.Join(vendor, "modules.txt"))
	if mod := flags["mod"]; mod == "vendor" || mod == "" && err == nil {
		return fmt.Errorf("the dependencies in %s cannot be woven yet: set GOFLAGS=-mod=mod to build with those of the module cache", vendor)
	}
	return nil
}

// flagValues returns the flags that a go command of the build is given, by
// name.
func flagValues(env goEnv, cfg Config) map[string]string {
	flags := make(map[string]string)
	for _, f := range append(strings.Fields(env.GOFLAGS), cfg.BuildFlags...) {
		name, value, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		flags[name] = value
	}
	return flags
}

// root is the directory that relative paths of go.mod or go.work start from.
func (e goEnv) root() string {
	if e.GOWORK != "" {
		return filepath.Dir(e.GOWORK)
	}
	return filepath.Dir(e.GOMOD)
}
