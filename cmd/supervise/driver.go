package supervise

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/supervise"
)

// Watcher looks after one run of the program.
type Watcher interface {
	// Prepare is called just before the program is started, with environment
	// variables and inherited descriptors to be made for it; release takes the
	// latter away again once it has been.
	Prepare() (env []string, release func(), err error)
	// Watch begins the watch of process pid.
	Watch(pid int)
	// Ended is told that the process has ended, and must be done with it.
	Ended(pid int, e supervise.Exit)
	// Close is called once, at the end, after Ended or instead of it.
	Close()
}

// Config is what is run, and how. All functions are called by the goroutine of Run.
type Config struct {
	Argv   []string // the program, to be looked up in PATH at each start, and its arguments
	Env    []string // of the program, but for what is added here
	Policy supervise.Config
	Launch []string // a command line that comes to Launch, such as lifesign's own
	Listen []string // sockets to hold for the program, by systemd's protocol: tcp:ADDR, tcp4:, tcp6:, udp:, unix:PATH
	Ready  string   // "" has none; notify, tcp:ADDR or http://ADDR/PATH
	State  string   // a directory of this program's alone, "" for none
	Output string   // a file that its standard output and error are added to; "" has them be the supervisor's own
	NoTree bool     // make no control group

	Watch func(adopt int) (Watcher, error)  // a fresh one for each run; adopt is a process that runs already, 0 if it is to be started
	Dump  func(pid int, why string)         // keep what can be seen of the process; nil if nothing is kept
	Say   func(text string)                 // one line for the user
	Heed  func(sig syscall.Signal) (u bool) // whether a signal needs no passing on, as the terminal has sent it to the program too; may be nil
}

// Driver runs one program.
type Driver struct {
	conf   Config
	core   *supervise.Supervisor
	store  *store // nil without a state directory
	upward *upward
	notes  *notes // what the program says of itself
	held   []held

	child   *process // nil if there is none
	tree    *tree    // what the child and its descendants are in
	watcher Watcher
	since   int64        // of the child's start, CLOCK_MONOTONIC nanoseconds
	current atomic.Int64 // the child's process number, 0 if there is none
	unsaved bool         // that the record could not be written was told
	state   stateCell    // for whoever is not the driver's goroutine
	typed   bool         // the user's ^C has gone to the program, too
	runs    int
	moved   supervise.State

	more   chan struct{} // holds one if there are events
	mu     sync.Mutex    // guards queue
	queue  []supervise.Event
	ending chan struct{} // closed when Run is over
}

// New returns a driver. Nothing runs yet.
func New(c Config) *Driver {
	return &Driver{conf: c, more: make(chan struct{}, 1), ending: make(chan struct{}), moved: supervise.Unborn}
}

// Finding hands a finding about the program to the policy. It never waits.
func (d *Driver) Finding(f event.Finding) { d.happen(supervise.Finding(f)) }

// Signal hands on what somebody has sent to lifesign and means for the program.
// SIGTERM and SIGINT stop it for good; others are passed on. It never waits.
func (d *Driver) Signal(sig syscall.Signal) {
	switch sig {
	case syscall.SIGTERM:
		d.happen(supervise.Event{Kind: supervise.StopAsked, Signal: supervise.Terminate})
	case syscall.SIGINT:
		d.happen(supervise.Event{Kind: supervise.StopAsked, Signal: supervise.Interrupt})
	default:
		d.happen(supervise.Event{Kind: passOn, PID: int(sig)})
	}
}

// Kinds of events that are the driver's own business.
const (
	passOn  supervise.Kind = -1 - iota // signal PID is for the program
	mainPID                            // the program says that PID is its main process
	said                               // the program's status: Text
)

func (d *Driver) happen(e supervise.Event) {
	d.mu.Lock()
	d.queue = append(d.queue, e)
	d.mu.Unlock()
	select {
	case d.more <- struct{}{}:
	default:
	}
}

func (d *Driver) take() []supervise.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queue
	d.queue = nil
	return q
}

// Run runs the program until the policy ends it, and returns its exit status as a
// shell gives it, 1 if nobody knows it. An error means that nothing was run.
func (d *Driver) Run() (status int, err error) {
	defer close(d.ending)
	first, err := d.begin()
	if err != nil {
		return 0, err
	}
	defer d.finish()
	events := []supervise.Event{first}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		acts := d.core.Step(clock.Monotonic(), events...)
		d.save()
		events = events[:0]
		for _, a := range acts.Do {
			events = append(events, d.do(a)...)
		}
		d.tell()
		if d.core.State() == supervise.Ended {
			return d.status(), nil
		}
		if len(events) > 0 {
			continue
		}
		timer.Reset(d.wait(acts.Next))
		select {
		case <-timer.C:
		case <-d.more:
		}
		for _, e := range d.take() {
			if e = d.own(e); e.Kind != 0 {
				events = append(events, e)
			}
		}
		if d.child == nil && d.core.Halfway() && d.tree.empty(true) {
			events = append(events, supervise.Event{Kind: supervise.Gone})
		}
	}
}

// wait is how long nothing needs to be done.
func (d *Driver) wait(next int64) time.Duration {
	w := time.Hour
	if next != 0 {
		w = max(0, time.Duration(next-clock.Monotonic()))
	}
	if d.child == nil && d.core.Halfway() { // is it gone?
		w = min(w, d.tree.pace())
	}
	return min(w, d.upward.every)
}

// do does one thing, and returns what came of it.
func (d *Driver) do(a supervise.Act) []supervise.Event {
	switch a.Deed {
	case supervise.Start:
		return []supervise.Event{d.start()}
	case supervise.Send:
		d.send(a.Signal)
	case supervise.Kill:
		d.tree.kill(d.child)
		if d.child == nil && d.tree.empty(true) {
			return []supervise.Event{{Kind: supervise.Gone}}
		}
	case supervise.Dump:
		d.dump(a.Text)
	case supervise.Say:
		d.conf.Say(a.Text)
	case supervise.Up:
		d.upward.send("READY=1")
	case supervise.Stopping:
		d.upward.send("STOPPING=1")
	}
	return nil
}

// dumpTime is how long a stop waits for a dump.
const dumpTime = 3 * time.Second

// dump keeps what can be seen of the program.
func (d *Driver) dump(why string) {
	if d.conf.Dump == nil || d.child == nil {
		return
	}
	done, pid := make(chan struct{}), d.child.pid
	go func() { defer close(done); d.conf.Dump(pid, why) }()
	select {
	case <-done:
	case <-time.After(dumpTime):
		d.conf.Say("the dump takes too long, and is not waited for")
	}
}

func (d *Driver) send(s supervise.Signal) {
	sig := map[supervise.Signal]syscall.Signal{supervise.Terminate: syscall.SIGTERM, supervise.Interrupt: syscall.SIGINT, supervise.Quit: syscall.SIGQUIT}[s]
	if d.child == nil || s == supervise.Interrupt && d.typed {
		return
	}
	d.child.signal(sig)
	if sig == syscall.SIGTERM {
		d.child.signal(syscall.SIGCONT) // a stopped program would never hear of it
	}
}

// own does what an event asks of the driver itself. What is not the policy's has no
// kind in the end.
func (d *Driver) own(e supervise.Event) supervise.Event {
	if sender := int(e.Since); sender != 0 {
		// A process that has sent its word and ended is not in the tree any more; but
		// nor is a stranger, and strangers are the greater danger.
		if d.child == nil || sender != d.child.pid && !d.tree.has(sender, d.child) {
			return supervise.Event{}
		}
		e.Since = 0
	}
	switch e.Kind {
	case passOn:
		if d.child != nil && (d.conf.Heed == nil || !d.conf.Heed(syscall.Signal(e.PID))) {
			d.child.signal(syscall.Signal(e.PID))
		}
		return supervise.Event{}
	case supervise.StopAsked:
		if e.Signal == supervise.Interrupt && d.conf.Heed != nil {
			d.typed = d.conf.Heed(syscall.SIGINT)
		}
	case mainPID:
		d.hand(e.PID)
		return supervise.Event{}
	case said:
		d.upward.say(e.Text)
		return supervise.Event{}
	case supervise.Exited:
		if d.child == nil || e.PID != d.child.pid {
			return supervise.Event{} // of another run, or of one that was handed over
		}
		d.ended(e.Exit)
	case supervise.IsReady, supervise.Extend:
		if d.child == nil {
			return supervise.Event{}
		}
		if e.Kind == supervise.IsReady {
			d.child.ready = true
		}
	}
	return e
}

// ended clears up after a process of which the exit is known.
func (d *Driver) ended(e supervise.Exit) {
	pid := d.child.pid
	d.child.close()
	d.child = nil
	d.current.Store(0)
	if d.watcher != nil {
		d.watcher.Ended(pid, e)
		d.watcher.Close()
		d.watcher = nil
	}
}

// tell tells who is above what has changed, and feeds its watchdog.
func (d *Driver) tell() {
	now := clock.Monotonic()
	if s := d.core.State(); s != d.moved {
		d.moved = s
		d.state.v.Store(s)
		d.upward.state(string(s))
	}
	if d.core.Final() && d.core.Halfway() {
		d.upward.extend(2 * time.Second)
	}
	d.upward.feed(now, d.core.Alive(now))
}

func (d *Driver) status() int {
	e := d.core.Exit()
	switch {
	case d.core.State() == supervise.Ended && d.child != nil, !e.Known:
		return 1
	case e.Signal != 0:
		return 128 + e.Signal
	}
	return e.Status
}

// finish gives everything back. What cannot be ended stays in the state directory.
func (d *Driver) finish() {
	if d.watcher != nil {
		d.watcher.Close()
	}
	if d.notes != nil {
		d.notes.close()
	}
	d.upward.close()
	for _, h := range d.held {
		h.file.Close()
	}
	if d.store != nil {
		if d.child == nil && d.tree.empty(false) {
			d.store.clear()
		}
		d.store.close()
	}
	d.tree.remove()
	if d.child != nil {
		d.child.close()
	}
}

// exitOf makes an exit of what wait4 tells.
func exitOf(w unix.WaitStatus) supervise.Exit {
	if w.Signaled() {
		return supervise.Exit{Known: true, Signal: int(w.Signal()), Name: unix.SignalName(w.Signal())}
	}
	return supervise.Exit{Known: true, Status: w.ExitStatus()}
}

// begin makes what outlives runs, and finds out what there is already.
func (d *Driver) begin() (first supervise.Event, err error) {
	if len(d.conf.Argv) == 0 {
		return first, errors.New("no program is named")
	}
	if d.upward, err = dialUpward(os.Getenv); err != nil {
		return first, err
	}
	var old record
	if d.conf.State != "" {
		if d.store, old, err = openStore(d.conf.State); err != nil {
			return first, err
		}
	}
	if err := d.adopt(old, &first); err != nil {
		if d.child == nil {
			d.tree.remove()
		}
		if d.store != nil {
			d.store.close()
		}
		return first, err
	}
	go reap(d.ending, func(pid int) bool { return d.mine(pid) })
	return first, nil
}

// adopt makes the driver of what an earlier one has left.
func (d *Driver) adopt(old record, first *supervise.Event) error {
	d.core = supervise.New(d.conf.Policy, old.Memory)
	d.runs = old.Run
	child := old.process()
	d.tree = openTree(d.conf, old)
	var err error
	if d.held, err = openHeld(d.conf.Listen, old.Listen, child, d.tree.pids()); err != nil {
		return err
	}
	if d.notes, err = listenNotes(old.Notify, d); err != nil {
		return err
	}
	switch {
	case child != nil:
		return d.takeOver(child, old, first)
	case !d.tree.empty(false):
		*first = supervise.Event{Kind: supervise.Left}
	default:
		*first = supervise.Event{Kind: supervise.Vacant}
	}
	return nil
}

// takeOver makes a process that runs the driver's.
func (d *Driver) takeOver(child *process, old record, first *supervise.Event) error {
	d.child, d.since = child, old.Since
	d.current.Store(int64(child.pid))
	// What a program said while nobody listened is lost: that it is ready may be.
	child.ready = old.Ready || d.conf.Ready == "notify"
	w, err := d.conf.Watch(child.pid)
	if err != nil {
		d.conf.Say(fmt.Sprintf("it runs, but nothing is watched: %v", err))
	} else {
		d.watcher = w
		w.Watch(child.pid)
	}
	*first = supervise.Event{Kind: supervise.Adopted, PID: child.pid, Since: old.Since, Ready: child.ready, Halfway: old.Halfway}
	d.follow(child)
	if d.conf.Ready != "" && !child.ready {
		go d.probe(child)
	}
	return nil
}

// stateCell holds a state that others may read.
type stateCell struct{ v atomic.Value }

func (c *stateCell) Load() supervise.State {
	s, _ := c.v.Load().(supervise.State)
	return s
}
