package lifesign

import (
	"sync/atomic"

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
		case <-o.done:
			return
		}
	}
}

// put never waits.
func (o *outlet) put(f event.Finding) {
	select {
	case o.queue <- f:
	default:
		atomic.AddUint64(&counts.Unheard, 1)
	}
}

func (o *outlet) close() { close(o.done) }
