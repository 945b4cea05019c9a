package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	driver "github.com/lifesign-go/lifesign/cmd/supervise"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/supervise"
)

// launchCommand is what lifesign calls itself by to become the program that it starts.
// It is not for users.
const launchCommand = "launch"

const launchUsage = `usage: lifesign launch

Launch is what lifesign run starts, with flags that keep a program running, to become
the program: it waits until it is written down that it runs, and then executes it.
There is no use in starting it by hand.
`

// launch is lifesign launch. It returns only if nothing came of it.
func launch(args []string, stdout io.Writer) int {
	if len(args) == 1 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
		fmt.Fprint(stdout, launchUsage)
		return 0
	}
	return driver.Launch(args)
}

// keepOptions is how a program is kept running.
type keepOptions struct {
	given  bool // any of it
	policy supervise.Config
	ready  string
	listen []string
	state  string
	dumps  string
	log    string
}

// keepFlags are the flags of it.
var keepFlags = map[string]bool{
	"restart": true, "restart-on": true, "ready": true, "ready-in": true, "grace": true, "backoff": true, "backoff-max": true,
	"listen": true, "state": true, "dumps": true, "log": true,
}

func addKeepFlags(flags *flag.FlagSet, k *keepOptions) {
	flags.Func("restart", "", func(s string) error {
		switch k.policy.Restart = supervise.Policy(s); k.policy.Restart {
		case supervise.Never, supervise.OnCrash, supervise.Always:
			return nil
		}
		return errors.New("want no, on-crash or always")
	})
	flags.Func("restart-on", "", func(s string) error {
		for _, v := range strings.Split(s, ",") {
			switch v {
			case "stuck":
				k.policy.On.Stuck = true
			case "inferred":
				k.policy.On.Inferred = true
			case "vanished":
				k.policy.On.Vanished = true
			default:
				return fmt.Errorf("there is no %q (want stuck, inferred, vanished)", v)
			}
		}
		return nil
	})
	flags.StringVar(&k.ready, "ready", "", "")
	flags.Func("ready-in", "", atLeast(&k.policy.Deadline, time.Millisecond))
	flags.Func("grace", "", atLeast(&k.policy.Grace, time.Millisecond))
	flags.Func("backoff", "", atLeast(&k.policy.Base, time.Millisecond))
	flags.Func("backoff-max", "", atLeast(&k.policy.Max, time.Millisecond))
	flags.Func("listen", "", func(s string) error { k.listen = append(k.listen, s); return nil })
	flags.StringVar(&k.state, "state", "", "")
	flags.StringVar(&k.dumps, "dumps", "", "")
	flags.StringVar(&k.log, "log", "", "")
}

// check says what is wrong with what was given.
func (k *keepOptions) check(flags *flag.FlagSet) error {
	flags.Visit(func(f *flag.Flag) { k.given = k.given || keepFlags[f.Name] })
	if err := driver.CheckReady(k.ready, k.listen); err != nil {
		return err
	}
	if k.policy.Deadline > 0 && k.ready == "" {
		return errors.New("-ready-in needs -ready: how is it told that the program is ready?")
	}
	k.policy.Readiness = k.ready != ""
	return nil
}

// name gives the program that is asked for its state directory, if the user has not:
// one by what is run, and where.
func (k *keepOptions) name(argv []string, b buildOptions) {
	if !k.given || k.state != "" {
		return
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	if runtime == "" && os.Getuid() == 0 {
		runtime = "/run"
	}
	wd, err := os.Getwd()
	if info, e := os.Stat(runtime); runtime == "" || err != nil || e != nil || !info.IsDir() {
		return
	}
	h := sha256.New()
	for _, s := range append(append([]string{wd}, b.patterns...), argv...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	k.state = filepath.Join(runtime, "lifesign", fmt.Sprintf("%x", h.Sum(nil)[:8]))
}

// keepProgram runs the program for as long as the policy says, and returns the exit
// status of its last run. An error means that nothing was run.
func (o runOptions) keepProgram(argv []string, tell *reporter, mimics bool) (status int, err error) {
	if _, err := exec.LookPath(argv[0]); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find lifesign's own program: %w", err)
	}
	tell.program(argv[0])
	if o.keep.state == "" {
		tell.say("if lifesign is killed, nobody will know of the program: there is no place to write it down (-state DIR)")
	}
	k := &keeper{argv: argv, tell: tell, mimics: mimics, dumps: o.keep.dumps, log: o.keep.log}
	policy := o.keep.policy
	policy.Seed = uint64(time.Now().UnixNano())
	env := os.Environ()
	if k.dumps != "" {
		if k.dumps, err = filepath.Abs(k.dumps); err != nil {
			return 0, fmt.Errorf("-dumps: %w", err)
		}
		if err := os.MkdirAll(k.dumps, 0o700); err != nil {
			return 0, fmt.Errorf("-dumps: %w", err)
		}
	}
	if k.log != "" {
		if k.log, err = openable(k.log); err != nil {
			return 0, fmt.Errorf("-log: %w", err)
		}
	}
	d := driver.New(driver.Config{
		Argv: argv, Env: env, Policy: policy, Launch: []string{self, launchCommand}, Listen: o.keep.listen, Ready: o.keep.ready, State: o.keep.state, Output: k.log,
		Watch: k.watch, Dump: k.dump, Say: tell.say, Heed: func(sig syscall.Signal) bool { return fromTerminal(sig) },
	})
	tell.act = func(f event.Finding) {
		k.dumper.Load().finding(f)
		d.Finding(f)
	}
	signals := catchSignals()
	defer signals.stop()
	go func() {
		for sig := range signals.c {
			d.Signal(sig.(syscall.Signal))
		}
	}()
	return d.Run()
}

// keeper makes the watch of each run. It is used by the driver's goroutine.
type keeper struct {
	argv   []string
	tell   *reporter
	mimics bool
	dumps  string
	log    string
	now    *watched
	dumper atomic.Pointer[dumper] // of the run that is now; of others' goroutines, too
}

// watch returns the watch of the next run, or of process adopt, which runs already.
func (k *keeper) watch(adopt int) (driver.Watcher, error) {
	if adopt == 0 {
		a, err := newAgent(k.tell, k.mimics)
		if err != nil {
			return nil, err
		}
		return k.watched(a)
	}
	p, err := observe.AdoptPage(adopt)
	if err != nil {
		// It has none, or one that cannot be had: its threads can be watched all the same.
		k.tell.say(fmt.Sprintf("only its threads are watched: %v", err))
		if p, err = observe.NewPage(period); err != nil {
			return nil, err
		}
	}
	a, err := newAgentOf(p, k.tell, k.mimics)
	if err != nil {
		return nil, err
	}
	return k.watched(a)
}

func (k *keeper) watched(a *agent) (driver.Watcher, error) {
	d, err := newDumper(k.dumps, k.tell.say)
	if err != nil {
		a.close()
		return nil, err
	}
	if d != nil {
		d.log, d.mimics = func() []string { return lastLines(k.log) }, a.did
	}
	k.now = &watched{agent: a, keeper: k, dumper: d}
	k.dumper.Store(d)
	return k.now, nil
}

// watched is the watch of one run.
type watched struct {
	agent  *agent
	keeper *keeper
	dumper *dumper
	begun  bool
}

func (w *watched) Prepare() (env []string, release func(), err error) {
	e, pageDone, err := w.agent.page.Inherit()
	if err != nil {
		return nil, nil, err
	}
	more, dumpDone, err := w.dumper.prepare()
	if err != nil {
		pageDone()
		return nil, nil, err
	}
	w.agent.page.Tick()
	return append([]string{e}, more...), func() { pageDone(); dumpDone() }, nil
}

func (w *watched) Watch(pid int) {
	w.begun = true
	w.agent.begin(w.keeper.argv[0], pid)
	w.dumper.begin(pid, w.agent.page)
}

func (w *watched) Ended(pid int, e supervise.Exit) {
	w.stop()
	if e.Crash() {
		w.dumper.ended(e.String(), e.Signal)
	}
}

func (w *watched) Close() {
	w.stop()
	w.dumper.close()
	w.agent.close()
}

func (w *watched) stop() {
	if w.begun {
		w.begun = false
		w.agent.stop()
	}
}

// dump keeps what can be seen of the program in a file.
func (k *keeper) dump(pid int, why string) {
	k.dumper.Load().stuck(why)
}
