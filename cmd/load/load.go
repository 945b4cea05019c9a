// Package load reads a Go program for analysis: the packages that a pattern
// names and everything they depend on, the standard library included, with
// syntax and types.
//
// It runs the go command as the user's own build would (go.work, vendor
// directories, GOFLAGS and build tags count) and changes nothing: no go.mod, no
// go.sum. A program that does not build is an error, with the compiler's own
// words; a Program is whole and well typed. Tests are not loaded.
//
// A Program is not changed after Load and may be read by any number of
// goroutines.
package load

import (
	"context"
	"fmt"
	"os"
	"sort"

	"golang.org/x/tools/go/packages"
)

// Config says what to load and how. The zero value loads the package in the
// current directory.
type Config struct {
	Dir        string   // where the go command runs; "" is the current directory
	Patterns   []string // as for go list; none is "."
	Env        []string // nil is the current environment
	BuildFlags []string // for the go command: "-tags=netgo", "-race"
	Main       bool     // demand that the patterns name at least one main package
}

// mode asks for everything of every package: the call graph needs the bodies
// of the standard library's functions too.
const mode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles |
	packages.NeedImports | packages.NeedDeps | packages.NeedModule |
	packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo

// Load loads a program. Its errors are *NoMatchError, *NoMainError,
// *CompileError, or those of the go command; each is complete, so that the
// caller prints it as it is.
func Load(ctx context.Context, cfg Config) (*Program, error) {
	if len(cfg.Patterns) == 0 {
		cfg.Patterns = []string{"."}
	}
	if cfg.Env == nil {
		cfg.Env = os.Environ()
	}
	// What is analysed must be what the go command builds, so no other driver
	// of go/packages is asked.
	cfg.Env = append(cfg.Env[:len(cfg.Env):len(cfg.Env)], "GOPACKAGESDRIVER=off")
	b := newBuilder()
	roots, err := packages.Load(b.config(ctx, cfg), cfg.Patterns...)
	if err != nil {
		return nil, goError(ctx, err)
	}
	if len(roots) == 0 {
		return nil, &NoMatchError{cfg.Patterns}
	}
	if err := faults(ctx, cfg, roots); err != nil {
		return nil, err
	}
	prog, err := b.program(ctx, cfg, roots)
	if err != nil {
		return nil, err
	}
	if cfg.Main && !hasMain(prog.Roots) {
		return nil, &NoMainError{cfg.Patterns, len(prog.Roots)}
	}
	return prog, nil
}

func hasMain(pkgs []*Package) bool {
	for _, p := range pkgs {
		if p.Name == "main" {
			return true
		}
	}
	return false
}

// program makes the Program of what go/packages gave.
func (b *builder) program(ctx context.Context, cfg Config, roots []*packages.Package) (*Program, error) {
	prog := &Program{Fset: b.fset}
	made := make(map[*packages.Package]*Package)
	packages.Visit(roots, nil, func(p *packages.Package) {
		made[p] = b.pkg(p)
		prog.Packages = append(prog.Packages, made[p])
	})
	for _, p := range roots {
		prog.Roots = append(prog.Roots, made[p])
		if prog.Sizes == nil {
			prog.Sizes = p.TypesSizes
		}
	}
	if err := b.addRuntime(ctx, cfg, prog); err != nil {
		return nil, err
	}
	for _, list := range [][]*Package{prog.Packages, prog.Roots, prog.Runtime} {
		sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	}
	return prog, b.platform(ctx, cfg, prog)
}

// runtimePackages are the packages whose structures a reader of the woven
// program's memory must know.
var runtimePackages = []string{"internal/sync", "runtime", "sync"}

// addRuntime finds the runtime packages in the program. A program that does
// not import them has them linked in all the same; then they are loaded by
// themselves.
func (b *builder) addRuntime(ctx context.Context, cfg Config, prog *Program) error {
	for _, p := range prog.Packages {
		if isRuntime(p.Path) {
			prog.Runtime = append(prog.Runtime, p)
		}
	}
	if len(prog.Runtime) == len(runtimePackages) {
		return nil
	}
	roots, err := packages.Load(b.config(ctx, cfg), "runtime", "sync")
	if err != nil {
		return goError(ctx, err)
	}
	prog.Runtime = nil
	packages.Visit(roots, nil, func(p *packages.Package) {
		if isRuntime(p.PkgPath) {
			prog.Runtime = append(prog.Runtime, b.pkg(p))
		}
	})
	if len(prog.Runtime) == 0 {
		return fmt.Errorf("load package runtime: the go command does not find it")
	}
	return nil
}

func isRuntime(path string) bool {
	for _, p := range runtimePackages {
		if p == path {
			return true
		}
	}
	return false
}
