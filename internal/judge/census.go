package judge

import (
	"strings"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/reach"
)

// enrol makes the register of a census: all its goroutines, and who of them
// waits to be served, those among them that wait for work too. They cannot be
// stuck themselves, but whoever hopes for them may hope in vain.
func (j *Judge) enrol(g *graph, waiting []*applicant) *register {
	r := &register{
		g: g, table: j.reach,
		answers: map[uint64]reach.Answer{}, looks: map[uint64]*event.Look{},
		of: map[uint64]*applicant{}, nodes: map[uint64]int{},
	}
	roots := map[uint64]reach.Answer{}
	all := g.s.Census.Goroutines
	for i := range all {
		id, look := all[i].ID, &all[i].Look
		if look.Status == event.Gone {
			continue
		}
		r.ids = append(r.ids, id)
		r.looks[id] = look
		r.answers[id] = j.answer(id, look, roots)
	}
	j.roots = roots
	for i := range g.nodes {
		if n := &g.nodes[i]; n.cell != nil && !n.left {
			r.nodes[n.id] = i
		}
	}
	place := map[uint64]*applicant{}
	for _, w := range waiting {
		place[w.id] = w
	}
	for i := range g.s.Goroutines {
		c := &g.s.Goroutines[i]
		p := place[c.ID]
		if p == nil {
			p = &applicant{node: node{id: c.ID, cell: c, op: inFlight(c)}}
		}
		if p.look = r.looks[c.ID]; r.of[c.ID] == nil && r.applies(p) {
			r.of[c.ID] = p
			r.applicants = append(r.applicants, p)
		}
	}
	return r
}

// answer says whom a goroutine could serve, by its stack. One that runs shows
// none; the function that it began with covers all that it may come to.
func (j *Judge) answer(id uint64, look *event.Look, roots map[uint64]reach.Answer) reach.Answer {
	n := len(look.Stack)
	if n == 0 {
		if a, ok := j.roots[id]; ok {
			roots[id] = a
			return a
		}
		return reach.Answer{}
	}
	const begin = 3 // runtime.goexit, the first function, and what may be a wrapper of it
	if n > begin {
		n = begin
	}
	roots[id] = j.reach.Begun(look.Stack[len(look.Stack)-n:])
	return j.reach.Stack(look.Stack)
}

// applies reports whether p waits to be served, by its record, the runtime and
// the object's own state, and fills in what it needs.
func (r *register) applies(p *applicant) bool {
	if p.op == nil || p.op.Site.Needs == "" || p.look == nil || p.look.Status != event.Waiting ||
		!served(p.op.Site.Kind, p.look.Reason) || !onStack(p.op.Site, p.look.Stack) {
		return false
	}
	if w, ok := r.g.s.Words[p.op.Object]; ok && w.Err == "" && !short(p.op.Site.Kind, w) {
		return false
	}
	for _, item := range strings.Fields(p.op.Site.Needs) {
		n, ok := r.table.Class(item)
		if !ok || r.table.Spontaneous(n) {
			return false
		}
		p.needs = append(p.needs, n)
	}
	return true
}

// served reports whether the runtime gives reason for a wait of kind k that
// somebody else has to serve.
func served(k event.Kind, reason string) bool {
	switch k {
	case event.Send:
		return reason == "chan send"
	case event.Receive, event.Range:
		return reason == "chan receive"
	case event.Select: // the compiler makes of one with a single case what that case does
		return reason == "select" || reason == "chan receive" || reason == "chan send"
	case event.WaitGroup:
		return reason == "sync.WaitGroup.Wait" || reason == "semacquire"
	case event.Cond:
		return reason == "sync.Cond.Wait"
	}
	return false
}

// short reports whether the state of the object says that there is something
// to wait for.
func short(k event.Kind, w event.Word) bool {
	c := w.Chan
	switch {
	case k == event.WaitGroup:
		return w.Count != 0
	case c == nil:
		return true
	case k == event.Send:
		return !c.Closed && c.Len >= c.Cap
	case k == event.Receive, k == event.Range:
		return !c.Closed && c.Len == 0
	}
	return true
}

// settle finds the largest set of goroutines that are hopeless: each waits to
// be served by those in the set alone, or for a lock in the hands of one.
func (r *register) settle() {
	for _, p := range r.applicants {
		p.hopeless = true
		if n, ok := r.nodes[p.id]; ok && r.g.nodes[n].fate == busy {
			r.g.nodes[n].fate = unserved
		}
	}
	candidates := map[reach.Need][]uint64{}
	for again := true; again; {
		again = false
		r.g.solve()
		for _, p := range r.applicants {
			if !p.hopeless {
				continue
			}
			if p.by = p.by[:0]; !r.hope(p, candidates) {
				continue
			}
			p.hopeless, again = false, true
			if n, ok := r.nodes[p.id]; ok && r.g.nodes[n].fate == unserved {
				r.g.nodes[n].fate = busy
			}
		}
	}
}

// hope reports whether somebody who can go on could serve p, and collects
// those who could but cannot go on.
func (r *register) hope(p *applicant, candidates map[reach.Need][]uint64) bool {
	for _, n := range p.needs {
		could, ok := candidates[n]
		if !ok {
			for _, id := range r.ids {
				if a := r.answers[id]; !a.Known || a.Reaches(n) {
					could = append(could, id)
				}
			}
			candidates[n] = could
		}
		for _, id := range could {
			switch {
			case id == p.id:
			case r.goesOn(id):
				return true
			default:
				p.by = append(p.by, id)
			}
		}
	}
	return false
}

// goesOn reports whether a goroutine may go on, as far as is known yet.
func (r *register) goesOn(id uint64) bool {
	if p := r.of[id]; p != nil {
		return !p.hopeless
	}
	if n, ok := r.nodes[id]; ok && r.g.nodes[n].fate != busy {
		return !r.g.hopeless(n)
	}
	look := r.looks[id]
	return look.Status != event.Waiting || !unservable(look.Reason)
}
