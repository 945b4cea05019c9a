package pause

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// Options are for Watch. The zero value of each field is its default.
type Options struct {
	// Report is called with each pause, one at a time, on a goroutine of its own. It
	// may block: what it is too slow for is counted and forgotten (Missed).
	Report func(Pause)

	// Tick is how often to look, default 100 ms. A pause is sure to be seen if it is
	// longer than Tick and Least together, and a shorter one if it meets a tick.
	Tick time.Duration

	// Least is by how much a tick must be late, default 10 ms.
	Least time.Duration

	// NoSignal leaves SIGCONT alone. Then a stop by a signal cannot be told from other
	// pauses. Otherwise the program handles SIGCONT and does nothing at it: nothing of
	// Go's notices, but in C code a call that is never started anew after a signal,
	// like nanosleep, ends early when the process is continued.
	NoSignal bool
}

const (
	// settle is how long what is counted may take to show after a pause. Without it 13
	// of 50 stops were misnamed, since the signal had not come through.
	settle = 12 * time.Millisecond

	// readEvery is the number of ticks from one reading to the next.
	readEvery = 30

	// shows is how long to wait for what may show yet (see Name).
	shows = 2500 * time.Millisecond

	// mostPending bounds the pauses that are waited with. Of more, the oldest are told
	// as what is known of them.
	mostPending = 16
)

// ErrWatched is what Watch returns while there is a watch already.
var ErrWatched = errors.New("pause: the program is watched already")

var watched uint32 // atomic; 1 while there is a watch

// Watcher looks for pauses of the process that it is in, until Stop is called.
type Watcher struct {
	o       Options
	missed  uint64 // atomic
	reports chan Pause
	done    chan struct{}
	ended   chan struct{}
	once    sync.Once

	pid    int
	clocks Clocks
	gauges *gauges
	// earlier and before are the newest readings; their buffers change places.
	earlier, before, after *Reading
	ticks                  int
	pending                []*pending
	waiting                int32 // atomic; the number of pending
}

// pending is a gap whose cause may show yet.
type pending struct {
	gap             Gap
	earlier, before Reading
	after           Reading
	until           int64
}

// Watch begins to look. It costs a wake-up a tick, and every thirtieth a reading.
func Watch(o Options) (*Watcher, error) {
	if o.Tick == 0 {
		o.Tick = 100 * time.Millisecond
	}
	if o.Least == 0 {
		o.Least = 10 * time.Millisecond
	}
	if o.Tick < time.Millisecond || o.Least < time.Millisecond {
		return nil, fmt.Errorf("watch for pauses every %v, from %v on: at least a millisecond each", o.Tick, o.Least)
	}
	if !atomic.CompareAndSwapUint32(&watched, 0, 1) {
		return nil, ErrWatched
	}
	w := &Watcher{
		o: o, reports: make(chan Pause, 64), done: make(chan struct{}), ended: make(chan struct{}),
		pid: os.Getpid(), clocks: Clocks{Least: o.Least}, gauges: openGauges(!o.NoSignal),
		earlier: nothing(), before: nothing(), after: nothing(),
	}
	go w.loop()
	go w.report()
	return w, nil
}

func nothing() *Reading {
	r := Nothing()
	return &r
}

// Stop ends the watch and waits for a report that is under way.
func (w *Watcher) Stop() {
	w.once.Do(func() {
		close(w.done)
		<-w.ended
	})
}

// Missed returns how many pauses were not reported because Report was too slow.
func (w *Watcher) Missed() uint64 { return atomic.LoadUint64(&w.missed) }

func (w *Watcher) report() {
	defer close(w.ended)
	for p := range w.reports {
		if w.o.Report != nil {
			w.o.Report(p)
		}
	}
}

// loop ticks. It runs on whatever thread the scheduler gives it: a thread of its own
// would cost two switches a tick, and one that sleeps in the kernel keeps the
// runtime's monitor awake, which costs more than all the rest.
func (w *Watcher) loop() {
	defer func() {
		w.gauges.close()
		atomic.StoreUint32(&watched, 0)
		close(w.reports)
	}()
	w.gauges.read(w.before)
	w.tick()
	for {
		select {
		case <-w.done:
			return
		default:
		}
		time.Sleep(w.o.Tick)
		if g, ok := w.tick(); ok {
			w.explain(g)
			continue
		}
		w.askAgain()
		if w.ticks++; w.ticks%readEvery == 0 {
			w.gauges.read(w.after)
			w.turn()
			continue
		}
		w.gauges.readThreads(w.before)
	}
}

// tick looks at the clocks. The next tick is due a Tick from now.
func (w *Watcher) tick() (Gap, bool) {
	return w.tickTo(w.o.Tick)
}

func (w *Watcher) tickTo(next time.Duration) (Gap, bool) {
	ran, err := proc.ProcessTime(w.pid)
	if err != nil {
		ran = -1
	}
	now := clock.Monotonic()
	return w.clocks.Tick(now, clock.Boot(), ran, now+int64(next))
}

// turn makes the newest reading the one before what comes.
func (w *Watcher) turn() {
	w.earlier, w.before, w.after = w.before, w.after, w.earlier
}

// explain reports a gap, when what is counted has settled.
func (w *Watcher) explain(g Gap) {
	gaps := [...]Gap{g, {}}
	n := 1
	w.tickTo(settle)
	time.Sleep(settle)
	if again, late := w.tick(); late {
		gaps[1], n = again, 2
	}
	w.gauges.read(w.after)
	for _, g := range gaps[:n] {
		p, more := Name(g, *w.earlier, *w.before, *w.after, runtime.GOMAXPROCS(0))
		if !more && leavesTrace(p.Kind) {
			w.hand(p)
			continue
		}
		if len(w.pending) == mostPending {
			w.decide(w.pending[0], true)
			w.pending = w.pending[1:]
		}
		w.pending = append(w.pending, &pending{gap: g, earlier: copied(w.earlier), before: copied(w.before), after: copied(w.after), until: g.Until + int64(shows)})
	}
	w.turn()
	w.earlier.Mono = 0 // a window with a gap in it shows nothing of what is usual
	atomic.StoreInt32(&w.waiting, int32(len(w.pending)))
}

// leavesTrace reports whether k is sure at once. For what is concluded from how much
// was used or waited for, a signal may come through yet.
func leavesTrace(k Kind) bool {
	return k == Suspended || k == Stopped || k == Frozen || k == Throttled
}

// askAgain asks about gaps whose cause may show yet.
func (w *Watcher) askAgain() {
	kept := w.pending[:0]
	for _, d := range w.pending {
		if !w.decide(d, clock.Monotonic() > d.until) {
			kept = append(kept, d)
		}
	}
	w.pending = kept
	atomic.StoreInt32(&w.waiting, int32(len(kept)))
}

// decide reports a gap if its cause shows now, or if it is asked for the last time.
func (w *Watcher) decide(d *pending, last bool) bool {
	w.gauges.readLate(&d.after)
	p, more := Name(d.gap, d.earlier, d.before, d.after, runtime.GOMAXPROCS(0))
	if more && !last {
		return false
	}
	w.hand(p)
	return true
}

// hand hands p on without waiting.
func (w *Watcher) hand(p Pause) {
	select {
	case w.reports <- p:
	default:
		atomic.AddUint64(&w.missed, 1)
	}
}

// copied is a reading whose buffer is its own.
func copied(r *Reading) Reading {
	c := *r
	c.Threads = append([]Thread(nil), r.Threads...)
	return c
}
