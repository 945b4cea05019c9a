package judge

import (
	"strings"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/reach"
)

// Know gives the judge the table of who could serve whom; nil says that there
// is none. Without one, waits on channels, WaitGroups and Conds are not judged.
// The judge has a use for it from when it calls for a census first.
func (j *Judge) Know(t *reach.Table) { j.reach, j.knows = t, true }

const (
	// censusRest is how long the judge rests after a census that found somebody
	// who could serve each of those that wait. It doubles up to censusRestMost.
	censusRest     = int64(500e6)
	censusRestMost = int64(10e9)
)

// applicant is a goroutine that waits to be served by another, on a channel, a
// WaitGroup or a Cond.
type applicant struct {
	node
	needs    []reach.Need // any of which will do
	place    bool         // it does work, and has waited for too long
	hopeless bool
	by       []uint64 // those that could serve it, were they not hopeless themselves
}

// register has all that one census is judged by.
type register struct {
	g          *graph
	table      *reach.Table
	answers    map[uint64]reach.Answer // by goroutine
	ids        []uint64                // of every goroutine, in the order of the census
	looks      map[uint64]*event.Look
	applicants []*applicant
	of         map[uint64]*applicant // by goroutine
	nodes      map[uint64]int        // of the graph, by goroutine
}

// needy judges the goroutines that wait to be served, if there is a census,
// and calls for one if some have waited for too long.
func (j *Judge) needy(g *graph, a *Actions) {
	if j.knows && j.reach == nil {
		return
	}
	waiting := j.overdue(g)
	if len(waiting) == 0 {
		if j.clock.honest-j.censused > censusRestMost {
			j.rest = 0
		}
		return
	}
	if c := g.s.Census; c != nil && c.Err == "" && j.reach != nil {
		j.hold(g, waiting, a)
		return
	}
	if g.s.Census != nil { // it could not be had, or means nothing without a table
		j.rest = censusRestMost
		j.nextCensus = j.clock.honest + j.rest
	}
	if j.clock.honest >= j.nextCensus {
		j.callCensus(waiting, a)
	}
}

func (j *Judge) callCensus(waiting []*applicant, a *Actions) {
	a.Census = true
	j.censused = j.clock.honest
	for _, p := range waiting {
		if p.op.Object != 0 && len(a.Words) < maxLooks {
			a.Words = append(a.Words, p.op.Object)
		}
	}
}

// overdue returns those that do work, wait to be served, and have done so for
// longer than usual; not those that were told.
func (j *Judge) overdue(g *graph) (waiting []*applicant) {
	for i := range g.s.Goroutines {
		c := &g.s.Goroutines[i]
		op := standing(c)
		if op == nil || op.Site.Needs == "" || strings.Contains(op.Site.Needs, ":?") {
			continue
		}
		f := j.touch(factKey{c.ID, op.Seq, asEnd}, &op.Site, op.Object)
		age := j.clock.honest - f.first
		if f.rank < inferred && age+j.period >= j.budget(&op.Site, j.floor) {
			waiting = append(waiting, &applicant{node: node{id: c.ID, cell: c, op: op, fact: f}, place: true})
		}
	}
	return waiting
}

// hold holds a census: it finds those that nobody is left to serve.
func (j *Judge) hold(g *graph, waiting []*applicant, a *Actions) {
	r := j.enrol(g, waiting)
	r.settle()
	ripe, unripe := j.verdicts(r, waiting)
	j.lastCensus = j.clock.honest
	if len(ripe) > 0 {
		j.tellUnserved(r, ripe, a)
	}
	j.deserted(r, waiting, a)
	switch {
	case len(unripe) > 0:
		j.rest = 0
		j.nextCensus = j.clock.honest + j.validation/2
	default:
		if j.rest *= 2; j.rest < censusRest {
			j.rest = censusRest
		} else if j.rest > censusRestMost {
			j.rest = censusRestMost
		}
		j.nextCensus = j.clock.honest + j.rest
	}
}

// verdicts notes of each that waits whether the census leaves it hope, and
// returns those that two in a row have left none.
func (j *Judge) verdicts(r *register, waiting []*applicant) (ripe, unripe []*applicant) {
	for _, w := range waiting {
		p := r.of[w.id]
		f := w.fact
		if p == nil || !p.hopeless || r.parked(p) {
			if f.fate == unserved {
				f.fate, f.agreed, f.counts = busy, 0, 0
			}
			continue
		}
		if f.fate != unserved || f.stood > j.lastCensus {
			f.fate, f.agreed, f.counts = unserved, 0, 0
		}
		f.agree(j.sample)
		f.counts++
		stood := j.clock.honest - f.stood
		if f.counts >= 2 && stood >= j.validation && j.clock.honest-f.first >= j.budget(&w.op.Site, j.floor)+j.validation {
			ripe = append(ripe, p)
		} else {
			unripe = append(unripe, p)
		}
	}
	return ripe, unripe
}

// parked reports whether p waits for what nothing in the whole program ever
// sends: that is a way to park a goroutine, like select {}.
func (r *register) parked(p *applicant) bool {
	for _, n := range p.needs {
		if r.table.Served(n) {
			return false
		}
	}
	k := p.op.Site.Kind
	return k == event.Receive || k == event.Range || k == event.Select && p.look.Reason == "chan receive"
}
