package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/proc"
	"github.com/lifesign-go/lifesign/internal/tell"
)

const watchUsage = `usage: lifesign watch [FLAGS] PID…
       lifesign watch [FLAGS] -name REGEXP

Watch looks at the threads of a process, by what the kernel tells of them, and
reports what is stuck, paused, starved or has vanished, when it goes on again,
and what ails the machine. Any process will do. It is not stopped, not traced and
not asked, and does not notice. What inspect says once, watch goes on saying when
it changes.

It ends when all processes have ended that were named by number, and says how
they did where that can be seen. An interrupt ends it too, with status 0.

  -name REGEXP     watch the processes whose program's name matches, and those
                   that are started later
  -every DURATION  between two looks; least 50ms. Without it, 250ms for up to 250
                   threads, growing to 1s for 1000
  -json FILE       append each finding to FILE, a JSON object a line; pauses and
                   their ends are among them
  -mute PATTERN    do not report findings in which a place, function or object
                   matches this regular expression; may be repeated
  -all             also say when the worst of the threads is slow, starved, spinning
                   or cannot be judged, for two seconds at least, and when that is
                   over
  -fail            end with status 3 if anything was found stuck, or a thread has
                   vanished
`

// leastEvery is the least time between two looks: to look more often than the
// judge asks for shows nothing more.
const leastEvery = 50 * time.Millisecond

// rescan is the time between two looks for processes that have been started. To
// read all names costs some 10 µs a process.
const rescan = 2 * time.Second

type watchOptions struct {
	targets targets
	every   time.Duration
	fail    bool
	report  runOptions
}

// watchCommand is lifesign watch. It returns the exit status.
func watchCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseWatch(args)
	if status, ends := unusable("watch", watchUsage, err, stdout, stderr); ends {
		return status
	}
	report, err := newReporter(stderr, o.report)
	if err != nil {
		fmt.Fprintf(stderr, "lifesign watch: %v\n", err)
		return 1
	}
	defer report.close()
	m := observe.NewMachine()
	defer m.Close()
	w := &watching{machine: m, every: o.every, all: o.report.all, report: report, ends: make(chan int)}
	if err := w.run(ctx, o.targets); err != nil {
		fmt.Fprintf(stderr, "lifesign watch: %v\n", err)
		return 1
	}
	if o.fail && report.stuck > 0 {
		return exitFinding
	}
	return 0
}

func parseWatch(args []string) (watchOptions, error) {
	var o watchOptions
	var name string
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&name, "name", "", "")
	flags.Func("every", "", atLeast(&o.every, leastEvery))
	flags.StringVar(&o.report.json, "json", "", "")
	flags.BoolVar(&o.report.all, "all", false, "")
	flags.BoolVar(&o.fail, "fail", false, "")
	flags.Func("mute", "", func(s string) error {
		re, err := regexp.Compile(s)
		if err == nil {
			o.report.mute = append(o.report.mute, re)
		}
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	o.targets, err = parseTargets(flags.Args(), name)
	return o, err
}

// watching watches several processes, each in a goroutine of its own.
type watching struct {
	machine *observe.Machine
	every   time.Duration
	all     bool
	ends    chan int // processes whose watch has ended

	mu      sync.Mutex // guards all below
	report  *reporter
	speaker int // the process whose watch tells of the machine, so that it is told once
	said    map[string]bool
}

// run watches until ctx ends, or until all processes have ended that were named
// by number.
func (w *watching) run(ctx context.Context, t targets) error {
	ctx, stop := context.WithCancel(ctx)
	watched := map[int]bool{}
	defer func() {
		for stop(); len(watched) > 0; {
			delete(watched, <-w.ends)
		}
	}()
	pids, err := t.find(w.machine)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		switch err := w.start(ctx, pid); {
		case err == nil:
			watched[pid] = true
		case t.name == nil:
			return err
		}
	}
	if len(watched) == 0 {
		w.say("watch", fmt.Sprintf("no process has a name that matches %s: waiting for one", t.name))
	}
	scan := time.NewTicker(rescan)
	defer scan.Stop()
	for len(watched) > 0 || t.name != nil {
		select {
		case pid := <-w.ends:
			delete(watched, pid)
			w.elect(watched)
		case <-scan.C:
			if t.name != nil {
				w.add(ctx, t, watched)
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// elect has the watch of another process tell of the machine if need be.
func (w *watching) elect(watched map[int]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched[w.speaker] {
		return
	}
	w.speaker = 0
	for pid := range watched {
		w.speaker = pid
	}
}

// add watches what has been started since the last look.
func (w *watching) add(ctx context.Context, t targets, watched map[int]bool) {
	pids, err := t.find(w.machine)
	if err != nil {
		return // it was there at the start; it will be there the next time
	}
	for _, pid := range pids {
		if !watched[pid] && w.start(ctx, pid) == nil {
			watched[pid] = true
		}
	}
}

// start begins to watch a process.
func (w *watching) start(ctx context.Context, pid int) error {
	o, err := newOutside(pid, w.machine, observe.Options{Every: w.every})
	if err != nil {
		return err
	}
	go func() {
		defer func() { w.ends <- pid }()
		defer o.process.Close()
		w.watch(ctx, o)
	}()
	return nil
}

func (w *watching) watch(ctx context.Context, o *outside) {
	name := fmt.Sprintf("%s, process %d", o.process.Name, o.process.PID)
	var p pauses
	var c course
	for first := true; ; first = false {
		s, actions, err := o.next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, proc.ErrGone):
			w.say(name, "it "+o.process.How())
			return
		case err != nil:
			w.say(name, fmt.Sprintf("it is not watched any more: %v", err))
			return
		}
		if first {
			w.greet(name, o)
		}
		if text, f := p.look(s); text != "" {
			w.say(name, text)
			w.note(o.process, f)
		}
		if w.all {
			if text := c.look(s.At, tell.WholeOf(tell.Groups(o.judge.Standings()))); text != "" {
				w.say(name, text)
			}
		}
		for _, f := range actions.Findings {
			addChain(o.process, f)
		}
		w.findings(o.process, actions.Findings)
	}
}

// course tells how the verdict on a process changes, of what no finding tells.
type course struct {
	told  event.Verdict // "" for one that is well
	seen  event.Verdict
	since int64 // when seen was seen first
}

// settled is how long a verdict must have been the same to be told. Threads change
// theirs with every request.
const settled = int64(2 * time.Second)

// look returns what there is to be told at a time, "" if it is nothing.
func (c *course) look(at int64, w tell.Whole) string {
	v := w.Verdict
	switch v {
	case event.Slow, event.Starved, event.Spinning, event.Unknown:
	default: // it is well, or there is a finding that tells
		v = ""
	}
	if v != c.seen || c.since == 0 {
		c.seen, c.since = v, at
	}
	if v == c.told || at-c.since < settled {
		return ""
	}
	c.told = v
	if v == "" {
		return "that is over"
	}
	return fmt.Sprintf("%s (%s): %s", v, w.Class, w.What)
}

// addChain adds the functions that the threads of a finding stand in.
func addChain(p *observe.Process, f event.Finding) {
	if f.Thread != 0 && f.Verdict == event.Stuck {
		p.Stacks(f.Chain)
	}
}

// pauses tells when a process is paused, by a signal, a tracer or a control group,
// and when it goes on. That is a fact of the process, of which no thread stands
// for the others.
type pauses struct {
	why   string // "" if it is not paused
	since int64
}

// look returns what there is to be told of a sample, "" if it is nothing, and the
// same for programs.
func (p *pauses) look(s event.Sample) (text string, f event.Finding) {
	was := *p
	if p.why = s.Process.Paused; p.why != was.why {
		p.since = s.At
	}
	f = event.Finding{Verdict: event.Paused, Class: event.Proven, At: s.At}
	switch {
	case p.why == was.why:
		return "", event.Finding{}
	case p.why != "":
		text = "paused: " + p.why
		f.What, f.Place.Since, f.Refuted = "the process is "+p.why, s.At, "it runs"
		f.Evidence = []event.Evidence{{Source: event.Kernel, At: s.At, Text: "the process is " + p.why}}
		return text, f
	}
	f.Verdict, f.What, f.Place.Since = event.Working, "the process is not "+was.why+" any more", was.since
	return "goes on, after " + tell.Seconds(s.At-was.since), f
}

// greet says what is watched, and what of it cannot be seen.
func (w *watching) greet(name string, o *outside) {
	threads := "1 thread"
	if n := o.process.Threads(); n != 1 {
		threads = fmt.Sprintf("%d threads", n)
	}
	w.say(name, "watched, with "+threads)
	for _, u := range o.process.Unseen() {
		w.say(name, "not seen: "+u)
	}
	for _, u := range w.machine.Unseen() {
		w.once("not seen: " + u)
	}
}

func (w *watching) findings(p *observe.Process, list []event.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.speaker == 0 {
		w.speaker = p.PID
	}
	for _, f := range list {
		if machineFinding(f) && w.speaker != p.PID {
			continue
		}
		w.report.name, w.report.pid = p.Name, p.PID
		w.report.finding(f)
	}
}

// note writes a finding to the JSON file alone.
func (w *watching) note(p *observe.Process, f event.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.name, w.report.pid = p.Name, p.PID
	w.report.write(w.report.line(f))
}

// machineFinding reports whether a finding is about the machine, and not about
// a thread or goroutine.
func machineFinding(f event.Finding) bool {
	return f.Thread == 0 && f.Place.Site.Kind == "" && len(f.Chain) == 0
}

// say writes one line about what is called name.
func (w *watching) say(name, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.name = name
	w.report.say(text)
}

// once says a line about the machine, if it has not been said.
func (w *watching) once(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said == nil {
		w.said = map[string]bool{}
	}
	if !w.said[text] {
		w.said[text] = true
		w.report.name = "the machine"
		w.report.say(text)
	}
}
