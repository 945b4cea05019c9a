package weave

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// TestConfig says how to test.
type TestConfig struct {
	Local bool     // no package is named: go test shows the test's output as it comes
	Args  []string // what follows the packages: arguments of the test binary

	// Run runs the go command that tests, with the streams it chooses, and is told
	// what is woven. Its error is Test's.
	Run func(Result, *exec.Cmd) error
}

// Test weaves the packages that the configuration names, and what they and
// their tests are made of, and has the go command test them. BuildFlags are all
// flags of go test. The files of the tests themselves are not woven, and vet
// reads the plain files.
//
// Packages that cannot be loaded are tested plain: what go test says of them is
// then the whole story. The result has no Model in that case.
func Test(ctx context.Context, cfg Config, test TestConfig) (Result, error) {
	cfg.test = &test
	b := &builder{cfg: cfg, ctx: ctx}
	var r Result
	if err := b.prepare(); err != nil {
		return r, err
	}
	defer b.clean()
	w, err := b.weaveTests(&r)
	if err != nil {
		return r, err
	}
	err = b.step(Compile, func() error { return test.Run(r, b.testCommand(w)) })
	r.Steps = b.steps
	return r, err
}

// weaveTests weaves what can be woven. The result is empty if that is nothing.
func (b *builder) weaveTests(r *Result) (*woven, error) {
	if r.Plain = b.env.unwatchable(); r.Plain != "" {
		return new(woven), nil
	}
	var t *target
	err := b.step(Resolve, func() (err error) {
		if t, err = resolve(b.ctx, b.tool, b.env, b.cfg); err == nil && !t.files {
			b.load, err = b.testedPackages()
		}
		return err
	})
	if err == nil && len(b.load) > 0 {
		w, err := b.weave(t, r)
		var compile *load.CompileError
		if !errors.As(err, &compile) {
			return w, err
		}
		r.Plain = "the packages do not build"
		return new(woven), nil
	}
	var unknown *GoError
	switch {
	case errors.As(err, &unknown): // go test says it again, in its own words
		r.Plain = "the go command finds a fault in the packages"
	case err != nil:
		return nil, err
	case t.files:
		r.Plain = "files are named, and not a package"
	default:
		r.Plain = "there is no package but tests"
	}
	return new(woven), nil
}

// testedPackages returns the import paths of all packages that the tests are
// built from, the standard library and the tests themselves left out.
func (b *builder) testedPackages() ([]string, error) {
	args := append([]string{"list", "-e", "-test", "-deps", "-json=ImportPath,Standard,ForTest,GoFiles,CgoFiles"}, loadFlags(b.cfg.BuildFlags)...)
	out, err := b.tool.withoutCover(b.env).output(b.ctx, append(append(args, "--"), b.cfg.Patterns...)...)
	if err != nil {
		return nil, err
	}
	var paths []string
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, ForTest string
			Standard            bool
			GoFiles, CgoFiles   []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return paths, nil
		} else if err != nil {
			return nil, err
		}
		if !p.Standard && p.ForTest == "" && len(p.GoFiles)+len(p.CgoFiles) > 0 && !strings.HasSuffix(p.ImportPath, ".test") {
			paths = append(paths, p.ImportPath)
		}
	}
}

// testCommand is the go command that tests.
func (b *builder) testCommand(w *woven) *exec.Cmd {
	args := append([]string{"test"}, b.cfg.BuildFlags...)
	args = append(args, w.flags...)
	if b.cfg.Output != "" {
		args = append(args, "-o", b.cfg.Output)
	}
	if !b.cfg.test.Local {
		args = append(args, b.cfg.Patterns...)
	}
	cmd := exec.Command("go", append(args, b.cfg.test.Args...)...)
	cmd.Dir, cmd.Env = b.tool.dir, append(slices.Clip(b.tool.env), w.env...)
	return cmd
}
