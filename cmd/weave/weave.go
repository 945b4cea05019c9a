// Package weave builds a woven program: the plain one with lifesign's hooks in
// it. It loads and analyzes the program, generates the woven files and has the
// go command build them with an overlay and a copy of the module graph.
//
// Guarantees:
//
//  1. Nothing of the user's is written but the output: no source, no go.mod,
//     no go.sum. This holds for failure and cancellation too.
//  2. Nothing is left behind but the cache, when Build returns: no temporary
//     file and no process. (Killed by SIGKILL, it leaves a directory
//     lifesign-build-* in the temporary directory.)
//  3. The program is built from the very versions of its dependencies that it
//     has without lifesign. One module is added, lifesign's runtime, which
//     requires nothing.
//  4. What the user sees of a program that does not compile is the go
//     command's own message about the plain program, once.
//  5. A rebuild of unchanged sources hits the go command's build cache.
//
// Builds may run at the same time, in one process or several, with one cache.
//
// It does not weave builds that have an overlay of their own or that gccgo
// makes: those are refused with one clear line. Programs for platforms on which
// nothing could be watched are built plain, and the result says so.
package weave

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// Config says what to build.
type Config struct {
	Dir        string   // where the go command runs; "" is the current directory
	Patterns   []string // packages, or files of one, as for go build; none is "."
	Main       bool     // the patterns must mean one program
	Scope      []string // patterns of the import paths to weave; none is the main module
	Rules      analyze.Rules
	Guard      bool     // weave guards around what serves requests
	BuildFlags []string // flags for go build, each in one piece: "-race", "-tags=a,b"
	Output     string   // as for go build -o, relative to Dir; "" is go build's choice
	Env        []string // environment of the go command; nil is this process's
	CacheDir   string   // "" is lifesign in the user's cache directory

	// Mapper is a command that does what MapTool does. Coverage and tests need
	// it.
	Mapper []string

	// Stdout and Stderr get what the go command prints of a build that succeeds,
	// such as the commands of -x; nil is nowhere.
	Stdout, Stderr io.Writer

	// Progress, if not nil, is told of each step as it begins and as it ends.
	// It is called by one goroutine at a time.
	Progress func(Step)

	test     *TestConfig // by Test
	identity string      // of this lifesign, in tests
}

// Phase is a part of the work, named for the user.
type Phase string

// The phases, in order.
const (
	Resolve  Phase = "resolve"
	Recall   Phase = "recall" // finds out whether a build before has analyzed the same; then the next two are left out
	Load     Phase = "load"
	Analyze  Phase = "analyze"
	Generate Phase = "generate"
	Compile  Phase = "compile"
)

// Step is one phase of one build.
type Step struct {
	Phase Phase
	Done  bool
	Took  time.Duration // if Done
}

// Result is what was built.
type Result struct {
	Binary string // absolute path of the program, "" if it is not one program
	Plain  string // why nothing is woven, "" if it is; then there is no Model
	Model  *analyze.Model
	Steps  []Step
	Counts Counts

	// Links maps the directories that woven dependencies were compiled at, and
	// that their stack frames show, to those of the module cache.
	Links map[string]string
}

// Counts says how much is woven.
type Counts struct {
	Packages   int // with at least one site
	Operations int
	Regions    int
	Guards     int
	Skipped    int // operations that could not be woven; the model says why
}

// Build weaves and builds the packages.
func Build(ctx context.Context, cfg Config) (Result, error) {
	b := &builder{cfg: cfg, ctx: ctx}
	result, err := b.build()
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// builder is one run of Build or Test.
type builder struct {
	cfg   Config
	ctx   context.Context
	tool  goTool
	env   goEnv
	cache cache
	load  []string // patterns of what to load and weave, if they are not the configuration's
	temp  string   // directory
	steps []Step

	beside sync.WaitGroup // what is done while the build goes on
}

func (b *builder) build() (Result, error) {
	var r Result
	if err := b.prepare(); err != nil {
		return r, err
	}
	defer b.clean()
	t, err := b.resolve()
	if err != nil {
		return r, err
	}
	if r.Binary, err = outputPath(b.cfg, t); err != nil {
		return r, err
	}
	w := new(woven)
	if r.Plain = b.env.unwatchable(); r.Plain == "" {
		w, err = b.weave(t, &r)
	}
	if err != nil {
		return r, err
	}
	err = b.step(Compile, func() error { return b.compile(w, r.Binary) })
	r.Steps = b.steps
	return r, err
}

func (b *builder) resolve() (t *target, err error) {
	err = b.step(Resolve, func() (err error) {
		t, err = resolve(b.ctx, b.tool, b.env, b.cfg)
		return err
	})
	return t, err
}

// weave makes the woven program up to where the go command takes over, and
// notes in r what it is.
func (b *builder) weave(t *target, r *Result) (*woven, error) {
	k, err := b.model(t)
	if err != nil {
		return nil, err
	}
	r.Model, r.Counts, r.Links = k.Model, count(k.Model), make(map[string]string)
	var w *woven
	err = b.step(Generate, func() (err error) {
		w, err = b.generate(t, k.Model, k.Modules)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, l := range w.plan.links {
		r.Links[l.path] = l.target
	}
	return w, nil
}

// prepare fills in what the configuration leaves open, and makes the directory
// for everything that does not outlive the build. The go command makes its own
// temporary files in it too: whatever happens to it, they are gone at the end.
func (b *builder) prepare() (err error) {
	if b.cfg.Dir, err = filepath.Abs(b.cfg.Dir); err != nil {
		return err
	}
	if b.cfg.Env == nil {
		b.cfg.Env = os.Environ()
	}
	if len(b.cfg.Patterns) == 0 {
		b.cfg.Patterns = []string{"."}
	}
	if b.cache, err = openCache(b.cfg.CacheDir); err != nil {
		return err
	}
	b.tool = goTool{dir: b.cfg.Dir, env: b.cfg.Env}.with("PWD=" + b.cfg.Dir)
	if b.env, err = b.tool.environment(b.ctx); err != nil {
		return err
	}
	if flagValues(b.env, b.cfg)["mod"] == "mod" {
		// It would let the go command change go.mod.
		flags := b.cfg.BuildFlags
		b.cfg.BuildFlags = append(flags[:len(flags):len(flags)], "-mod=readonly")
	}
	if b.temp, err = os.MkdirTemp(b.env.GOTMPDIR, "lifesign-build-"); err != nil {
		return b.explainTemp(err)
	}
	if b.cfg.test == nil { // tests would see it
		b.tool = b.tool.with("GOTMPDIR=" + b.temp)
	}
	return nil
}

// clean removes the temporary directory. With -work it stays, as the go
// command's own does, which is in it.
func (b *builder) clean() {
	b.beside.Wait()
	if !isSet(flagValues(b.env, b.cfg), "work") {
		removeAll(b.temp)
	}
}

// step runs one phase and reports it. A phase does not begin once the build
// is cancelled.
func (b *builder) step(p Phase, work func() error) error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	report := func(s Step) {
		if b.cfg.Progress != nil {
			b.cfg.Progress(s)
		}
	}
	report(Step{Phase: p})
	start := time.Now()
	err := work()
	if err != nil {
		return err
	}
	s := Step{Phase: p, Done: true, Took: time.Since(start)}
	b.steps = append(b.steps, s)
	report(s)
	return nil
}
