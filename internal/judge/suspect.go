package judge

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// suspect is an operation, of no lock, that takes longer than it should.
type suspect struct {
	node
	age int64 // honest nanoseconds
}

// suspects finds and judges the operations other than those of locks that have
// been in flight for too long: calls, and channel operations that nothing can
// serve. Waits that are for work are never among them, nor are calls at a site
// where none has come to its end yet: it may be one that never should.
func (j *Judge) suspects(g *graph, a *Actions) {
	for i := range g.s.Goroutines {
		c := &g.s.Goroutines[i]
		op := standing(c)
		if op == nil || !suspicious(c, op) {
			continue
		}
		f := j.touch(factKey{c.ID, op.Seq, asEnd}, &op.Site, op.Object)
		age := j.clock.honest - f.first
		if age+j.period < j.floor || f.rank == proven {
			continue
		}
		n := suspect{node{id: c.ID, cell: c, op: op, fact: f, fate: busy, look: g.look(c.ID)}, age}
		j.foresee(&n.node)
		j.judgeSuspect(g, &n, a)
	}
}

// standing returns the operation that c stands in, nil if it is one of a lock,
// a wait for work, or none. What can never end inside of a call is judged as
// that call, for the goroutine parks in it against the caller's will.
func standing(c *event.Goroutine) *event.Record {
	inner := inFlight(c)
	if inner == nil || inner.Site.Kind.IsLock() {
		return nil
	}
	if inner.Site.Kind == event.Never {
		for i := len(c.Records) - 1; i >= 0; i-- {
			if r := &c.Records[i]; !r.Held && r.Site.Kind == event.Call && !r.Site.Idle {
				return r
			}
		}
	}
	if inner.Site.Idle {
		return nil
	}
	return inner
}

// suspicious reports whether an operation that takes long is worth a look.
func suspicious(c *event.Goroutine, op *event.Record) bool {
	switch op.Site.Kind {
	case event.Call:
		return op.Done
	case event.Send, event.Receive, event.Range:
		// The main goroutine may park itself on a nil channel, as in select {}.
		return op.Object == 0 && (c.ID != 1 || len(c.Regions) > 0)
	}
	return false
}

// judgeSuspect tells of a suspect what can be told, and asks for looks.
func (j *Judge) judgeSuspect(g *graph, n *suspect, a *Actions) {
	f := n.fact
	confirmed := f.last == j.sample && f.agreed >= 2 && j.clock.honest-f.stood >= j.validation && n.age >= j.floor+j.validation
	switch {
	case n.fate == never && confirmed:
		j.tellSuspect(g, n, proven, event.Stuck, event.Proven, j.standsIn(n)+", which nothing can serve", a)
		return
	case n.fate == stalled && confirmed && f.rank < inferred:
		r := n.look.Thread.Resource
		j.tellSuspect(g, n, inferred, event.Stuck, event.Inferred, fmt.Sprintf("%s, and %s answers nobody", j.standsIn(n), r.Name), a)
	case n.fate == busy && n.op.Site.Kind == event.Call && f.rank == untold && n.age >= j.budget(&n.op.Site, j.fallback) && j.looked(&n.node):
		v, c, how := j.judgeOpenCall(n)
		j.tellSuspect(g, n, open, v, c, fmt.Sprintf("%s; %s", j.standsIn(n), how), a)
	}
	if f.rank >= inferred || n.fate == busy && j.clock.honest < f.resume {
		return
	}
	if n.age >= j.floor+j.validation+2*j.period && n.fate == busy {
		f.resume = j.clock.honest + relook
		if ready := f.first + j.patience(&n.node) - j.period; ready > j.clock.honest && ready < f.resume {
			f.resume = ready
		}
	}
	a.ask(n.id)
}

// judgeOpenCall says of a call that takes long what can be said of it, if it
// was not found to be stuck.
func (j *Judge) judgeOpenCall(n *suspect) (event.Verdict, event.Class, string) {
	switch look := n.look; {
	case look == nil:
		return event.Unknown, event.Undecided, "no look at it was given"
	case look.Err != "":
		return event.Unknown, event.Undecided, "no look at it could be had: " + look.Err
	case look.Status == event.Running:
		return event.Slow, event.Inferred, "it is running"
	case look.Status == event.Runnable:
		return event.Slow, event.Inferred, "it wants to run and has no processor"
	case n.fact.still.looks < 2:
		return event.Slow, event.Inferred, "it moves"
	case look.Thread != nil && look.Thread.Resource != nil && look.Thread.Resource.Err == "":
		return event.Slow, event.Inferred, look.Thread.Resource.Name + " answers others"
	case look.Status == event.Syscall:
		return event.Unknown, event.Undecided, "what its system call works on is not known, so whether that ends cannot be told"
	}
	return event.Unknown, event.Undecided, fmt.Sprintf("it waits (%s) for something outside of what is woven, so whether that ends cannot be told", n.look.Reason)
}

// standsIn begins the sentence on a suspect.
func (j *Judge) standsIn(n *suspect) string {
	what := fmt.Sprintf("goroutine %d %s", n.id, doing(n.op))
	switch look := n.look; {
	case look == nil || look.Err != "":
	case look.Status == event.Syscall && look.Thread != nil && look.Thread.Call != "":
		what += fmt.Sprintf(", in the system call %s", look.Thread.Call)
	case look.Status == event.Syscall:
		what += ", in a system call"
	case look.Status == event.Waiting && n.fate == never:
		what += fmt.Sprintf(", in a wait (%s)", look.Reason)
	}
	return what
}

// tellSuspect adds the finding of a suspect, with those that wait for locks that
// it holds.
func (j *Judge) tellSuspect(g *graph, n *suspect, r rank, v event.Verdict, c event.Class, what string, a *Actions) {
	f := event.Finding{
		Verdict: v, Class: c, What: what, Place: step(n.op), At: g.s.At,
		Chain:   []event.Link{linkOf(&n.node)},
		Refuted: fmt.Sprintf("goroutine %d moves", n.id),
	}
	t := teller{j: j, g: g}
	f.Evidence = append(t.ofNode(&n.node), t.ofThread(&n.node)...)
	f.Evidence = append(f.Evidence, t.ofWatcher(n.fact))
	if v == event.Slow {
		f.Refuted = "nothing of it moves"
	}
	f.Waiters = g.hangers(n.cell)
	n.fact.rank = r
	j.report(a, f, nil, n.fact)
}

// hangers returns the goroutines that wait for a lock in the hands of c, up to
// a bound.
func (g *graph) hangers(c *event.Goroutine) (links []event.Link) {
	held := map[uint64]bool{}
	for i := range c.Records {
		if c.Records[i].Held {
			held[c.Records[i].Object] = true
		}
	}
	for i := range g.s.Goroutines {
		w := &g.s.Goroutines[i]
		if r := inFlight(w); r != nil && r.Site.Kind.IsLock() && held[r.Object] && w != c && len(links) < maxWaiters {
			links = append(links, linkOf(&node{id: w.ID, cell: w, op: r}))
		}
	}
	return links
}
