package lifesign

import (
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// maxQueue is how many findings may wait to be reported. There are few, but
// whoever reports them may write to a pipe that nobody reads.
const maxQueue = 64

// outlet carries findings to a function of the program's, which may block, on a
// goroutine of its own.
type outlet struct {
	queue chan event.Finding
	done  chan struct{}
	owed  int32 // findings that were put and are not reported yet; atomic
}

func newOutlet(report func(event.Finding)) *outlet {
	o := &outlet{queue: make(chan event.Finding, maxQueue), done: make(chan struct{})}
	go o.carry(report)
	return o
}

func (o *outlet) carry(report func(event.Finding)) {
	for {
		select {
		case f := <-o.queue:
			report(f)
			atomic.AddInt32(&o.owed, -1)
		case <-o.done:
			return
		}
	}
}

// put never waits.
func (o *outlet) put(f event.Finding) {
	atomic.AddInt32(&o.owed, 1)
	select {
	case o.queue <- f:
	default:
		atomic.AddInt32(&o.owed, -1)
		atomic.AddUint64(&counts.Unheard, 1)
	}
}

// drain waits until everything is reported, but not for longer than limit.
func (o *outlet) drain(limit time.Duration) {
	for end := time.Now().Add(limit); atomic.LoadInt32(&o.owed) > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

func (o *outlet) close() { close(o.done) }
