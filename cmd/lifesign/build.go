package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/cmd/weave"
)

const buildUsage = `usage: lifesign build [-scope PATTERNS] [-tags TAGS] [-o FILE] [-v] PACKAGE

Build weaves lifesign's hooks into a program and builds it. PACKAGE is a main
package, named as for go build. Its sources and its go.mod are not changed.

  -scope PATTERNS  import paths to weave, separated by commas, such as
                   example.com/mod/...; without it, the main module
  -tags TAGS       build tags, separated by commas
  -o FILE          where to put the binary, as for go build
  -v               list what could not be woven, and why
`

// buildOptions say what to weave and build.
type buildOptions struct {
	dir     string // where the go command runs; "" is the current directory
	pkg     string
	scope   string // patterns, separated by commas
	tags    string // separated by commas
	output  string // "" is go build's choice
	verbose bool   // list what could not be woven
}

// buildCommand is lifesign build. It returns the exit status.
func buildCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o buildOptions
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.scope, "scope", "", "")
	flags.StringVar(&o.tags, "tags", "", "")
	flags.StringVar(&o.output, "o", "", "")
	flags.BoolVar(&o.verbose, "v", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, buildUsage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "lifesign build: %v (lifesign build -h lists the flags)\n", err)
		return 2
	case flags.NArg() != 1:
		fmt.Fprintf(stderr, "lifesign build: one package is needed, there are %d (flags come before it)\n", flags.NArg())
		return 2
	}
	o.pkg = flags.Arg(0)
	if _, err := weaveProgram(ctx, o, stderr); err != nil {
		return buildFailed(ctx, "build", err, stderr)
	}
	return 0
}

// weaveProgram weaves and builds a program, and tells on stderr how far it is
// and what it has woven. It does not report its error.
func weaveProgram(ctx context.Context, o buildOptions, stderr io.Writer) (weave.Result, error) {
	p := newProgress(stderr)
	result, err := weave.Build(ctx, weave.Config{
		Dir:      o.dir,
		Package:  o.pkg,
		Scope:    list(o.scope),
		Tags:     list(o.tags),
		Output:   o.output,
		Progress: p.step,
	})
	p.end()
	if err != nil {
		return weave.Result{}, err
	}
	c := result.Counts
	fmt.Fprintf(stderr, "woven: %s, %s in %s", number(c.Operations, "operation"), number(c.Regions, "region"), number(c.Packages, "package"))
	switch {
	case c.Skipped > 0 && o.verbose:
		fmt.Fprintf(stderr, "; %d not woven:\n", c.Skipped)
		for _, s := range result.Model.Skipped {
			fmt.Fprintf(stderr, "  %s: %s: %s\n", s.Place, s.What, s.Why)
		}
	case c.Skipped > 0:
		fmt.Fprintf(stderr, "; %d not woven (-v lists them)\n", c.Skipped)
	default:
		fmt.Fprintln(stderr)
	}
	return result, nil
}

// buildFailed reports an error of weaveProgram to the user of command and returns the exit status. What
// the go command says of the program stands as it is, for editors and eyes
// that know its form.
func buildFailed(ctx context.Context, command string, err error, stderr io.Writer) int {
	var failed *weave.GoError
	var compile *load.CompileError
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "lifesign %s: interrupted\n", command)
		return 130
	case errors.As(err, &compile), errors.As(err, &failed) && !failed.Woven:
		fmt.Fprintln(stderr, err)
	default:
		fmt.Fprintf(stderr, "lifesign %s: %v\n", command, err)
	}
	return 1
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// progress tells how far a build is: on a terminal in one line that is written
// over and cleared at the end, elsewhere in a line a phase.
type progress struct {
	out      io.Writer
	terminal bool
	start    time.Time
	stop     func() // ends the ticker, if there is one

	mu    sync.Mutex // guards phase and the line on the terminal
	phase weave.Phase
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, start: time.Now(), stop: func() {}}
	if f, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		p.terminal = err == nil
	}
	if p.terminal {
		done, ended := make(chan struct{}), make(chan struct{})
		go p.tick(done, ended)
		p.stop = func() { close(done); <-ended }
	}
	return p
}

// tick rewrites the line until done is closed, then clears it.
func (p *progress) tick(done <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.show("\r", "\033[K")
		case <-done:
			fmt.Fprint(p.out, "\r\033[K")
			return
		}
	}
}

func (p *progress) show(before, after string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == "" {
		return
	}
	fmt.Fprintf(p.out, "%slifesign: %s, %.1f s%s", before, p.phase, time.Since(p.start).Seconds(), after)
}

// step is told of each phase as it begins and ends.
func (p *progress) step(s weave.Step) {
	if s.Done {
		return
	}
	p.mu.Lock()
	p.phase = s.Phase
	p.mu.Unlock()
	if !p.terminal {
		p.show("", "\n")
	}
}

// end clears the line.
func (p *progress) end() { p.stop() }
