package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/weave"
)

const testUsage = `usage: lifesign test [FLAGS] [PACKAGES] [FLAGS AND ARGUMENTS OF THE TESTS]

Test weaves lifesign's hooks into packages and has go test test them: a way to
see that a program behaves woven as it does plain. It takes what go test takes,
such as -run, -race, -count or -cover, prints what go test prints and ends with
its exit status. What lifesign itself has to say goes to standard error.

The packages that are tested, and those of the main module that they or their
tests import, are woven; the tests themselves are not. vet sees the plain files.
Nothing is watched.

  -scope PATTERNS  import paths to weave, separated by commas, such as
                   example.com/mod/...; without it, the main module
  -rules FILE      your own rules of what can block, see lifesign analyze -h
  -unwoven FILE    write what could not be woven, and why, to FILE, a JSON object
                   a line
`

// testOptions say what to weave and test.
type testOptions struct {
	build buildOptions
	args  []string // for the tests: unknown flags and what follows them
}

// testCommand is lifesign test. It returns the exit status.
func testCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseTest(args)
	if status, ends := unusable("test", testUsage, err, stdout, stderr); ends {
		return status
	}
	cfg, err := o.build.config(stdout, stderr)
	if err != nil {
		return buildFailed(ctx, "test", err, stderr)
	}
	p, h := newProgress(stderr, true), beginHaste()
	defer h.end()
	cfg.Progress = func(s weave.Step) {
		h.step(s)
		if s.Phase == weave.Compile && !s.Done {
			p.end() // the terminal is go test's now
		}
		p.step(s)
	}
	status := 0
	_, err = weave.Test(ctx, cfg, weave.TestConfig{
		Local: len(o.build.patterns) == 0,
		Args:  o.args,
		Run: func(r weave.Result, cmd *exec.Cmd) (err error) {
			if err = o.build.tell(r, stderr); err == nil {
				status, err = runTests(cmd)
			}
			return err
		},
	})
	p.end()
	if err != nil {
		return buildFailed(ctx, "test", err, stderr)
	}
	return status
}

// runTests runs the go command with lifesign's own streams, hands signals on to
// it and waits for its end, whatever happens: it cleans up after itself.
func runTests(cmd *exec.Cmd) (status int, err error) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := catchSignals()
	defer signals.stop()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go signals.forward(cmd.Process)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return exitStatus(cmd.ProcessState), nil
}

// parseTest sorts a command line as go test does. Flags may stand before and
// behind the packages. With the first that go test does not know, or the first
// argument that is no flag, those of the tests begin, among which go test still
// looks for its own.
func parseTest(args []string) (testOptions, error) {
	o := testOptions{build: buildOptions{lister: "-unwoven FILE"}}
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.build.output, "o", "", "")
	addTestFlags(flags, &o.build)
	const (
		before = iota
		packages
		behind
	)
	at := before
	afterUnknown := false
	for len(args) > 0 {
		arg := args[0]
		name, _, hasValue := strings.Cut(strings.TrimPrefix(arg[min(1, len(arg)):], "-"), "=")
		known := flags.Lookup(name)
		switch {
		case arg == "--", arg == "-args", arg == "--args":
			o.args = append(o.args, args...)
			return o, nil
		case len(arg) < 2 || arg[0] != '-':
			if at == behind {
				o.args = append(o.args, arg)
				if !afterUnknown {
					o.args = append(o.args, args[1:]...)
					return o, nil
				}
			} else {
				at = packages
				o.build.patterns = append(o.build.patterns, arg)
			}
			afterUnknown, args = false, args[1:]
			continue
		case at == packages:
			at = behind
		}
		if name == "h" || name == "help" {
			return o, flag.ErrHelp
		}
		if known == nil {
			at, afterUnknown = behind, !hasValue
			o.args, args = append(o.args, arg), args[1:]
			continue
		}
		afterUnknown = false
		rest, err := parseOne(flags, known, args)
		if err != nil {
			return o, err
		}
		args = rest
	}
	return o, nil
}

// parseOne parses the first flag of args, f, and returns what follows it.
func parseOne(flags *flag.FlagSet, f *flag.Flag, args []string) ([]string, error) {
	n := 1
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	if !(ok && b.IsBoolFlag()) && !strings.Contains(args[0], "=") {
		n = min(2, len(args))
	}
	return args[n:], flags.Parse(args[:n])
}

// addTestFlags adds the flags of go test, by both of their names.
func addTestFlags(flags *flag.FlagSet, o *buildOptions) {
	for _, name := range slices.Concat(testBools, testValues) {
		known := handOn{name, slices.Contains(testBools, name), &o.flags}
		flags.Var(known, name, "")
		flags.Var(known, "test."+name, "")
	}
	addBuildFlags(flags, o)
}
