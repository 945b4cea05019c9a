package lifesign

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/page"
)

// Worker is the activity marker of something that does work, one unit after the
// other, mostly a goroutine. It says when it has got work, how long that may go
// without progress, and when it waits for more. While it is idle nobody asks
// why it does nothing; while it is busy it has to make progress within its
// budget, or it is reported as stuck.
//
// One goroutine at a time may call Busy, Idle and Progress, and any goroutine
// the other methods. None of the three allocates, locks or makes a system call;
// they cost some nanoseconds.
type Worker struct {
	slot *page.Worker // in the vitals page
	at   int          // its number there, -1 if the page has no room
	end  uint32       // how it was closed, one of the constants below

	mu     sync.Mutex // guards what follows
	ctx    context.Context
	cancel context.CancelFunc
}

// How a worker was closed.
const (
	open uint32 = iota
	closedUnreported
	closedReported
)

// WorkerOption is an option of NewWorker.
type WorkerOption func(*event.Site)

// AnyOf puts a worker into a group that is stuck when any one of it is.
func AnyOf(group string) WorkerOption { return func(s *event.Site) { s.Object = group } }

// AllOf puts a worker into a group that is stuck when all of it are: workers
// that stand for each other, such as those that take from one queue.
func AllOf(group string) WorkerOption {
	return func(s *event.Site) { s.Object = page.AllOfGroup + group }
}

// NewWorker returns a worker that is idle. Reports call it by its name; workers
// that do the same may have the same one. Without an option it stands for
// itself. Close gives back its place in the page, which has room for 4096.
func NewWorker(name string, options ...WorkerOption) *Worker {
	frame := callerOf(1)
	site := event.Site{Kind: event.Worker, File: frame.File, Line: frame.Line, Func: name}
	site.Package, _ = cutFunc(frame.Function)
	for _, o := range options {
		o(&site)
	}
	w := &Worker{}
	w.slot, w.at = slots.take(site)
	return w
}

// Busy says that the worker has got work, which may go without progress for as
// long as budget; 0 leaves that to the judge, which takes ten seconds. Whoever is
// busy already thereby begins the next unit of work. What Busy returns ends this
// one:
//
//	defer w.Busy(2 * time.Second).Done()
func (w *Worker) Busy(budget time.Duration) Work {
	if budget < 0 {
		budget = 0
	}
	return Work{w.slot, hook.Busy(w.slot, uint64(budget))}
}

// Work is a unit of a worker's work.
type Work struct {
	slot *page.Worker
	seq  uint64
}

// Done says that the work is done: the worker is idle, unless it has got other
// work since.
func (k Work) Done() {
	if k.slot != nil && k.slot.Seq == k.seq {
		hook.Idle(k.slot)
	}
}

// Idle says that the worker waits for work.
func (w *Worker) Idle() { hook.Idle(w.slot) }

// Progress says that the work in hand has come further: its budget begins anew.
func (w *Worker) Progress() { hook.Progress(w.slot) }

// Reported reports whether the worker was ever reported to be stuck. Whoever is
// told so should stop: another may have been set to its work.
func (w *Worker) Reported() bool {
	if end := atomic.LoadUint32(&w.end); end != open {
		return end == closedReported // the slot may be another's
	}
	return hook.Reported(w.slot) != 0
}

// Context returns a context that ends when the worker is reported to be stuck,
// within a tenth of a second, or closed. It is always the same. While there are
// such contexts, a goroutine of lifesign's looks at them ten times a second.
func (w *Worker) Context() context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx == nil {
		w.ctx, w.cancel = context.WithCancel(context.Background())
		if w.end != open {
			w.cancel()
		} else {
			watched.add(w)
		}
	}
	return w.ctx
}

// Close ends the worker and its context. A closed worker must not be used, but
// may be closed again.
func (w *Worker) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != open {
		return
	}
	end := closedUnreported
	if hook.Reported(w.slot) != 0 {
		end = closedReported
	}
	atomic.StoreUint32(&w.end, end)
	if w.cancel != nil {
		w.cancel()
		watched.remove(w)
	}
	slots.give(w.at)
}

// slots hands out places in the page.
var slots = slotTable{rows: map[string]hook.Site{}}

type slotTable struct {
	mu   sync.Mutex // guards what follows
	rows map[string]hook.Site
	free []int
}

func (t *slotTable) take(site event.Site) (*page.Worker, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := hook.Vitals()
	at := len(v.Workers)
	if n := len(t.free); n > 0 {
		at, t.free = t.free[n-1], t.free[:n-1]
	} else if n := atomic.LoadUint64(&v.Header.WorkerCount); n < uint64(len(v.Workers)) {
		at = int(n)
		atomic.StoreUint64(&v.Header.WorkerCount, n+1)
	}
	row, ok := t.row(site)
	if at == len(v.Workers) || !ok {
		atomic.AddUint64(&v.Header.WorkersLost, 1)
		return new(page.Worker), -1
	}
	w := &v.Workers[at]
	// Seq goes on from the last owner's, so that nothing said of its work can be
	// taken to be of this one's.
	if w.Seq&1 == 1 {
		hook.Idle(w)
	}
	atomic.StoreUint64(&w.Reported, 0)
	atomic.StoreUint64(&w.Site, uint64(row)+1)
	return w, at
}

// row declares site, once.
func (t *slotTable) row(site event.Site) (hook.Site, bool) {
	text := string(page.AppendSite(nil, site))
	row, ok := t.rows[text]
	if !ok {
		row = hook.Declare(text)
		t.rows[text] = row
	}
	return row, uint64(row) < atomic.LoadUint64(&hook.Vitals().Header.SiteCount)
}

func (t *slotTable) give(at int) {
	if at < 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	atomic.StoreUint64(&hook.Vitals().Workers[at].Site, 0)
	t.free = append(t.free, at)
}

// watched are the workers that somebody has a context of.
var watched watchList

type watchList struct {
	mu      sync.Mutex // guards what follows
	workers map[*Worker]bool
}

func (l *watchList) add(w *Worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.workers == nil {
		l.workers = map[*Worker]bool{}
		go l.loop()
	}
	l.workers[w] = true
}

func (l *watchList) remove(w *Worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.workers, w)
}

// loop ends contexts until there are none left.
func (l *watchList) loop() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if !l.look() {
			return
		}
	}
}

// look ends the contexts of those that were reported, and reports whether there
// are others.
func (l *watchList) look() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.workers {
		if hook.Reported(w.slot) != 0 {
			w.cancel()
			delete(l.workers, w)
		}
	}
	if len(l.workers) == 0 {
		l.workers = nil
		return false
	}
	return true
}
