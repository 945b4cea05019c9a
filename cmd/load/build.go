package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"
)

// builder collects what go/packages does not keep.
type builder struct {
	fset *token.FileSet

	mu   sync.Mutex // guards sums: files are parsed concurrently
	sums map[string]uint32
}

func newBuilder() *builder {
	return &builder{fset: token.NewFileSet(), sums: make(map[string]uint32)}
}

func (b *builder) config(ctx context.Context, cfg Config) *packages.Config {
	return &packages.Config{
		Context:    ctx,
		Mode:       mode,
		Dir:        cfg.Dir,
		Env:        cfg.Env,
		BuildFlags: cfg.BuildFlags,
		Fset:       b.fset,
		ParseFile:  b.parse,
	}
}

func (b *builder) parse(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
	b.mu.Lock()
	b.sums[name] = crc32.ChecksumIEEE(src)
	b.mu.Unlock()
	return parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution|parser.AllErrors)
}

// pkg makes the Package of p.
func (b *builder) pkg(p *packages.Package) *Package {
	out := &Package{
		Path: p.PkgPath, Name: p.Name, Dir: p.Dir, Module: moduleOf(p.Module),
		Other: p.OtherFiles, Syntax: p.Syntax, Types: p.Types, Info: p.TypesInfo,
	}
	compiled := make(map[string]bool)
	for _, name := range p.CompiledGoFiles {
		compiled[name] = true
	}
	source := make(map[string]bool)
	for _, name := range p.GoFiles {
		source[name] = true
		if !compiled[name] {
			out.Cgo = append(out.Cgo, name)
		}
	}
	for _, f := range p.Syntax {
		t := b.fset.File(f.Package)
		if source[t.Name()] {
			out.Files = append(out.Files, &File{Path: t.Name(), Size: t.Size(), Sum: b.sums[t.Name()], Syntax: f})
		}
	}
	sort.Slice(out.Files, func(i, j int) bool { return out.Files[i].Path < out.Files[j].Path })
	return out
}

func moduleOf(m *packages.Module) *Module {
	if m == nil {
		return nil
	}
	out := &Module{Path: m.Path, Version: m.Version, Dir: m.Dir, GoMod: m.GoMod, GoVersion: m.GoVersion, Main: m.Main}
	if m.Replace != nil {
		out.Replaced = true
		if out.Dir == "" {
			out.Dir = m.Replace.Dir
		}
	}
	return out
}

// platform asks the go command what it builds with and for, and marks the
// standard library.
func (b *builder) platform(ctx context.Context, cfg Config, prog *Program) error {
	out, err := goCommand(ctx, cfg, "env", "GOVERSION", "GOOS", "GOARCH", "GOROOT").Output()
	if err != nil {
		return goError(ctx, fmt.Errorf("go env: %w", err))
	}
	f := strings.Split(strings.TrimRight(string(out), "\r\n"), "\n")
	if len(f) != 4 {
		return fmt.Errorf("go env: %q where four lines are expected", out)
	}
	for i := range f {
		f[i] = strings.TrimRight(f[i], "\r")
	}
	version, _, _ := strings.Cut(f[0], " ") // experiments follow the version
	prog.GoVersion, prog.GOOS, prog.GOARCH = version, f[1], f[2]
	std := filepath.Join(f[3], "src") + string(filepath.Separator)
	for _, list := range [][]*Package{prog.Packages, prog.Runtime} {
		for _, p := range list {
			p.Standard = p.Path == "unsafe" || p.Module == nil && strings.HasPrefix(p.Dir+string(filepath.Separator), std)
		}
	}
	return nil
}

func goCommand(ctx context.Context, cfg Config, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = cfg.Dir
	cmd.Env = cfg.Env
	if cfg.Dir != "" {
		cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], "PWD="+absolute(cfg.Dir))
	}
	return cmd
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// faults returns the error of a program that does not build, nil if it does.
// The type checker here is not the compiler, and words some messages
// differently: so the compiler is asked.
func faults(ctx context.Context, cfg Config, roots []*packages.Package) error {
	var found []packages.Error
	packages.Visit(roots, nil, func(p *packages.Package) {
		found = append(found, p.Errors...)
	})
	if len(found) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	args := append([]string{"build", "-o", os.DevNull}, cfg.BuildFlags...)
	cmd := goCommand(ctx, cfg, append(append(args, "--"), cfg.Patterns...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && out.Len() > 0 {
		return &CompileError{out.String()}
	}
	return &CompileError{strings.Join(lines(found), "\n")}
}

// lines returns the messages of errs, each once. A package that fails to
// compile is reported again by all that import it.
func lines(errs []packages.Error) []string {
	seen := make(map[string]bool)
	var out []string
	for _, e := range errs {
		text := strings.TrimSpace(e.Error())
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}

// goError returns the error of a run of the go command that did not happen or
// gave nothing. Being told to stop is not the go command's fault.
func goError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}
