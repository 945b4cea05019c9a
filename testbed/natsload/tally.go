package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/histogram"
	"github.com/lifesign-go/lifesign/testbed/internal/mono"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

// tally is what all workers count together.
type tally struct {
	acked, failed, gets, replies atomic.Int64
	lastAck                      atomic.Int64

	mu        sync.Mutex // guards latencies
	latencies histogram.H
}

// begin sets the time from which a standstill counts: a server can stand before
// it has acknowledged anything.
func (t *tally) begin(now int64) { t.lastAck.Store(now) }

// ack counts a publish that was due at due as acknowledged now.
func (t *tally) ack(due int64, h *histogram.H) {
	now := mono.Now()
	t.lastAck.Store(now)
	t.acked.Add(1)
	h.Add(time.Duration(now - due))
}

// merge adds a worker's latencies when it ends.
func (t *tally) merge(h *histogram.H) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies.Merge(h)
}

func (t *tally) line(e report.Event) report.Line {
	return report.Line{
		Event: e, At: mono.Now(), LastAck: t.lastAck.Load(),
		Acked: t.acked.Load(), Failed: t.failed.Load(), Gets: t.gets.Load(), Replies: t.replies.Load(),
	}
}

// total is the last line, for a load that ran for d.
func (t *tally) total(d time.Duration) report.Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.line(report.End)
	l.PerSecond = float64(l.Acked) / d.Seconds()
	l.P50, l.P99 = t.latencies.Quantile(0.50), t.latencies.Quantile(0.99)
	return l
}

// standstill tells when publishing stops and when it goes on again.
type standstill struct {
	limit   time.Duration
	stalled bool
}

// step looks at the counters in l and returns the event to tell, "" if there
// is none. Before the load has begun there is nothing that could stop.
func (s *standstill) step(l report.Line) report.Event {
	still := l.LastAck != 0 && time.Duration(l.At-l.LastAck) > s.limit
	if still == s.stalled {
		return ""
	}
	s.stalled = still
	if still {
		return report.Stall
	}
	return report.Resumed
}
