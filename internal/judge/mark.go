package judge

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// briefly is below what age of a region, by the page's clock, it is not looked
// at: most requests are over before.
const briefly = int64(1e9)

// rounds is how often a loop must have gone round, while it was watched, to be
// said to spin.
const rounds = 3

// marks judges requests that take longer than they should and loops, of those
// that end by what happens outside, that go round and round. Neither is stuck
// by that alone. Where none has ended yet, it may be one that never should.
func (j *Judge) marks(g *graph, a *Actions) {
	for i := range g.s.Goroutines {
		c := &g.s.Goroutines[i]
		for k := range c.Regions {
			m := &c.Regions[k]
			if kind := m.Site.Kind; kind != event.Loop && kind != event.Request || m.Site.Idle || g.s.At-m.Begun < briefly {
				continue
			}
			f := j.touch(factKey{c.ID, uint64(m.Begun), asMark}, &m.Site, uint64(k))
			if f.samples == 1 {
				f.count = m.Count
			}
			age := j.clock.honest - f.first
			if least := j.budget(&m.Site, j.fallback); !m.Done || f.rank != untold || age+2*j.period < least {
				continue
			} else if n := (suspect{node{id: c.ID, cell: c, op: inFlight(c), fact: f, look: g.look(c.ID)}, age}); age >= least && j.looked(&n.node) {
				j.tellMark(g, &n, m, a)
			} else {
				a.ask(c.ID)
			}
		}
	}
}

// tellMark tells of a request or a loop that has taken too long.
func (j *Judge) tellMark(g *graph, n *suspect, m *event.RegionMark, a *Actions) {
	f := n.fact
	went := m.Count - f.count
	v, c := event.Slow, event.Inferred
	what := fmt.Sprintf("goroutine %d is in a request for %s, which others ended sooner", n.id, since(n.age))
	switch {
	case m.Site.Kind == event.Loop && went >= rounds:
		v = event.Spinning
		what = fmt.Sprintf("goroutine %d goes round in a loop and does not leave it: %d times in %s, while it ended sooner before", n.id, went, since(n.age))
	case m.Site.Kind == event.Loop:
		f.rank = open
		return // what it waits in is judged for itself
	case n.look != nil && n.look.Err == "" && n.look.Status == event.Waiting:
		v, c = event.Unknown, event.Undecided
	}
	t := teller{j: j, g: g}
	link := linkOf(&n.node)
	link.Region = &m.Site
	found := event.Finding{
		Verdict: v, Class: c, What: what, At: g.s.At,
		Place:   event.Step{Site: m.Site, Since: m.Begun},
		Chain:   []event.Link{link},
		Waiters: g.hangers(n.cell),
		Refuted: fmt.Sprintf("goroutine %d leaves it", n.id),
	}
	found.Evidence = append(found.Evidence, t.says(event.Marks, "goroutine %d entered it at least %s ago and has begun %d passes of it since", n.id, since(n.age), went))
	if n.op != nil && n.look != nil {
		found.Evidence = append(found.Evidence, t.ofNode(&node{id: n.id, op: n.op, fact: f, look: n.look})...)
	}
	found.Evidence = append(found.Evidence, t.ofWatcher(f))
	f.rank = open
	j.report(a, found, nil)
}
