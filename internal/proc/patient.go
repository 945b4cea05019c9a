package proc

import (
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// maxHanging is how many questions may hang at a time. Each takes a thread.
const maxHanging = 4

// Patient asks a kernel in threads of its own, which it gives up if they do not
// come back in time. It may be used concurrently.
type Patient struct {
	limit time.Duration
	slots chan struct{} // holds one for each question that is open

	read func(tid int) event.Thread // the kernel's Thread, except in tests
}

// NewPatient returns a Patient that waits for limit.
func NewPatient(k Kernel, limit time.Duration) *Patient {
	return &Patient{limit: limit, slots: make(chan struct{}, maxHanging), read: k.Thread}
}

// Thread tells what a thread is about. It returns after the limit at the latest.
func (p *Patient) Thread(tid int) event.Thread {
	select {
	case p.slots <- struct{}{}:
	default:
		return event.Thread{ID: tid, Syscall: -1, Err: "earlier questions about threads hang in the kernel"}
	}
	answer := make(chan event.Thread, 1)
	go func() {
		defer func() { <-p.slots }()
		answer <- p.read(tid)
	}()
	late := time.NewTimer(p.limit)
	defer late.Stop()
	select {
	case t := <-answer:
		return t
	case <-late.C:
		return event.Thread{ID: tid, Syscall: -1, Err: fmt.Sprintf("the kernel has not told in %v", p.limit)}
	}
}
