package judge

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// report is something that was told as stuck and has not moved since.
type report struct {
	episode uint64
	place   event.Step
	who     uint64
	class   event.Class
	what    string
	members map[uint64]bool // the goroutines in its chain and those that wait there
	threads map[int]bool    // those that the goroutines in its chain stand in
	at      int64           // honest time at which it was told
	stands  []*fact         // when one of them is gone, it is over
}

// report adds a finding and, if it says that something is stuck, remembers it
// until that moves. old is what was reported of the same episode before, nil if
// nothing was.
func (j *Judge) report(a *Actions, f event.Finding, old *report, stands ...*fact) *report {
	r := old
	if r == nil {
		j.count++
		r = &report{episode: j.count}
	}
	f.Episode = r.episode
	a.Findings = append(a.Findings, f)
	if f.Verdict != event.Stuck {
		return r
	}
	r.place, r.class, r.what, r.at, r.stands = f.Place, f.Class, f.What, j.clock.honest, stands
	r.members, r.threads = map[uint64]bool{}, map[int]bool{}
	for _, l := range f.Chain {
		if l.Task != nil {
			r.threads[l.Task.TID] = true
		}
	}
	for i, l := range append(append([]event.Link(nil), f.Chain...), f.Waiters...) {
		if i == 0 {
			r.who = l.Goroutine
		}
		r.members[l.Goroutine] = true
	}
	for _, other := range j.reports {
		if other == r {
			return r
		}
	}
	j.reports = append(j.reports, r)
	return r
}

// recovered tells of what goes on again.
func (j *Judge) recovered(s *event.Sample, a *Actions) {
	kept := j.reports[:0]
	for _, r := range j.reports {
		gone := false
		for _, f := range r.stands {
			gone = gone || f.seen < j.sample-1 || f.first > r.at
		}
		if !gone {
			kept = append(kept, r)
			continue
		}
		what := fmt.Sprintf("goroutine %d goes on: it has left %s", r.who, r.place.Site.Place())
		if r.place.Site.Kind == event.Worker {
			what = fmt.Sprintf("the worker %s gets on", r.place.Site.Func)
		}
		a.Findings = append(a.Findings, event.Finding{
			Episode: r.episode, Verdict: event.Working, Class: event.Proven, What: what, Place: r.place, At: s.At,
			Evidence: []event.Evidence{{Source: event.Marks, At: s.At, Text: "what was told is no longer in the page"}},
		})
	}
	j.reports = kept
}

// stuckNow says what is stuck now: the worst of it, "" if nothing is.
func (j *Judge) stuckNow() (class event.Class, what string) {
	for _, r := range j.reports {
		if class == "" || class == event.Inferred && r.class == event.Proven {
			class, what = r.class, r.what
		}
	}
	if c, w := j.threads.Stuck(); class == "" || class == event.Inferred && c == event.Proven {
		class, what = c, w
	}
	return class, what
}
