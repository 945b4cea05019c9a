package proc

import (
	"errors"
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// maxHanging is how many questions may hang at a time. Each takes a thread.
const maxHanging = 4

var errHanging = errors.New("earlier questions hang in the kernel")

// patience asks by helpers, which it gives up if they do not come back in time. It
// may be used concurrently.
type patience struct {
	limit time.Duration
	slots chan struct{} // holds one for each question that is open
}

func newPatience(limit time.Duration) patience {
	return patience{limit: limit, slots: make(chan struct{}, maxHanging)}
}

// do runs f and waits for it. An error says that f was not run, or that it has
// not come back: what it works on is its own from then on.
func (p patience) do(f func()) error {
	select {
	case p.slots <- struct{}{}:
	default:
		return errHanging
	}
	h := Ask(func() {
		defer func() { <-p.slots }()
		f()
	})
	if !h.Wait(p.limit) {
		return fmt.Errorf("the kernel has not told in %v", p.limit)
	}
	return nil
}

// Patient asks a kernel in threads of its own, which it gives up if they do not
// come back in time. It may be used concurrently.
type Patient struct {
	patience

	read func(tid int) event.Thread // the kernel's Thread, except in tests
}

// NewPatient returns a Patient that waits for limit.
func NewPatient(k Kernel, limit time.Duration) *Patient {
	return &Patient{patience: newPatience(limit), read: k.Thread}
}

// Thread tells what a thread is about. It returns after the limit, or as soon as the
// machine lets it.
func (p *Patient) Thread(tid int) event.Thread {
	answer := make(chan event.Thread, 1)
	if err := p.do(func() { answer <- p.read(tid) }); err != nil {
		return event.Thread{ID: tid, Syscall: -1, Err: err.Error()}
	}
	return <-answer
}
