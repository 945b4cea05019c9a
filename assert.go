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

// Assert states that ok holds, and returns it. When it does not, that is
// reported as a finding (wrong), counted, and shown by Readyz until an Assert of
// the same name holds. The program goes on; nothing is ended or logged.
//
// While nothing is violated, an assertion that holds costs a load and a branch.
// Arguments to the format may have to be allocated, as with every function that
// takes them.
func Assert(name string, ok bool, format string, args ...interface{}) bool {
	if ok && atomic.LoadUint64(&counts.Violated) == 0 {
		return true
	}
	if ok {
		settle("assertion "+name, nil)
		return true
	}
	frame := callerOf(1)
	settle("assertion "+name, func() event.Finding {
		return wrong(placed{name, frame}, fmt.Sprintf("the assertion %s does not hold: %s", name, fmt.Sprintf(format, args...)))
	})
	return false
}

func wrong(at placed, what string) event.Finding {
	f := own(event.Wrong, event.Proven, at, what)
	f.Refuted = "it holds when it is evaluated again"
	return f
}

// violated holds what does not hold, and when its text was made. The text is
// made once in a second: whoever violates an assertion in a tight loop is not
// to be slowed down much by it.
var violated = struct {
	mu sync.Mutex // guards at
	at map[string]time.Time
}{at: map[string]time.Time{}}

// settle notes how the evaluation of what is known as key came out: it holds,
// or it does not and finding tells so.
func settle(key string, finding func() event.Finding) {
	if finding == nil {
		hold(key)
		return
	}
	atomic.AddUint64(&counts.Violations, 1)
	v := &violated
	v.mu.Lock()
	now := time.Now()
	fresh := now.Sub(v.at[key]) >= time.Second
	if fresh {
		v.at[key] = now
		atomic.StoreUint64(&counts.Violated, uint64(len(v.at)))
	}
	v.mu.Unlock()
	if !fresh {
		return
	}
	f := finding() // formatting runs code of the program's, so not under the lock
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, still := v.at[key]; still {
		complaints.raise(key, f)
	}
}

// hold notes that what is known as key holds.
func hold(key string) {
	v := &violated
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, was := v.at[key]; was {
		delete(v.at, key)
		atomic.StoreUint64(&counts.Violated, uint64(len(v.at)))
		complaints.withdraw(key)
	}
}

// Invariant has check run once in every interval, on a goroutine of its own,
// until stop is called. An error means that the invariant does not hold: that
// is reported as a finding (wrong), counted, and shown by Readyz until a later
// run returns nil. A panic in check is such an error.
//
// A run may take as long as the interval, but at least a second. One that takes
// longer hangs: it counts as not holding, and is not started again before it
// returns.
//
// check must be safe to be called beside the program, and should not take locks
// that the program holds for long.
func Invariant(name string, every time.Duration, check func() error) (stop func()) {
	if every <= 0 {
		every = time.Second
	}
	budget := every
	if budget < time.Second {
		budget = time.Second
	}
	inv := &invariant{key: "invariant " + name, name: name, check: check, caller: NewCaller("invariant "+name, budget), at: placed{name, callerOf(1)}}
	done := make(chan struct{})
	var once sync.Once
	go inv.loop(every, done)
	return func() { once.Do(func() { close(done) }) }
}

type invariant struct {
	key, name string
	check     func() error
	caller    *Caller
	at        placed
}

func (i *invariant) loop(every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer i.end(done)
	go func() { <-done; cancel() }()
	for {
		i.once(ctx)
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

// end forgets an invariant that was stopped. One whose check has called
// runtime.Goexit, which ends this goroutine, is not evaluated any more.
func (i *invariant) end(done <-chan struct{}) {
	select {
	case <-done:
		settle(i.key, nil)
	default:
		settle(i.key, func() event.Finding {
			return wrong(i.at, fmt.Sprintf("the invariant %s is not evaluated any more: its check has called runtime.Goexit", i.name))
		})
	}
}

func (i *invariant) once(ctx context.Context) {
	err := i.caller.Call(ctx, func(context.Context) error { return i.evaluate() })
	switch {
	case ctx.Err() != nil:
	case err == nil:
		settle(i.key, nil)
	case errors.Is(err, ErrStuck):
		settle(i.key, func() event.Finding {
			return wrong(i.at, fmt.Sprintf("the invariant %s cannot be evaluated: its check hangs (%v)", i.name, err))
		})
	default:
		settle(i.key, func() event.Finding {
			return wrong(i.at, fmt.Sprintf("the invariant %s does not hold: %v", i.name, err))
		})
	}
}

// evaluate runs the check, and turns a panic, which the program has no place to
// recover, into an error.
func (i *invariant) evaluate() (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		switch p := recover().(type) {
		case nil: // runtime.Goexit
		case runtime.Error:
			err = fmt.Errorf("its check has panicked: %w", p)
		default:
			err = fmt.Errorf("its check has panicked: %v", p)
		}
	}()
	err = i.check()
	returned = true
	return err
}
