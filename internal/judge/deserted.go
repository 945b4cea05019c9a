package judge

import (
	"fmt"
	"sort"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/reach"
)

// noteEvery is how often the regions that goroutines are in are noted.
const noteEvery = int64(1e9)

// maxRegions bounds the regions that are remembered.
const maxRegions = 4096

// noteRegions remembers which regions goroutines are in, and when they were
// last.
func (j *Judge) noteRegions(s *event.Sample) {
	if j.noted != 0 && j.clock.honest-j.noted < noteEvery {
		return
	}
	j.noted = j.clock.honest
	for i := range s.Goroutines {
		for k := range s.Goroutines[i].Regions {
			site := &s.Goroutines[i].Regions[k].Site
			if _, ok := j.regions[*site]; site.Kind == event.Region && (ok || len(j.regions) < maxRegions) {
				j.regions[*site] = j.clock.honest
			}
		}
	}
}

// deserted tells of those that wait for what an endless loop used to do which
// has come to its end, while nobody is anywhere near it. Somebody may still
// come, so the fallback budget has to be up.
func (j *Judge) deserted(r *register, waiting []*applicant, a *Actions) {
	for _, w := range waiting {
		p := r.of[w.id]
		if p == nil || p.hopeless || w.fact.rank >= inferred || j.clock.honest-w.fact.first < j.budget(&w.op.Site, j.fallback) {
			continue
		}
		loop, ended := j.endedLoop(r, p)
		if loop == nil {
			continue
		}
		w.fact.rank = inferred
		t := teller{j: j, g: r.g}
		f := event.Finding{
			Verdict: event.Stuck, Class: event.Inferred, Place: step(p.op), At: r.g.s.At,
			What: fmt.Sprintf("goroutine %d %s, which the loop at %s served until it ended about %s ago; none of the program's %d goroutines is there now",
				p.id, doing(p.op), loop.Place(), since(ended), len(r.ids)),
			Chain:   []event.Link{linkOf(&p.node)},
			Waiters: r.g.hangers(p.cell),
			Refuted: fmt.Sprintf("goroutine %d moves: somebody has come to %s", p.id, service(p.op.Site.Needs)),
		}
		f.Evidence = append(t.ofNode(&p.node),
			t.says(event.Marks, "the loop of %s at %s is no longer marked by any goroutine", loop.Func, loop.Place()),
			t.says(event.Runtime, "no goroutine's stack has a function in which %s is served", p.op.Site.Needs), t.ofWatcher(w.fact))
		j.report(a, f, nil, w.fact)
	}
}

// endedLoop returns the loop that served p until it ended, if there is one and
// nobody is where p can be served, and how long ago that was.
func (j *Judge) endedLoop(r *register, p *applicant) (loop *event.Site, ago int64) {
	for _, n := range p.needs {
		for _, id := range r.ids {
			if a := r.answers[id]; id != p.id && (!a.Known || a.Contains(n)) {
				return nil, 0
			}
		}
	}
	var served []event.Site
	for site := range j.regions {
		for _, n := range p.needs {
			if contains(r.table, &site, n) {
				served = append(served, site)
				break
			}
		}
	}
	if len(served) == 0 {
		return nil, 0
	}
	sort.Slice(served, func(x, y int) bool {
		if a, b := j.regions[served[x]], j.regions[served[y]]; a != b {
			return a > b
		}
		return served[x].Place() < served[y].Place()
	})
	ago = j.clock.honest - j.regions[served[0]]
	if ago <= 2*noteEvery { // it may go on
		return nil, 0
	}
	return &served[0], ago
}

// contains reports whether what serves n stands in the function of a region.
func contains(t *reach.Table, site *event.Site, n reach.Need) bool {
	a := t.Frame(site.Package, base(site.File), site.Line)
	if !a.Known {
		a = t.Frame("main", base(site.File), site.Line) // as the linker names a main package
	}
	return a.Known && a.Contains(n)
}
