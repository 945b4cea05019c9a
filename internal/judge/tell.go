package judge

import (
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// maxWaiters bounds the goroutines that a finding names beside its chain, and
// maxTold those whose evidence it gives one by one.
const (
	maxWaiters = 50
	maxTold    = 16
)

// teller makes the finding of an ending.
type teller struct {
	j    *Judge
	g    *graph
	e    *ending
	ep   *episode
	core *core
	age  int64 // how long the place has stood, honestly
}

// tell adds the finding to a and notes that it was told.
func (t *teller) tell(a *Actions, r rank, v event.Verdict, c event.Class, what string) {
	f := event.Finding{
		Verdict: v, Class: c, What: what,
		Place:    step(t.op(0)),
		At:       t.g.s.At,
		Cycle:    t.e.end == cycle && t.e.stuck(t.g),
		Evidence: t.evidence(),
		Refuted:  t.refuted(v),
	}
	for _, l := range t.core.chain {
		f.Chain = append(f.Chain, t.link(l))
	}
	t.waiters(&f)
	t.ep.told, t.ep.stands = r, nil
	if v == event.Stuck {
		for _, i := range t.core.nodes {
			switch n := &t.g.nodes[i]; n.fate {
			case waits:
				t.ep.stands = append(t.ep.stands, n.fact)
			case never, stalled, unserved:
				n.fact.rank = r
			}
		}
	}
	t.ep.report = t.j.report(a, f, t.ep.report, t.ep.stands...)
}

// node and op are those of the chain's link i.
func (t *teller) node(i int) *node       { return &t.g.nodes[t.core.chain[i].node] }
func (t *teller) op(i int) *event.Record { return t.node(i).op }

func step(r *event.Record) event.Step {
	return event.Step{Site: r.Site, Object: r.Object, Since: r.Since}
}

func (t *teller) link(l link) event.Link {
	out := linkOf(&t.g.nodes[l.node])
	if l.by != nil {
		s := step(l.by.rec)
		out.Holds = &s
	}
	return out
}

func linkOf(n *node) event.Link {
	out := event.Link{Goroutine: n.id}
	if n.op != nil {
		s := step(n.op)
		out.Waits = &s
	}
	if n.cell != nil && len(n.cell.Regions) > 0 {
		s := n.cell.Regions[len(n.cell.Regions)-1].Site
		out.Region = &s
	}
	if n.look != nil {
		out.Stack = n.look.Stack
		if t := n.look.Thread; t != nil {
			out.Task = &event.Task{TID: t.ID, Comm: t.Comm, State: t.State}
		}
	}
	return out
}

// waiters lists the others whose chain ends where this one does, and notes of
// all of them that it was told.
func (t *teller) waiters(f *event.Finding) {
	inChain := map[int]bool{}
	for _, l := range t.core.chain {
		inChain[l.node] = true
	}
	stuck := t.e.stuck(t.g)
	var others []int
	for _, l := range t.e.from {
		for _, w := range t.g.locks[l].waiters {
			if stuck && !t.g.hopeless(w) {
				continue
			}
			t.g.nodes[w].fact.told = true
			if !inChain[w] {
				others = append(others, w)
			}
		}
	}
	others = t.g.oldest(others)
	if n := len(others) - maxWaiters; n > 0 {
		others = others[:maxWaiters]
		f.Evidence = append(f.Evidence, t.says(event.Marks, "%d more goroutines wait there", n))
	}
	for _, w := range others {
		f.Waiters = append(f.Waiters, t.link(link{node: w}))
	}
}

func (t *teller) says(s event.Source, format string, args ...interface{}) event.Evidence {
	return event.Evidence{Source: s, At: t.g.s.At, Text: fmt.Sprintf(format, args...)}
}

// evidence lists what the verdict rests on.
func (t *teller) evidence() []event.Evidence {
	var all []event.Evidence
	told := map[int]bool{}
	person := func(i int) {
		if !told[i] && len(told) < maxTold {
			told[i] = true
			all = append(all, t.ofNode(&t.g.nodes[i])...)
		}
	}
	for _, l := range t.core.chain {
		person(l.node)
		if l.by != nil {
			all = append(all, t.ofHold(*l.by))
		}
	}
	for _, i := range t.core.nodes {
		person(i)
	}
	locks := t.core.locks
	if len(locks) == 0 {
		locks = t.e.locks
	}
	for k, i := range locks {
		if k < maxTold {
			all = append(all, t.ofLock(&t.g.locks[i])...)
		}
	}
	all = append(all, t.ofWatcher(t.node(0).fact))
	if why := t.g.s.Process.Unknown; why != "" {
		all = append(all, t.says(event.Kernel, "whether the process was paused is not known: %s", why))
	}
	return all
}

// ofWatcher says how much of the time of f the watcher can vouch for.
func (t *teller) ofWatcher(f *fact) event.Evidence {
	c := &t.j.clock
	all, void := c.ticks-f.ticks, c.void-f.void
	if void == 0 {
		return t.says(event.Watcher, "all of the %d intervals between samples since then were on time", all)
	}
	return t.says(event.Watcher, "%d of the %d intervals between samples since then were on time; in the others the watcher was late or the process paused, they do not count", all-void, all)
}

func (t *teller) ofNode(n *node) (all []event.Evidence) {
	if n.op != nil && n.fate != gone {
		all = append(all, t.says(event.Marks, "goroutine %d has been at %s for at least %s: %s, the same occurrence in %d samples",
			n.id, n.op.Site.Place(), since(t.j.clock.honest-n.fact.first), doing(n.op), n.fact.samples))
	}
	switch look := n.look; {
	case look == nil || look.Err != "":
	case look.Status != event.Waiting:
		all = append(all, t.says(event.Runtime, "goroutine %d %s%s", n.id, status(look.Status), frameOf(n)))
	case look.Object != 0:
		all = append(all, t.says(event.Runtime, "goroutine %d is parked in %s on %#x%s%s", n.id, look.Reason, look.Object, frameOf(n), looks(n)))
	default:
		all = append(all, t.says(event.Runtime, "goroutine %d is parked in %s%s%s", n.id, look.Reason, frameOf(n), looks(n)))
	}
	return all
}

// ofThread says what the kernel shows of the system call that n is in.
func (t *teller) ofThread(n *node) (all []event.Evidence) {
	s := &n.fact.still
	th := s.look.Thread
	if n.look == nil || th == nil {
		return nil
	}
	if th.Err != "" {
		return []event.Evidence{t.says(event.Kernel, "what its thread does is not known: %s", th.Err)}
	}
	where := ""
	if th.Wchan != "" {
		where = ", in " + th.Wchan
	}
	all = append(all, t.says(event.Kernel, "thread %d is in state %s%s; for %s it has neither run nor been switched, in each of %d looks",
		th.ID, th.State, where, since(t.j.clock.honest-s.since), s.looks))
	switch r := th.Resource; {
	case r == nil:
	case r.Err != "":
		all = append(all, t.says(event.Kernel, "%s: %s", r.Name, r.Err))
	case s.stalled >= 0:
		all = append(all, t.says(event.Kernel, "%s had work for %s, %d in flight now, and finished nothing", r.Name, since(t.j.clock.honest-s.stalled), r.InFlight))
	default:
		all = append(all, t.says(event.Kernel, "%s finishes other work: %d in flight, %d done", r.Name, r.InFlight, r.Completed))
	}
	return all
}

func status(s event.Status) string {
	switch s {
	case event.Running:
		return "is running"
	case event.Runnable:
		return "wants to run"
	case event.Syscall:
		return "is in a system call"
	case event.Gone:
		return "has ended"
	}
	return fmt.Sprintf("is in a state that is not known (%q)", string(s))
}

// frameOf names the frame that matters: the one at the site, or the innermost.
func frameOf(n *node) string {
	if len(n.look.Stack) == 0 {
		return ""
	}
	frame := n.look.Stack[0]
	for _, f := range n.look.Stack {
		if n.op != nil && f.Line == n.op.Site.Line && base(f.File) == base(n.op.Site.File) {
			frame = f
			break
		}
	}
	return fmt.Sprintf(", in %s at %s:%d", frame.Func, frame.File, frame.Line)
}

func looks(n *node) string {
	if n.fact.agreed < 2 {
		return ""
	}
	return fmt.Sprintf(", in each of %d looks", n.fact.agreed)
}

func (t *teller) ofHold(h hold) event.Evidence {
	n := &t.g.nodes[h.node]
	if n.left {
		return t.says(event.Runtime, "goroutine %d took %s%s at %s, has not released it, and was no longer in %s in each of %d looks",
			n.id, name(h.rec), manner(h.rec), h.rec.Site.Place(), h.rec.Site.Func, n.fact.agreed)
	}
	if n.cell == nil {
		return t.says(event.Marks, "goroutine %d ended, or began a new life, and still held %s%s, taken at %s", n.id, name(h.rec), manner(h.rec), h.rec.Site.Place())
	}
	return t.says(event.Marks, "goroutine %d holds %s%s, taken at %s; the record has stood for at least %s",
		n.id, name(h.rec), manner(h.rec), h.rec.Site.Place(), since(t.j.clock.honest-h.fact.first))
}

func (t *teller) ofLock(l *lock) (all []event.Evidence) {
	what := name(t.g.nodes[l.waiters[0]].op)
	if !l.known {
		return nil
	}
	switch l.word.Writer {
	case event.Holding:
		all = append(all, t.says(event.Runtime, "the word of %s says: held by a writer or owner", what))
	case event.Pending:
		all = append(all, t.says(event.Runtime, "the word of %s says: a writer is pending, active readers: %d", what, l.word.Readers))
	}
	if l.stale > 0 {
		all = append(all, t.says(event.Marks, "%d goroutines are recorded as readers of %s, so %d of the records must be out of date; of those that do not move one holds it for certain",
			len(l.readers), what, l.stale))
	}
	return all
}

// since tells a stretch of time to a tenth of a second.
func since(ns int64) string {
	return fmt.Sprintf("%.1f s", time.Duration(ns).Seconds())
}
