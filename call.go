package lifesign

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// ErrStuck is what Call returns, wrapped, for work that has not ended within
// its budget.
var ErrStuck = errors.New("stuck")

// Call runs f and returns its error, or ErrStuck when f has not returned within
// budget. f goes on then: nothing in Go can end it. It should end when its
// context does, which is ctx itself; Call returns ctx's error when ctx ends
// first, whether f minds it or not.
//
// The budget is counted fairly. Time in which the process did not run, because
// it was stopped, suspended or starved, is not held against f.
//
// A panic or runtime.Goexit in f happens in the goroutine that called Call, as
// it would without it. When nobody waits for f any more, a panic is swallowed
// and reported.
//
// Each call stands for itself: to keep hung ones from piling up, use a Caller.
// f runs on a goroutine of its own, which costs about a microsecond.
func Call(ctx context.Context, budget time.Duration, f func(context.Context) error) error {
	c := Caller{name: placeOf(callerOf(1)), budget: budget}
	return c.run(ctx, f)
}

// Caller makes calls to one thing that may hang: a disk, a database, a peer. While
// one of its calls hangs it starts no other.
//
// A Caller may be used by any goroutine at any time.
type Caller struct {
	name    string
	budget  time.Duration
	guarded bool // it refuses while a call hangs

	mu      sync.Mutex // guards hanging
	hanging int        // calls that are over their budget and have not returned
	since   time.Time  // when the first of them began
}

// NewCaller returns a Caller whose calls may each take budget. The name is what
// reports call it; it should be one of a kind.
func NewCaller(name string, budget time.Duration) *Caller {
	return &Caller{name: name, budget: budget, guarded: true}
}

// Call is the function Call with c's budget, but for this: while an earlier
// call hangs, it returns ErrStuck at once and does not run f.
func (c *Caller) Call(ctx context.Context, f func(context.Context) error) error {
	return c.run(ctx, f)
}

// Stuck reports whether a call hangs: it is over its budget and has not
// returned.
func (c *Caller) Stuck() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hanging > 0
}

// A flight is one run of f.
type flight struct {
	ended  chan struct{} // closed when f has ended
	err    error
	panics interface{} // what f panicked with
	exits  bool        // f neither returned nor panicked: runtime.Goexit
	began  time.Time

	// Of these one side is first, and the other finds it done. Guarded by the
	// Caller's mu.
	over      bool // f has ended
	abandoned bool // nobody waits for f
	counted   bool // among the Caller's hanging
}

func (c *Caller) run(ctx context.Context, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.refusal(); err != nil {
		return err
	}
	atomic.AddUint64(&counts.Calls, 1)
	fl := &flight{ended: make(chan struct{}), began: time.Now()}
	go c.fly(ctx, fl, f)

	watch := newStopwatch(c.budget, fl.began)
	timer := time.NewTimer(watch.slice)
	defer timer.Stop()
	for {
		select {
		case <-fl.ended:
			return fl.result()
		case <-ctx.Done():
			if c.abandon(fl, false) {
				go c.follow(fl, watch)
				return ctx.Err()
			}
		case <-timer.C:
			timer.Reset(watch.slice)
			if watch.look(time.Now()) >= c.budget && c.abandon(fl, true) {
				return c.stuck(fl.began)
			}
		}
	}
}

// refusal is the error while an earlier call hangs.
func (c *Caller) refusal() error {
	if !c.guarded {
		return nil
	}
	c.mu.Lock()
	hanging, since := c.hanging, c.since
	c.mu.Unlock()
	if hanging == 0 {
		return nil
	}
	atomic.AddUint64(&counts.Refused, 1)
	return c.stuck(since)
}

func (c *Caller) stuck(since time.Time) error {
	return fmt.Errorf("%s: %w for %s (budget %s)", c.name, ErrStuck, time.Since(since).Round(time.Millisecond), c.budget)
}

// fly runs f and takes note of how it ended.
func (c *Caller) fly(ctx context.Context, fl *flight, f func(context.Context) error) {
	fl.exits = true
	defer func() {
		if fl.exits {
			// A recovered panic is not nil, since Go 1.21; before, panic(nil) is
			// taken for runtime.Goexit.
			if fl.panics = recover(); fl.panics != nil {
				fl.exits = false
			}
		}
		c.land(fl)
	}()
	fl.err = f(ctx)
	fl.exits = false
}

// result hands over to the caller how f ended.
func (fl *flight) result() error {
	switch {
	case fl.panics != nil:
		panic(fl.panics)
	case fl.exits:
		runtime.Goexit()
	}
	return fl.err
}

// abandon gives up waiting for f, and reports false if it has ended meanwhile.
// With hangs it is over its budget.
func (c *Caller) abandon(fl *flight, hangs bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fl.over {
		return false
	}
	fl.abandoned = true
	if hangs && !fl.counted {
		fl.counted = true
		if c.hanging == 0 {
			c.since = fl.began
		}
		c.hanging++
		atomic.AddUint64(&counts.Hung, 1)
		atomic.AddUint64(&counts.Hanging, 1)
		c.complain(fl)
	}
	return true
}

// land notes that f has ended.
func (c *Caller) land(fl *flight) {
	c.mu.Lock()
	fl.over = true
	if fl.counted {
		c.hanging--
		atomic.AddUint64(&counts.Hanging, ^uint64(0))
		if c.hanging == 0 {
			complaints.withdraw(callKey(c.name))
		}
	}
	lost := fl.abandoned && fl.panics != nil
	c.mu.Unlock()
	close(fl.ended)
	if lost {
		atomic.AddUint64(&counts.Panics, 1)
		complaints.mention(own(event.Crashed, event.Proven, placed{},
			fmt.Sprintf("the call %s, for which nobody waits any more, has panicked: %v", c.name, fl.panics)))
	}
}

// follow counts on for a call whose caller has gone with its context: it may
// hang none the less.
func (c *Caller) follow(fl *flight, watch stopwatch) {
	timer := time.NewTicker(watch.slice)
	defer timer.Stop()
	for {
		select {
		case <-fl.ended:
			return
		case <-timer.C:
			if watch.look(time.Now()) >= c.budget {
				c.abandon(fl, true)
				return
			}
		}
	}
}

const callPrefix = "call "

func callKey(name string) string { return callPrefix + name }

// complain reports that a call hangs. It is called with mu held.
func (c *Caller) complain(fl *flight) {
	f := own(event.Stuck, event.Inferred, placed{name: c.name},
		fmt.Sprintf("the call %s has not returned for %s, its budget is %s", c.name, time.Since(fl.began).Round(time.Millisecond), c.budget))
	f.Place.Site.Kind = event.Call
	f.Place.Since = f.At - int64(time.Since(fl.began))
	f.Refuted = "the call returns"
	complaints.raise(callKey(c.name), f)
}
