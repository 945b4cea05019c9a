package lifesign

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
)

// Judge says who has judged the program.
type Judge string

// The judges.
const (
	Nobody  Judge = ""
	Agent   Judge = "agent"   // the process that started it: lifesign run
	Watcher Judge = "watcher" // the program itself: Watch
)

// Status is what is known of the program at one moment.
type Status struct {
	// Verdict is working, stuck or unknown. It is unknown when nobody has judged
	// the program, and when the last judgement is too old to be believed: What
	// says which.
	Verdict event.Verdict
	Class   event.Class
	What    string // one sentence
	By      Judge
	Age     time.Duration // since the program was last judged; -1 if it never was
	Found   uint64        // findings of something stuck since the program began

	// Findings are those that stand, as far as they are known here: an agent
	// keeps its own, and leaves a sentence.
	Findings []event.Finding

	// Complaints are what the program says against itself: assertions and
	// invariants that do not hold, calls that hang.
	Complaints []event.Finding
}

// maxAge is how old a judgement may be. Judges judge ten times a second or
// more; one that has not for so long is not there any more, or does not get to
// run, and what it said last says nothing.
const maxAge = 2 * time.Second

// Current returns what is known of the program. It looks at what is there
// already: it does not block, and asks nobody.
func Current() Status {
	s := read(hook.Vitals(), clock.Monotonic())
	s.Complaints = complaints.list()
	return s
}

// read returns what the judge left in the page, and how old that is.
func read(v *page.View, now int64) Status {
	w, ok := judged(v)
	if !ok {
		return unknown(Nobody, -1, "nobody judges this program: it was not started by lifesign run, and has not called lifesign.Watch")
	}
	s := Status{By: Watcher, Found: w.Count, Age: time.Duration(now - w.At)}
	if v.PID() != 0 && atomic.LoadUint32(&watcherJudges) == 0 {
		s.By = Agent
	}
	if now-w.At > int64(maxAge) {
		u := unknown(s.By, s.Age, fmt.Sprintf("the %s has not judged this program for %s", s.By, s.Age.Round(100*time.Millisecond)))
		u.Found = s.Found
		return u
	}
	switch w.Code {
	case page.VerdictWorking:
		s.Verdict, s.Class, s.What = event.Working, event.Inferred, "nothing is known to be stuck"
	case page.VerdictInferred:
		s.Verdict, s.Class, s.What = event.Stuck, event.Inferred, w.Text
	case page.VerdictProven:
		s.Verdict, s.Class, s.What = event.Stuck, event.Proven, w.Text
	default:
		return unknown(s.By, s.Age, fmt.Sprintf("the %s has not come to a verdict yet", s.By))
	}
	if o, ok := standing.Load().([]event.Finding); ok && s.By == Watcher {
		s.Findings = o
	}
	return s
}

func unknown(by Judge, age time.Duration, why string) Status {
	return Status{Verdict: event.Unknown, Class: event.Undecided, By: by, Age: age, What: why}
}

// judged returns the last verdict in the page. One that is being written is
// there some nanoseconds later; if its writer has died meanwhile there is none.
func judged(v *page.View) (page.Verdict, bool) {
	for i := 0; i < 10; i++ {
		if w, ok := v.Verdict(); ok {
			return w, true
		}
		runtime.Gosched()
	}
	return page.Verdict{}, false
}

// standing holds the findings, as []event.Finding, on which the last verdict of
// the watcher in this process rests.
var standing atomic.Value
