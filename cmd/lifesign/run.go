package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
)

const runUsage = `usage: lifesign run [FLAGS] PACKAGE [ARGS…]
       lifesign run [FLAGS] -- COMMAND [ARGS…]

Run weaves lifesign's hooks into a program, builds it, runs it and reports what
is stuck in it, by what the hooks note and by what the kernel tells of its
threads; of a program without hooks by the latter alone. PACKAGE is a main package or its files, named as for go run. After "--" comes
a command that is run as it is: a program made by lifesign build, or a script
that starts one.

The program has lifesign's own standard streams, gets the signals that lifesign
gets, and goes on if lifesign is killed. lifesign ends with the program's exit
status, or 128 plus the number of the signal that ended it.

Build flags, such as -race, -tags or -C, are taken as by go run. Those of lifesign
are:

  -scope PATTERNS  import paths to weave, separated by commas, such as
                   example.com/mod/...; without it, the main module
  -rules FILE      your own rules of what can block, see lifesign analyze -h
  -guard           weave guards around what serves one request, see lifesign build -h
  -unwoven FILE    write what could not be woven, and why, to FILE, a JSON object
                   a line
  -json FILE       append each finding to FILE, a JSON object a line
  -mute PATTERN    do not report findings in which a place, function or object
                   matches this regular expression; may be repeated. They are in
                   the JSON file, as muted
  -all             also report what takes no action: waits that last long and are
                   slow, or of which lifesign cannot tell; and at the end, what
                   mimics have done
  -mimics on|off   do some of the program's own operations again, beside it, to
                   notice a bad disk or network before it does; on if it is not
                   given. Only a woven program has what that takes
  -restart POLICY  start the program again: no, on-crash, or always. It is no if it is
                   not given, and with none of these flags the program is run once:
  -restart-on LIST verdicts that stop the program and start it again, separated by
                   commas: stuck (proven), inferred (stuck as far as can be seen, by
                   two sources, for 10 s), vanished
  -ready HOW       when a start is over: notify (READY=1 by sd_notify), tcp:HOST:PORT
                   or http://HOST:PORT/PATH
  -ready-in D      a start that takes longer has failed, such as 30s
  -grace D         from SIGTERM to SIGQUIT, which asks for stacks (10s); SIGKILL comes
                   2 s later
  -backoff D       the longest wait before the first restart (100ms); each next one is
                   twice that, at most
  -backoff-max D   and never longer than this (30s)
  -listen SOCKET   hold a listening socket for the program, tcp:ADDRESS, udp:ADDRESS or
                   unix:PATH, so that nobody is refused while it starts again; it gets
                   it as from systemd (LISTEN_FDS); may be repeated
  -state DIR       where it is written down what runs, so that this command, given
                   again after lifesign was killed, looks after the same process. One
                   directory a program; without it, one below $XDG_RUNTIME_DIR
  -dumps DIR       keep a dump of a program that is stuck, or has crashed, in DIR
  -log FILE        add the program's standard output and error to FILE, from which
                   dumps have its last lines. It is opened at each start, and only
                   ever added to: it can be moved away or cut short at any time
  -fail            end with status 3 if anything was found stuck, a thread has
                   vanished, or mimics have found that something goes wrong
`

// exitFinding is the status of run -fail after a finding.
const exitFinding = 3

type runOptions struct {
	build buildOptions
	json  string
	mute  []*regexp.Regexp
	all   bool
	fail  bool
	still bool // without mimics
	keep  keepOptions
	argv  []string // the program and its arguments, or the arguments alone if a package is built
	pkg   bool     // a package is to be built
}

// runCommand is lifesign run. It returns the exit status.
func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseRun(args)
	if status, ends := unusable("run", runUsage, err, stdout, stderr); ends {
		return status
	}
	tell, err := newReporter(stderr, o)
	if err != nil {
		fmt.Fprintf(stderr, "lifesign run: %v\n", err)
		return 1
	}
	defer tell.close()
	o.keep.name(o.argv, o.build)
	if o.pkg {
		bin, clean, status := buildToRun(ctx, o.build, stderr)
		defer clean()
		if status != 0 {
			return status
		}
		o.argv = append([]string{bin}, o.argv...)
	}
	program := runProgram
	if o.keep.given {
		program = o.keepProgram
	}
	status, err := program(o.argv, tell, !o.still)
	if err != nil {
		fmt.Fprintf(stderr, "lifesign run: %v\n", err)
		return 1
	}
	if o.fail && tell.found() > 0 {
		return exitFinding
	}
	return status
}

// buildToRun weaves and builds a program into a temporary place, which clean
// takes away. It reports its errors; status is then the exit status.
func buildToRun(ctx context.Context, o buildOptions, stderr io.Writer) (bin string, clean func(), status int) {
	clean = func() {}
	dir, err := os.MkdirTemp("", "lifesign-run-")
	if err != nil {
		fmt.Fprintf(stderr, "lifesign run: no place for the binary: %v (set TMPDIR to a directory with room)\n", err)
		return "", clean, 1
	}
	clean = func() { os.RemoveAll(dir) }
	o.output = dir + string(filepath.Separator) // the go command names the file
	r, err := weaveProgram(ctx, o, io.Discard, stderr)
	if err != nil {
		return "", clean, buildFailed(ctx, "run", err, stderr)
	}
	// The analysis has taken up to gigabytes, which the agent does not need.
	bin = r.Binary
	debug.FreeOSMemory()
	return bin, clean, 0
}

func parseRun(args []string) (runOptions, error) {
	o := runOptions{build: buildOptions{lister: "-unwoven FILE"}}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.json, "json", "", "")
	flags.BoolVar(&o.all, "all", false, "")
	flags.BoolVar(&o.fail, "fail", false, "")
	flags.Func("mute", "", func(s string) error {
		re, err := regexp.Compile(s)
		if err == nil {
			o.mute = append(o.mute, re)
		}
		return err
	})
	flags.Func("mimics", "", func(s string) error {
		if o.still = s == "off"; !o.still && s != "on" {
			return errors.New("want on or off")
		}
		return nil
	})
	addKeepFlags(flags, &o.keep)
	addBuildFlags(flags, &o.build)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if err := o.keep.check(flags); err != nil {
		return o, err
	}
	rest := flags.Args()
	if len(rest) == 0 {
		return o, errors.New("a package is needed, or -- and a command")
	}
	// The flag package takes "--" away: it stood right before the rest.
	if at := len(args) - len(rest); at > 0 && args[at-1] == "--" {
		if given := buildFlag(flags); given != "" {
			return o, fmt.Errorf("-%s is for building: after -- comes a command that is built already", given)
		}
		o.argv = rest
		return o, nil
	}
	n := 1
	for n < len(rest) && strings.HasSuffix(rest[0], ".go") && strings.HasSuffix(rest[n], ".go") {
		n++
	}
	o.pkg, o.build.main, o.build.patterns, o.argv = true, true, rest[:n], rest[n:]
	return o, nil
}

// buildFlag returns a flag that was given and is about building, "" if there is
// none.
func buildFlag(flags *flag.FlagSet) (name string) {
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "json", "mute", "all", "fail", "mimics":
		default:
			if !keepFlags[f.Name] {
				name = f.Name
			}
		}
	})
	return name
}

// runProgram runs the program under the watch of an agent and returns its exit
// status. An error means that it did not start.
func runProgram(argv []string, tell *reporter, mimics bool) (status int, err error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	a, err := newAgent(tell, mimics)
	if err != nil {
		return 0, err
	}
	defer a.close()
	// The streams are handed on as they are, not through pipes: the program
	// must not notice when the agent ends before it.
	cmd := &exec.Cmd{Path: path, Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	signals := catchSignals()
	defer signals.stop()
	if err := a.start(cmd); err != nil {
		return 0, fmt.Errorf("start %s: %w", argv[0], err)
	}
	go signals.forward(cmd.Process)
	err = cmd.Wait()
	a.stop()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for %s: %w", argv[0], err)
	}
	return exitStatus(cmd.ProcessState), nil
}

// exitStatus is the program's status as a shell gives it.
func exitStatus(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
