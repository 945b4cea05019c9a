package mimic

import (
	"context"
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Times that a function of the program's has. After deadline its context ends;
// after patience it is given up.
const (
	deadline = 2 * time.Second
	patience = int64(deadline) + second/2
)

// maxCalls is how many functions may hang or run at a time.
const maxCalls = 32

// calls are calls of the program's own functions, which may block for ever: each
// on a goroutine of its own, of each only one at a time. A calls belongs to the
// driver's goroutine.
type calls struct {
	running map[any]*call
	off     map[any]bool  // what has panicked
	bell    chan struct{} // has something in it when a call has ended
	refused int           // not begun since the last one has not ended
}

func newCalls() *calls {
	return &calls{running: map[any]*call{}, off: map[any]bool{}, bell: make(chan struct{}, 1)}
}

// answer is what a function has said.
type answer struct {
	err      string
	numbers  map[string]int64
	told     []told // further mimics, of failures
	panicked bool
	took     int64
}

// told is a mimic by the rows of its region and site.
type told struct {
	region, site Site
	mimic        event.Mimic
}

type call struct {
	told
	begun   int64
	done    chan answer
	givenUp bool
}

// begin calls f on a goroutine of its own. What it says becomes of t, which poll
// returns. key is what there may be only one call of.
func (c *calls) begin(key any, now int64, t told, f func(context.Context) answer) {
	if c.off[key] {
		return
	}
	if c.running[key] != nil || len(c.running) >= maxCalls {
		c.refused++
		return
	}
	one := &call{told: t, begun: now, done: make(chan answer, 1)}
	c.running[key] = one
	go func() {
		var a answer
		defer func() { // also after runtime.Goexit
			one.done <- a
			select {
			case c.bell <- struct{}{}:
			default:
			}
		}()
		guarded(f, &a)
	}()
}

// guarded calls f. A panic of f's becomes an answer, and so does runtime.Goexit.
func guarded(f func(context.Context) answer, a *answer) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	ended := false
	defer func() {
		if !ended {
			*a = answer{err: panicked(recover()), panicked: true}
		}
		a.took = int64(time.Since(began))
	}()
	*a = f(ctx)
	ended = true
}

// panicked says in words what recover has returned. The value is printed only if
// that calls none of its methods.
func panicked(v any) string {
	switch v := v.(type) {
	case nil:
		return "panicked: it has ended its goroutine"
	case string:
		return "panicked: " + v
	case error:
		return "panicked: " + textOf(v)
	}
	return fmt.Sprintf("panicked: with a %T", v)
}

// poll returns the mimics of calls that have ended, or been given up just now.
func (c *calls) poll(now int64) (list []told) {
	for key, one := range c.running {
		select {
		case a := <-one.done:
			delete(c.running, key)
			c.off[key] = c.off[key] || a.panicked
			if a.told != nil {
				list = append(list, a.told...)
			}
			if one.mimic.Deed != "" {
				list = append(list, one.ended(a))
			}
		default:
			if !one.givenUp && now-one.begun >= patience {
				one.givenUp = true
				if one.mimic.Deed != "" {
					list = append(list, one.ended(answer{
						err: "hangs: no answer after " + time.Duration(now-one.begun).Round(time.Millisecond).String(), took: now - one.begun,
						numbers: map[string]int64{"hangs": 1},
					}))
				}
			}
		}
	}
	return list
}

func (one *call) ended(a answer) told {
	t := one.told
	t.mimic.Err = a.err
	t.mimic.Numbers = a.numbers
	if t.mimic.Numbers == nil {
		t.mimic.Numbers = map[string]int64{}
	}
	t.mimic.Numbers["took"] = a.took
	return t
}

// hanging returns how many calls have been given up and have not ended.
func (c *calls) hanging() (n int) {
	for _, one := range c.running {
		if one.givenUp {
			n++
		}
	}
	return n
}

// until returns when the next call is to be given up, 0 if there is none to wait
// for.
func (c *calls) until() (at int64) {
	for _, one := range c.running {
		if t := one.begun + patience; !one.givenUp && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}
