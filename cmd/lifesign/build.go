package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/cmd/weave"
)

const buildUsage = `usage: lifesign build [-o OUTPUT] [FLAGS] [PACKAGES]

Build weaves lifesign's hooks into programs and builds them. It takes what
go build takes: packages or the files of one, and the build flags, such as
-race, -tags, -trimpath, -cover, -ldflags or -C. Sources and go.mod are not
changed.

  -scope PATTERNS  import paths to weave, separated by commas, such as
                   example.com/mod/...; without it, the main module
  -rules FILE      your own rules of what can block, see lifesign analyze -h
  -guard           weave guards around what serves one request: its panic costs that
                   request. lifesign analyze -guard lists them
  -o OUTPUT        where to put the binary or binaries, as for go build
  -v               list what could not be woven, and why
  -unwoven FILE    write that list to FILE, a JSON object a line

Not taken are -overlay, which lifesign needs itself, -linkshared, and compilers
other than gc.
`

// buildOptions say what to weave and build.
type buildOptions struct {
	dir      string   // where the go command runs; "" is the current directory
	patterns []string // packages or files
	main     bool     // they must be one program
	scope    string   // patterns, separated by commas
	rules    string   // file, "" for none
	guard    bool     // with guards
	flags    []string // of the go command
	output   string   // "" is go build's choice
	verbose  bool     // list what could not be woven
	lister   string   // how the user can have that list
	unwoven  string   // file for that list, "" for none
}

// buildCommand is lifesign build. It returns the exit status.
func buildCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := buildOptions{lister: "-v"}
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.output, "o", "", "")
	flags.BoolVar(&o.verbose, "v", false, "")
	addBuildFlags(flags, &o)
	err := flags.Parse(args)
	if status, ends := unusable("build", buildUsage, err, stdout, stderr); ends {
		return status
	}
	o.patterns = flags.Args()
	if _, err := weaveProgram(ctx, o, stdout, stderr); err != nil {
		return buildFailed(ctx, "build", err, stderr)
	}
	return 0
}

// config is the configuration that o asks for.
func (o buildOptions) config(stdout, stderr io.Writer) (weave.Config, error) {
	rules, err := readRules(o.rules)
	if err != nil {
		return weave.Config{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return weave.Config{}, err
	}
	return weave.Config{
		Dir:        o.dir,
		Patterns:   o.patterns,
		Main:       o.main,
		Scope:      list(o.scope),
		Rules:      rules,
		Guard:      o.guard,
		BuildFlags: o.flags,
		Output:     o.output,
		Mapper:     []string{self, mapCommand},
		Stdout:     stdout,
		Stderr:     stderr,
	}, nil
}

// weaveProgram weaves and builds, and tells on stderr how far it is and what it
// has woven. It does not report its error.
func weaveProgram(ctx context.Context, o buildOptions, stdout, stderr io.Writer) (weave.Result, error) {
	cfg, err := o.config(stdout, stderr)
	if err != nil {
		return weave.Result{}, err
	}
	p, h := newProgress(stderr, false), beginHaste()
	defer h.end()
	cfg.Progress = func(s weave.Step) {
		h.step(s)
		p.step(s)
	}
	result, err := weave.Build(ctx, cfg)
	p.end()
	if err != nil {
		return weave.Result{}, err
	}
	return result, o.tell(result, stderr)
}

// tell tells what is woven, and what is not.
func (o buildOptions) tell(r weave.Result, stderr io.Writer) error {
	if r.Plain != "" {
		fmt.Fprintf(stderr, "lifesign: built without hooks: %s\n", r.Plain)
		return nil
	}
	c := r.Counts
	fmt.Fprintf(stderr, "woven: %s, %s in %s", number(c.Operations, "operation"), number(c.Regions, "region"), number(c.Packages, "package"))
	if o.guard {
		fmt.Fprintf(stderr, ", %s", number(c.Guards, "guard"))
	}
	switch {
	case c.Skipped > 0 && o.verbose:
		fmt.Fprintf(stderr, "; %d not woven:\n", c.Skipped)
		for _, s := range r.Model.Skipped {
			fmt.Fprintf(stderr, "  %s: %s: %s\n", s.Place, s.What, s.Why)
		}
	case c.Skipped > 0:
		fmt.Fprintf(stderr, "; %d not woven (%s lists them)\n", c.Skipped, o.lister)
	default:
		fmt.Fprintln(stderr)
	}
	return writeUnwoven(o.unwoven, r.Model.Skipped)
}

// writeUnwoven writes what is not woven to the file called name, if it has a
// name.
func writeUnwoven(name string, skipped []analyze.Skip) error {
	if name == "" {
		return nil
	}
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	for _, s := range skipped {
		if err := lines.Encode(s); err != nil {
			return err
		}
	}
	if err := os.WriteFile(name, out.Bytes(), 0o666); err != nil {
		return fmt.Errorf("-unwoven: %w (name a file that can be written)", err)
	}
	return nil
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
