package proc

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A Helper asks the kernel what may hang, in a thread of its own that can be given
// up. A machine on which everybody waits for a processor makes a helper late that
// does not hang: so not the clock decides alone, but what the kernel shows of the
// helper's own thread.
type Helper struct {
	done   chan struct{}
	thread int32 // atomic: 0 until it has begun to run
	begun  int64 // the thread's CPU time when it began; whoever has seen thread may read it
}

// Ask has f run by a helper.
func Ask(f func()) *Helper {
	h := &Helper{done: make(chan struct{})}
	go func() {
		defer close(h.done)
		runtime.LockOSThread() // else what is seen of the thread may be another goroutine's
		defer runtime.UnlockOSThread()
		h.begun = threadTime()
		atomic.StoreInt32(&h.thread, int32(threadID()))
		f()
	}()
	return h
}

// Done is closed when f has returned.
func (h *Helper) Done() <-chan struct{} { return h.done }

const (
	// helperLooks is in how many steps a helper's time passes: the last two ends of
	// steps are when it is looked at.
	helperLooks = 8
	// helperMost is by how much its time may be extended while it wants to run and
	// cannot: who waits for it has others to look at.
	helperMost = 10
)

// Wait waits for f to return, and reports whether it has. When limit has passed, it
// gives up a helper that stands still in the kernel, and one that has had limit of
// CPU time. One that has waited for a processor instead has more time, ten times as
// much at most. A limit of 0 does not wait.
func (h *Helper) Wait(limit time.Duration) bool {
	select {
	case <-h.done:
		return true
	default:
	}
	if limit <= 0 {
		return false
	}
	step := limit / helperLooks
	end := time.Now().Add(limit * helperMost)
	timer := time.NewTimer(limit - step)
	defer timer.Stop()
	var last stance
	for looks := 0; ; looks++ {
		select {
		case <-h.done:
			return true
		case <-timer.C:
		}
		now := h.stance()
		if looks > 0 && (now.stands && now == last || now.ran >= int64(limit) || time.Now().After(end)) {
			return h.answered()
		}
		last = now
		timer.Reset(step)
	}
}

// answered asks once more: it may have been looked at for long.
func (h *Helper) answered() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// stance is how a helper's thread stands.
type stance struct {
	stands bool   // it neither runs nor waits for a processor
	slices uint64 // how often it was given a processor
	ran    int64  // its CPU time since it began, in nanoseconds
}

// stance asks the kernel for what takes no lock. A helper that has not begun waits
// for a processor; where nothing can be told, it stands.
func (h *Helper) stance() (s stance) {
	tid := int(atomic.LoadInt32(&h.thread))
	if tid == 0 {
		return s
	}
	stat, schedstat, err := ownThread(tid)
	s.stands = err != nil || stat.state != 'R'
	if err == nil {
		s.slices, s.ran = schedstat.slices, schedstat.ran-h.begun
	}
	return s
}
