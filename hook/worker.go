package hook

import (
	"sync/atomic"

	"github.com/lifesign-go/lifesign/internal/page"
)

// The functions below write a worker's slot for the root package, as hooks write
// cells: with plain stores, in an order that a reader can rely on. A slot has
// one writer at a time.

// Busy notes that w has got work, which may go without progress for budget
// nanoseconds, and returns the work's number.
func Busy(w *page.Worker, budget uint64) uint64 {
	seq := w.Seq
	seq += 1 + seq&1 // odd, and another than before
	t := now()
	w.Since, w.Last, w.Budget = t, t, budget
	w.G = Goroutine()
	publish(&w.Seq, seq)
	return seq
}

// Idle notes that w has no work any more.
func Idle(w *page.Worker) {
	if seq := w.Seq; seq&1 == 1 {
		w.Since = now()
		publish(&w.Seq, seq+1)
	}
}

// Progress notes that w's work has come further.
func Progress(w *page.Worker) {
	w.Last = now()
	publish(&w.Progress, w.Progress+1)
}

// Reported returns the number of the work for which w was last reported dead, 0
// if it never was.
func Reported(w *page.Worker) uint64 { return atomic.LoadUint64(&w.Reported) }
