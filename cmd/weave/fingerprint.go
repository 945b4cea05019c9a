package weave

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// A fingerprint is a hash of all that the analysis of a program goes by: which
// lifesign it is, the go command's version and environment, flags, scope and rules,
// and every file. What the go command itself takes for unchangeable is taken by its
// name: the standard library by the version, packages of the module cache by their
// module's. All other files are read, those of vendor directories too. Like the go
// command's own build cache it does not see a C compiler or a system header that
// was changed in its place.

// fingerprint returns that of the program that patterns mean, and what of it may
// change.
func (b *builder) fingerprint(patterns []string) (print string, seen *snapshot, err error) {
	tool := b.cfg.identity
	if tool == "" {
		if tool, err = ownIdentity(); err != nil {
			return "", nil, fmt.Errorf("find out which lifesign this is: %w", err)
		}
	}
	h := sha256.New()
	field := func(name string, values ...string) { fmt.Fprintf(h, "%s %q\n", name, values) }
	field("tool", tool)
	field("dir", b.cfg.Dir)
	field("patterns", patterns...)
	field("flags", loadFlags(b.cfg.BuildFlags)...)
	field("scope", b.cfg.Scope...)
	field("rules", b.cfg.Rules.String())
	field("guard", fmt.Sprint(b.cfg.Guard))
	field("test", fmt.Sprint(b.cfg.test != nil))
	env, err := b.stableEnv()
	if err != nil {
		return "", nil, err
	}
	field("env", string(env))
	args := append([]string{"list", "-deps", "-json=" + listedFields}, loadFlags(b.cfg.BuildFlags)...)
	out, err := b.tool.withoutCover(b.env).output(b.ctx, append(append(args, "--"), patterns...)...)
	if err != nil {
		return "", nil, err
	}
	seen = &snapshot{map[string]string{}}
	if err := b.hashPackages(h, out, seen); err != nil {
		return "", nil, err
	}
	mod, sum := modFile(b.env, b.cfg)
	for _, name := range []string{mod, sum, b.env.GOWORK, filepath.Join(b.env.root(), "vendor", "modules.txt")} {
		seen.add(name)
	}
	return hex.EncodeToString(h.Sum(nil)), seen, nil
}

// snapshot is what was in files and directories at a time.
type snapshot struct {
	holds map[string]string // by path: a hash of a file's content, the names in a directory
}

// add notes what a file or directory holds, and returns it; "" if it cannot be read.
func (s *snapshot) add(path string) string {
	s.holds[path] = content(path)
	return s.holds[path]
}

// same reports whether they hold the same still.
func (s *snapshot) same() bool {
	for path, held := range s.holds {
		if content(path) != held {
			return false
		}
	}
	return true
}

func content(path string) string {
	if isDir(path) {
		entries, err := os.ReadDir(path)
		if err != nil {
			return ""
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return fmt.Sprintf("%q", names)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// unstable are what go env says and the analysis does not go by: some are another
// directory for each command.
var unstable = []string{"GOGCCFLAGS", "GOTMPDIR", "GOCACHE", "GOTELEMETRY", "GOTELEMETRYDIR", "GOPROXY", "GOSUMDB", "GONOPROXY", "GONOSUMDB", "GOVCS", "GOAUTH"}

// stableEnv is the rest of what go env says.
func (b *builder) stableEnv() ([]byte, error) {
	out, err := b.tool.withoutCover(b.env).output(b.ctx, "env", "-json")
	if err != nil {
		return nil, err
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("read the output of go env: %w", err)
	}
	for _, name := range unstable {
		delete(env, name)
	}
	return json.Marshal(env) // sorted
}

// listedFields are what go list is asked for of each package. All of it counts.
const listedFields = "ImportPath,Name,Dir,Standard,DepOnly,Module,ImportMap,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles"

// listedPackage is what is needed here of that.
type listedPackage struct {
	Dir      string
	Standard bool

	GoFiles, CgoFiles, CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SwigCXXFiles []string
}

func (p *listedPackage) files() []string {
	return slices.Concat(p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles, p.SwigFiles, p.SwigCXXFiles)
}

// hashPackages adds packages to a hash: what the go command says of them, and the
// files that may change, which are noted in seen with their directories.
func (b *builder) hashPackages(h hash.Hash, listed []byte, seen *snapshot) error {
	for d := json.NewDecoder(bytes.NewReader(listed)); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the output of go list: %w", err)
		}
		var p listedPackage
		if err := json.Unmarshal(raw, &p); err != nil {
			return fmt.Errorf("read the output of go list: %w", err)
		}
		fmt.Fprintf(h, "package %d\n", len(raw))
		h.Write(raw)
		if _, cached := beneath(b.env.GOMODCACHE, p.Dir); p.Standard || cached {
			continue
		}
		seen.add(p.Dir)
		for _, name := range p.files() {
			if !filepath.IsAbs(name) {
				name = filepath.Join(p.Dir, name)
			}
			sum := seen.add(name)
			if sum == "" {
				return fmt.Errorf("read %s: it is not there any more", name)
			}
			fmt.Fprintf(h, "file %s\n", sum)
		}
	}
}

// ownIdentity tells one lifesign from another: what the linker has noted of all that
// is in it, or a hash of the file if it has noted nothing.
var ownIdentity = sync.OnceValues(func() (string, error) {
	const self = "/proc/self/exe" // what runs, whatever bears its name by now
	if f, err := elf.Open(self); err == nil {
		defer f.Close()
		if s := f.Section(".note.go.buildid"); s != nil {
			if note, err := s.Data(); err == nil && len(bytes.Trim(note, "\x00")) > 32 {
				return hex.EncodeToString(note), nil
			}
		}
	}
	name, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
})

// modulesOf are the modules that a program is built from, by path.
func modulesOf(prog *load.Program) map[string]*load.Module {
	modules := make(map[string]*load.Module)
	for _, p := range prog.Packages {
		if p.Module != nil {
			modules[p.Module.Path] = p.Module
		}
	}
	return modules
}
