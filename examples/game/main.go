// Command game is a game-like server for a thousand players, with a bug that a
// request can reach, and what measures what that bug costs: README.md.
//
//	game serve    serves players until it gets SIGTERM
//	game measure  puts the server under load, in each of its modes, and compares them
//	game check    checks a store that no server has open
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	name, rest := "", args
	if len(args) > 0 {
		name, rest = args[0], args[1:]
	}
	flags := flag.NewFlagSet("game "+name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	var err error
	switch name {
	case "serve":
		var o serveOptions
		flags.StringVar(&o.listen, "listen", "127.0.0.1:7777", "`address` to listen on, unless a supervisor hands over a socket")
		flags.StringVar(&o.store, "store", "game.store", "`file` of the players' state")
		flags.StringVar(&o.mode, "mode", guarded, "what happens to a panic: "+strings.Join(modes, ", "))
		flags.DurationVar(&o.save, "save", time.Second, "how often a player's state is saved")
		if err = parse(flags, rest); err == nil {
			err = serve(o)
		}
	case "measure":
		o := measureOptions{out: stdout, errs: stderr}
		var only string
		flags.IntVar(&o.clients, "clients", 1000, "how many players play at once")
		flags.DurationVar(&o.time, "time", 20*time.Second, "how long, in each mode")
		flags.DurationVar(&o.think, "think", time.Second, "between two requests of a player, on average")
		flags.IntVar(&o.crash, "crash", 1000, "one request in so many meets the bug")
		flags.StringVar(&only, "only", strings.Join(modes, ","), "modes to measure")
		flags.StringVar(&o.supervisor, "supervisor", "", "`command` that the server is started by, instead of being started again here whenever it has ended")
		if err = parse(flags, rest); err == nil {
			o.modes = strings.Split(only, ",")
			err = measure(o)
		}
	case "check":
		if err = flags.Parse(rest); err == nil {
			err = check(flags.Args(), stdout)
		}
	default:
		fmt.Fprintln(stderr, "usage: game serve|measure|check [FLAGS]; game serve -h explains the flags")
		return 2
	}
	if err != nil {
		fmt.Fprintf(stderr, "game %s: %v\n", name, err)
		return 1
	}
	return 0
}

func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is too much", flags.Arg(0))
	}
	return nil
}

// check reports on the store in the file that is named.
func check(files []string, stdout io.Writer) error {
	if len(files) != 1 {
		return fmt.Errorf("name one file")
	}
	st, err := openStore(files[0])
	if err != nil {
		return err
	}
	defer st.Close()
	players, broken := st.Audit()
	fmt.Fprintf(stdout, "%d players, %d of them in a state that cannot be\n", players, len(broken))
	for _, b := range broken {
		fmt.Fprintln(stdout, " ", b)
	}
	if len(broken) > 0 {
		return fmt.Errorf("%s is dirty", files[0])
	}
	return nil
}
