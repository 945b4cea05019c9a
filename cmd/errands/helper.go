package errands

import (
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// Config says whose errands are done, and at what cost.
type Config struct {
	PID     int      // the program's
	Command []string // what runs Serve; nil for this program's own "helper" subcommand
	Share   float64  // of the time that errands may keep each of the program's disks busy; 0 for DefaultShare
}

// DefaultShare is a thousandth: 1 ms in a second. What comes to meet one of them is a
// thousandth of what the program does, which does not show in its 99th percentile; with
// half a percent an etcd at two thirds of its load had that at 1.7 times what it was
// without (`bin/workbench -only Etcd`).
const DefaultShare = 0.001

// Bounds.
const (
	maxHanging  = 16             // errands that hang at a time; new ones are Unable then
	threads     = maxHanging + 8 // errands under way at a time
	maxWaiting  = 256            // errands that wait, for the budget or for the helper
	maxOutcomes = 4096           // that nobody has fetched
	hangAfter   = 250 * time.Millisecond
	turn        = 50 * time.Millisecond // between two looks at what is under way
	maxLate     = 4 * turn              // a look that comes later shows that the agent did not run
	patience    = 2 * time.Second       // for a helper to begin
	maxPostpone = time.Minute           // for the budget; whoever asks waits longer
)

// Counts is what has happened so far.
type Counts struct {
	Done, Failed, Differ, Unable uint64        // errands by their end
	Hung                         uint64        // that were told as Hangs
	Hanging                      int           // that are under way, and were told as Hangs
	Waiting                      int           // that have not begun
	Postponed                    uint64        // that had to wait for the budget
	Replaced                     uint64        // that a newer one of the same place has taken the place of
	Lost                         uint64        // outcomes that nobody has fetched in time
	DiskTime                     time.Duration // of errands where the program is
	Starts, Deaths               uint64        // of helpers
	Left                         int           // helpers that were killed and hang in the kernel
	Why                          string        // what the last one that was Unable was told
	Lacks                        string        // in what the helper is not where the program is, "" if in nothing
}

// Helper has errands done. Its methods may be called concurrently, and only Close
// waits.
type Helper struct {
	config Config
	wake   chan struct{} // holds one if there is something in queue or abandoned
	events chan func()   // from the goroutines of a child, run by the loop
	done   chan struct{} // closed by Close
	ended  chan struct{} // closed by the loop

	mu        sync.Mutex // guards what follows
	queue     []event.Errand
	abandoned []uint64
	outlives  bool // the program has ended
	outcomes  []event.Outcome
	counts    Counts
	closed    bool

	loop loop // by its goroutine alone
}

// Start begins to do errands for a program. The helper itself is started when the
// first one is there.
func Start(c Config) (*Helper, error) {
	if c.Command == nil {
		c.Command = []string{"/proc/self/exe", "helper"}
	}
	if c.Share == 0 {
		c.Share = DefaultShare
	}
	mine, err := placeOf("/proc", selfPID)
	if err != nil {
		return nil, err
	}
	k := proc.Kernel{Proc: "/proc", Sys: "/sys", PID: c.PID}
	h := &Helper{
		config: c, wake: make(chan struct{}, 1), events: make(chan func(), 64),
		done: make(chan struct{}), ended: make(chan struct{}),
	}
	h.loop = loop{
		h: h, mine: mine, running: map[uint64]*running{}, budgets: newBudgets(c.Share),
		watcher: watcher{proc: "/proc", pid: c.PID}, mounts: mountTable{k: k},
	}
	go h.loop.run()
	return h, nil
}

// Do has an errand done. What becomes of it is among the outcomes of later.
func (h *Helper) Do(e event.Errand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		h.tell(outcome(e, event.Unable, "the helper has been closed"))
		return
	case !e.Mimic.Deed.Helpers():
		h.tell(outcome(e, event.Unable, "this is not done by the helper"))
		return
	case len(h.queue) == maxWaiting:
		h.tell(outcome(e, event.Unable, "too many errands wait"))
		return
	}
	h.queue = append(h.queue, e)
	h.stir()
}

// Abandon says that nobody wants to hear of errands any more. One that hangs hangs on,
// and is counted.
func (h *Helper) Abandon(ids ...uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(ids) > 0 && !h.closed {
		h.abandoned = append(h.abandoned, ids...)
		h.stir()
	}
}

// Outlive says that the program has ended. The helper stays where it was, and does what
// it is still asked for there: files are the program's by their names alone now.
func (h *Helper) Outlive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outlives = true
}

func (h *Helper) stir() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Outcomes appends what there is to tell, in the order in which it came about.
func (h *Helper) Outcomes(buf []event.Outcome) []event.Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	buf = append(buf, h.outcomes...)
	h.outcomes = h.outcomes[:0]
	return buf
}

// Counts returns what has happened so far.
func (h *Helper) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts
}

// Close ends the helper. It waits for half a second at most: one that hangs in the
// kernel is killed and left.
func (h *Helper) Close() {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	h.mu.Unlock()
	if !closed {
		close(h.done)
	}
	<-h.ended
}

// outcome is one without a time of its own.
func outcome(e event.Errand, end event.End, text string) event.Outcome {
	return event.Outcome{ID: e.ID, At: clock.Monotonic(), End: end, Text: text, Where: e.Where}
}

// tell notes an outcome. mu is held.
func (h *Helper) tell(o event.Outcome) {
	switch o.End {
	case event.Done:
		h.counts.Done++
	case event.Failed:
		h.counts.Failed++
	case event.Differ:
		h.counts.Differ++
	case event.Unable:
		h.counts.Unable++
		h.counts.Why = o.Text
	}
	if len(h.outcomes) == maxOutcomes {
		h.counts.Lost++
		return
	}
	h.outcomes = append(h.outcomes, o)
}

// say is tell, for the loop.
func (h *Helper) say(o event.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell(o)
}

func (h *Helper) count(f func(*Counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.counts)
}
