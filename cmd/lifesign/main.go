// Command lifesign tells whether a program is really working and says where it
// is stuck.
//
// Output follows three rules. Standard output belongs to what was asked for: a
// listing, or the program that is run. Whatever lifesign has to say of itself
// goes to standard error, one line a matter, except findings, which are blocks.
// A usage error ends with status 2, another error with 1. A crash of lifesign's own
// ends with status 2 as well, as the Go runtime has it; its stacks are on standard
// error and, of subcommands that go on for long, in a file (crash.go).
//
// A file holds a subcommand; only this package knows all the others.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lifesign-go/lifesign/cmd/weave"
)

const usage = `lifesign tells whether a program is really working, and says where it is stuck.

usage: lifesign COMMAND [FLAGS] …

  run      weave a program, run it and report what is stuck in it
  build    weave programs and build them
  test     weave packages and test them
  unit     print a systemd unit for a command under lifesign run
  analyze  list the long-running regions and vulnerable operations of a program
  attach   watch a program as it is, by its net/http/pprof endpoint
  inspect  say what the threads of any process are about
  watch    watch the threads of any process and report what is stuck
  dump     keep what can be seen of a process in a file, and show such a file
  cpu      tell the CPU time of any process, as it can be believed
  doctor   say what this machine permits lifesign to see

lifesign COMMAND -h explains a command.
`

// command runs a subcommand and returns the exit status. ctx ends when the
// user interrupts.
type command func(ctx context.Context, args []string, stdout, stderr io.Writer) int

var commands = map[string]command{
	"run":     runCommand,
	"build":   buildCommand,
	"test":    testCommand,
	"unit":    unitCommand,
	"analyze": analyzeCommand,
	"attach":  attachCommand,
	"inspect": inspectCommand,
	"watch":   watchCommand,
	"cpu":     cpuCommand,
	"dump":    dumpCommand,
	"doctor":  doctorCommand,
}

// longRunning are the subcommands that nobody may be looking at when they crash.
var longRunning = map[string]bool{"run": true, "attach": true, "inspect": true, "watch": true, "cpu": true}

// mapCommand is what lifesign calls itself by in the middle of a build. It is not
// for users.
const mapCommand = "map-files"

func main() {
	// A closed pipe on standard error must not end the agent of a running
	// program. Catching the signal, unlike ignoring it, is not inherited.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(os.Args) > 1 && longRunning[os.Args[1]] {
		keepCrashes(os.Stderr)
	}
	os.Exit(dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// unusable answers for a subcommand whose arguments are not such that it can run: by
// its usage if err is that help was asked for, else by what is wrong with them. ends
// says that it has, and that the subcommand ends with status.
func unusable(name, usage string, err error, stdout, stderr io.Writer) (status int, ends bool) {
	switch {
	case err == nil:
		return 0, false
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0, true
	}
	fmt.Fprintf(stderr, "lifesign %s: %v (lifesign %s -h explains)\n", name, err, name)
	return 2, true
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			return dispatch(ctx, []string{args[1], "-h"}, stdout, stderr)
		}
		fmt.Fprint(stdout, usage)
		return 0
	}
	if args[0] == mapCommand {
		return weave.MapTool(args[1:], stdout, stderr)
	}
	if args[0] == threadsCommand {
		return dumpThreads(ctx, args[1:], stdout, stderr)
	}
	if args[0] == helperCommand {
		return helper(ctx, args[1:], stdout, stderr)
	}
	if args[0] == launchCommand {
		return launch(args[1:], stdout)
	}
	run, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "lifesign: there is no command %q (lifesign help lists them)\n", args[0])
		return 2
	}
	return run(ctx, args[1:], stdout, stderr)
}
