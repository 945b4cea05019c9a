package lifesign

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/judge"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/reach"
	"github.com/lifesign-go/lifesign/internal/sample"
	"github.com/lifesign-go/lifesign/internal/tell"
)

// End says when a watcher ends the process.
type End int

// When to end.
const (
	EndNever    End = iota
	EndProven       // at once when something is proven to be stuck
	EndInferred     // also when something has been stuck, inferred, for Options.EndAfter
)

// Options are for Watch. The zero Options report what is stuck, and end nothing.
type Options struct {
	// Report is called with each finding, one at a time, on a goroutine of its
	// own. It may block: what it is too slow for is counted and forgotten. nil
	// stands for text on Output.
	Report func(event.Finding)
	Output io.Writer // nil is os.Stderr
	All    bool      // report also what is slow, or cannot be told

	// End is when to end the process, by a SIGQUIT to itself: the runtime writes
	// the stacks of all goroutines to standard error and exits with status 2. What
	// the program has to do with SIGQUIT is not done, deferred functions are not
	// run. If that takes longer than ten seconds, because nobody reads standard
	// error, the kernel kills the process (on Linux).
	End      End
	EndAfter time.Duration // default, and least, 10 s
}

const (
	// watchPeriod is the time between two samples, the agent's.
	watchPeriod = 50 * time.Millisecond

	// agentGone is for how long an agent must have written nothing before its
	// work is taken over.
	agentGone = 2 * time.Second
)

// ErrWatched is what Watch returns while the program watches itself already.
var ErrWatched = errors.New("lifesign: the program watches itself already")

// Watch has the program judged from inside, by the code with which an agent
// judges it from outside, until stop is called. While there is an agent, it
// stands by.
//
// It sees workers everywhere, and woven operations on Linux. What it costs is
// twenty wake-ups a second and the reading of the page; the runtime's own
// "all goroutines are asleep" is not seen any more by a program with a timer, and
// Watch is one. A program whose processors are all busy starves the watcher too:
// such time counts for nobody. A program in which no goroutine can run at all,
// because the collector waits for one that never yields, can only be seen by an
// agent.
func Watch(o Options) (stop func(), err error) {
	if !watcherRuns.take() {
		return nil, ErrWatched
	}
	w := newWatcher(o)
	complaints.attach(w.outlet)
	go w.loop()
	var once sync.Once
	return func() {
		once.Do(func() {
			close(w.done)
			<-w.ended
			complaints.detach(w.outlet)
			w.outlet.close()
			watcherRuns.give()
		})
	}, nil
}

// flag is held by one at a time.
type flag struct{ held uint32 }

func (f *flag) take() bool { return atomic.CompareAndSwapUint32(&f.held, 0, 1) }
func (f *flag) give()      { atomic.StoreUint32(&f.held, 0) }

var (
	watcherRuns   flag   // there is a watcher
	watcherJudges uint32 // it judges, and does not stand by; atomic
)

// watcher watches the process that it is in.
type watcher struct {
	o       Options
	view    *page.View
	sampler *sample.Sampler
	outlet  *outlet
	done    chan struct{}
	ended   chan struct{}
	end     func() // ends the process

	judge  *judge.Judge // nil while it stands by
	wanted judge.Actions
	known  bool   // the judge has the table of who could serve whom
	wrote  int64  // the clock, as it was written here last
	found  uint64 // findings of something stuck
	stuck  map[uint64]event.Finding
	since  int64 // from when on something has been stuck, inferred; 0 if nothing is
	ending bool
	failed bool
}

func newWatcher(o Options) *watcher {
	if o.EndAfter < inferredFor {
		o.EndAfter = inferredFor
	}
	if o.Report == nil {
		out := o.Output
		if out == nil {
			out = os.Stderr
		}
		name := filepath.Base(os.Args[0])
		o.Report = func(f event.Finding) { io.WriteString(out, tell.Text(f, name, os.Getpid())) }
	}
	all, report := o.All, o.Report
	if v := hook.Vitals(); v.PID() == 0 {
		v.SetClock(clock.Monotonic()) // for marks that are made before the first sample
	}
	hook.Declare("") // a page with nothing in it is worth reading too
	w := &watcher{
		o: o, view: hook.Vitals(), done: make(chan struct{}), ended: make(chan struct{}), end: endProcess,
		stuck: map[uint64]event.Finding{},
	}
	w.outlet = newOutlet(func(f event.Finding) {
		if all || matters(f) {
			report(f)
		}
	})
	w.sampler = sample.New(sample.Source{
		Page: page.NewViewReader(w.view), Own: true,
		Symbols: func(int, uint64) (look.Symbols, uint64, error) { return look.OwnSymbols{}, 0, nil },
	})
	return w
}

// matters reports whether f is told to everybody.
func matters(f event.Finding) bool {
	switch f.Verdict {
	case event.Slow, event.Unknown:
		return false
	}
	return true
}

func (w *watcher) loop() {
	defer close(w.ended)
	defer w.standBy()
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	for {
		select {
		case <-w.done:
			return
		case <-tick.C:
		}
		now := clock.Monotonic()
		if w.agentWatches(now) {
			w.standBy()
			continue
		}
		w.wrote = now
		w.view.SetClock(now)
		w.step()
	}
}

// agentWatches reports whether an agent writes the page's clock.
func (w *watcher) agentWatches(now int64) bool {
	if w.view.PID() == 0 {
		return false // the page is the program's own
	}
	written := int64(atomic.LoadUint64(&w.view.Header.Clock))
	return written != w.wrote && now-written < int64(agentGone)
}

// standBy leaves the judging to others.
func (w *watcher) standBy() {
	w.judge = nil
	atomic.StoreUint32(&watcherJudges, 0)
	standing.Store([]event.Finding(nil))
	w.stuck, w.since = map[uint64]event.Finding{}, 0
}

// step judges a sample.
func (w *watcher) step() {
	if w.judge == nil {
		w.judge, w.wanted, w.known = judge.New(judge.Config{Period: watchPeriod}), judge.Actions{}, false
	}
	s, ok, err := w.sampler.Sample(sample.Wanted{Look: w.wanted.Look, Words: w.wanted.Words, Census: w.wanted.Census})
	if err != nil || !ok {
		w.fail(err)
		return
	}
	if w.wanted.Census && !w.known {
		w.known = true
		w.judge.Know(w.reach())
	}
	w.wanted = w.judge.Step(s)
	for _, f := range w.wanted.Findings {
		w.finding(f)
	}
	for _, d := range w.wanted.Dead {
		w.view.Report(d.Index, d.Seq)
	}
	w.publish(s.At)
	w.act(s.At)
}

// fail says once that the page cannot be read. The last verdict grows old then.
func (w *watcher) fail(err error) {
	if err != nil && !w.failed {
		w.failed = true
		complaints.mention(own(event.Unknown, event.Undecided, placed{}, fmt.Sprintf("the program is not judged any more: %v", err)))
	}
}

// reach returns the table of who could serve whom that is in the program, nil
// if there is none.
func (w *watcher) reach() *reach.Table {
	if encoded := w.sampler.Reach(); encoded != nil {
		if t, err := reach.Decode(encoded); err == nil {
			return t
		}
	}
	return nil
}

// finding notes and tells what the judge has found.
func (w *watcher) finding(f event.Finding) {
	switch f.Verdict {
	case event.Stuck:
		w.found++
		w.stuck[f.Episode] = f
	case event.Working:
		delete(w.stuck, f.Episode)
	}
	complaints.tell(f)
}

// publish leaves the verdict where Current finds it.
func (w *watcher) publish(at int64) {
	list := make([]event.Finding, 0, len(w.stuck))
	for _, f := range w.stuck {
		list = append(list, f)
	}
	sortFindings(list)
	standing.Store(list)
	v := page.Verdict{At: at, Code: page.VerdictWorking, Count: w.found, Text: w.wanted.What}
	switch w.wanted.Stuck {
	case event.Proven:
		v.Code = page.VerdictProven
	case event.Inferred:
		v.Code = page.VerdictInferred
	}
	atomic.StoreUint32(&watcherJudges, 1)
	w.view.SetVerdict(v)
}

// act ends the process if it is told to.
func (w *watcher) act(at int64) {
	switch {
	case w.wanted.Stuck == "":
		w.since = 0
	case w.since == 0:
		w.since = at
	}
	due := w.o.End >= EndProven && w.wanted.Stuck == event.Proven ||
		w.o.End >= EndInferred && w.wanted.Stuck != "" && at-w.since >= int64(w.o.EndAfter)
	if due && !w.ending {
		w.ending = true
		// What was found shall be read before the stacks, if anybody reads.
		w.outlet.drain(time.Second)
		w.end()
	}
}
