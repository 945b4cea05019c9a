package unit

import (
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// state is the program's. It is the package's, since a program ends as a whole.
var state struct {
	mu     sync.Mutex // guards what follows
	config Config
	tally  tally
	why    string // why crashes have escalated, "" if they have not

	draining  uint32 // atomic; 1 once they have
	reporting int32  // atomic; 1 while a crash is being reported
	dumper    dumper // of who reports
	contained uint64 // atomic
	unheard   uint64 // atomic
}

// Configure sets what holds from now on for the whole program.
func Configure(c Config) {
	state.mu.Lock()
	defer state.mu.Unlock()
	state.config = c
}

// Draining reports whether crashes have escalated: the program should be given no
// more work, and will end. why is one sentence.
func Draining() (why string, draining bool) {
	if atomic.LoadUint32(&state.draining) == 0 {
		return "", false
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	return state.why, true
}

// Counts returns how many crashes were contained so far, and of how many of those
// the reporter was not told because it was still at another.
func Counts() (contained, unheard uint64) {
	return atomic.LoadUint64(&state.contained), atomic.LoadUint64(&state.unheard)
}

// contain counts c, tells it, and escalates if it is one too many.
func contain(c *Crash) error {
	atomic.AddUint64(&state.contained, 1)
	tell(c, "a unit of work has crashed, and was contained", state.tally.add)
	return c
}

// pass tells c, of a panic that goes on, and escalates only for what it has left.
func pass(c *Crash) {
	tell(c, "a request has crashed, and its panic went on to its server", func(c *Crash, cfg Config) string { return left(c) })
}

// tell tells c, and escalates if judge says so; judge is called with state locked.
func tell(c *Crash, what string, judge func(*Crash, Config) string) {
	state.mu.Lock()
	cfg := state.config.fill()
	why := judge(c, cfg)
	first := why != "" && drain(why)
	state.mu.Unlock()
	hook.Say(finding(c, what, why))
	report(c, cfg)
	if first {
		escalate(c, why, cfg)
	}
}

// Drain marks the program as draining, as one crash too many does, and has it end
// after Config.Grace: for who knows that it must not go on for long, such as package
// cguard after a crash in C. why is one sentence; of several calls the first counts.
func Drain(why string) {
	state.mu.Lock()
	cfg := state.config.fill()
	first := drain(why)
	state.mu.Unlock()
	if first {
		escalate(nil, why, cfg)
	}
}

// drain marks the program as draining, and reports whether it was not before. state is
// locked.
func drain(why string) (first bool) {
	if state.why != "" {
		return false
	}
	state.why = why
	atomic.StoreUint32(&state.draining, 1)
	return true
}

// finding is c as an agent tells it: what has happened, and why crashes escalate, if
// they do.
func finding(c *Crash, what, why string) event.Finding {
	now := clock.Monotonic()
	f := event.Finding{
		Verdict: event.Crashed, Class: event.Proven, At: now, Place: event.Step{Since: now},
		What: what + ": " + c.value(),
	}
	if why != "" {
		f.What += "; no more will be contained: " + why
	}
	if len(c.Stack) > 0 {
		at := c.Stack[0]
		f.Place.Site = event.Site{Kind: event.Call, File: at.File, Line: at.Line, Func: at.Function}
	}
	return f
}

// report tells c without waiting: a log may go to a pipe that nobody reads.
func report(c *Crash, cfg Config) {
	if !atomic.CompareAndSwapInt32(&state.reporting, 0, 1) {
		atomic.AddUint64(&state.unheard, 1)
		return
	}
	go func() {
		defer atomic.StoreInt32(&state.reporting, 0)
		if cfg.Report != nil {
			cfg.Report(c)
		} else {
			log.Printf("%v (fingerprint %x)", c, c.Fingerprint)
		}
		state.dumper.keep(c, cfg)
	}()
}

// escalate has the program drained, and ended after the grace: by the panic that
// it would have ended with. c is nil if it was no crash of a unit.
func escalate(c *Crash, why string, cfg Config) {
	if cfg.Drain != nil {
		go cfg.Drain(why)
	}
	if cfg.Grace < 0 {
		return
	}
	time.AfterFunc(cfg.Grace, func() { end(c, why) })
}

// end ends the program. Tests have it do something else.
var end = func(c *Crash, why string) {
	if c != nil {
		why += "; the last one: " + c.Error()
	}
	panic("lifesign guard: " + why)
}
