package judge

import (
	"fmt"
	"sort"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// tellUnserved tells of those that nobody is left to serve: who hopes for one
// another is one finding. Those who hope for somebody that was told as stuck
// are no news.
func (j *Judge) tellUnserved(r *register, ripe []*applicant, a *Actions) {
	sort.Slice(ripe, func(x, y int) bool {
		if ripe[x].op.Since != ripe[y].op.Since {
			return ripe[x].op.Since < ripe[y].op.Since
		}
		return ripe[x].id < ripe[y].id
	})
	left := map[uint64]*applicant{}
	for _, p := range ripe {
		left[p.id] = p
	}
	for _, p := range ripe {
		if left[p.id] == nil {
			continue
		}
		group, told := j.knot(r, p, ripe, left)
		for _, m := range group {
			delete(left, m.id)
			m.fact.rank = inferred
		}
		if !told {
			j.tellKnot(r, p, group, a)
		}
	}
}

// knot returns p and all of left that hang together with it by who could serve
// whom, and whether one of those they hope for was told as stuck.
func (j *Judge) knot(r *register, p *applicant, ripe []*applicant, left map[uint64]*applicant) (group []*applicant, told bool) {
	seen := map[uint64]bool{}
	for work := []uint64{p.id}; len(work) > 0; work = work[1:] {
		id := work[0]
		if seen[id] {
			continue
		}
		seen[id] = true
		told = told || j.isTold(id)
		if m := r.of[id]; m != nil {
			work = append(work, m.by...)
		}
	}
	for again := true; again; { // who hopes for one of the knot belongs to it
		again = false
		for _, m := range ripe {
			for _, s := range m.by {
				if seen[s] && !seen[m.id] {
					seen[m.id], again = true, true
				}
			}
		}
	}
	for _, m := range ripe {
		if seen[m.id] && left[m.id] != nil {
			group = append(group, m)
		}
	}
	return group, told
}

// isTold reports whether a goroutine is in what was told as stuck and has not
// moved since.
func (j *Judge) isTold(id uint64) bool {
	for _, rep := range j.reports {
		if rep.members[id] {
			return true
		}
	}
	return false
}

// tellKnot adds the finding of a knot, whose first place is p.
func (j *Judge) tellKnot(r *register, p *applicant, group []*applicant, a *Actions) {
	t := teller{j: j, g: r.g}
	f := event.Finding{
		Verdict: event.Stuck, Class: event.Inferred, Place: step(p.op), At: r.g.s.At,
		What: r.sentence(p), Chain: r.chain(p),
		Refuted: fmt.Sprintf("goroutine %d moves, or %s is reached by reflection or unsafe code", p.id, name(p.op)),
	}
	f.Evidence = append(t.ofNode(&p.node), r.evidence(t, p)...)
	f.Evidence = append(f.Evidence, t.ofWatcher(p.fact))
	inChain := map[uint64]bool{}
	for _, l := range f.Chain {
		inChain[l.Goroutine] = true
	}
	f.Waiters = r.g.hangers(p.cell)
	stands := []*fact{}
	for _, m := range group {
		stands = append(stands, m.fact)
		if !inChain[m.id] && len(f.Waiters) < maxWaiters {
			f.Waiters = append(f.Waiters, linkOf(&m.node))
		}
	}
	j.report(a, f, nil, stands...)
}

// chain leads from p to whom it hopes for, and so on.
func (r *register) chain(p *applicant) (links []event.Link) {
	seen := map[uint64]bool{}
	for p != nil && !seen[p.id] && len(links) < maxClauses {
		seen[p.id] = true
		links = append(links, linkOf(&p.node))
		var next *applicant
		for _, id := range p.by {
			if m := r.of[id]; m != nil && !seen[id] {
				next = m
				break
			}
		}
		if next == nil && len(p.by) > 0 {
			if n, ok := r.nodes[p.by[0]]; ok && r.of[p.by[0]] == nil {
				links = append(links, linkOf(&r.g.nodes[n]))
			}
		}
		p = next
	}
	return links
}

func (r *register) sentence(p *applicant) string {
	what := fmt.Sprintf("goroutine %d %s, and ", p.id, doing(p.op))
	if len(p.by) == 0 {
		return what + fmt.Sprintf("none of the program's %d goroutines could ever %s", len(r.ids), service(p.op.Site.Needs))
	}
	var who []string
	for i, id := range p.by {
		if i == 3 {
			who = append(who, fmt.Sprintf("%d more", len(p.by)-i))
			break
		}
		who = append(who, fmt.Sprintf("goroutine %d (%s)", id, r.doingOf(id)))
	}
	return what + fmt.Sprintf("of the program's %d goroutines only those could %s that cannot go on themselves: %s", len(r.ids), service(p.op.Site.Needs), strings.Join(who, ", "))
}

func (r *register) doingOf(id uint64) string {
	if p := r.of[id]; p != nil {
		return doing(p.op)
	}
	if n, ok := r.nodes[id]; ok && r.g.nodes[n].op != nil {
		return doing(r.g.nodes[n].op)
	}
	return r.looks[id].Reason
}

// service says what an operation with these needs waits for others to do.
func service(needs string) string {
	if strings.Contains(needs, " ") {
		return "serve one of its cases"
	}
	switch needs[:strings.IndexByte(needs+":", ':')] {
	case "recv":
		return "receive from it"
	case "send":
		return "send to it or close it"
	case "done":
		return "count it down"
	}
	return "signal it"
}

// evidence says what the census shows, and the state of the object.
func (r *register) evidence(t teller, p *applicant) (all []event.Evidence) {
	all = append(all, t.says(event.Runtime, "of all %d goroutines none that can go on reaches, by the calls in the program's source, what serves %s; %d looks at all of them said so",
		len(r.ids), p.op.Site.Needs, p.fact.counts))
	w, ok := r.g.s.Words[p.op.Object]
	switch {
	case !ok || w.Err != "":
	case w.Chan != nil:
		all = append(all, t.says(event.Runtime, "the channel holds %d of %d, is not closed, and %d wait to send and %d to receive", w.Chan.Len, w.Chan.Cap, w.Chan.Senders, w.Chan.Receivers))
	case p.op.Site.Kind == event.WaitGroup:
		all = append(all, t.says(event.Runtime, "the group's counter is %d", w.Count))
	}
	return all
}
