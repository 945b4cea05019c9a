package judge

import (
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// maxClauses bounds the sentence that tells a chain.
const maxClauses = 6

// doing says what an operation is.
func doing(r *event.Record) string {
	switch r.Site.Kind {
	case event.RLock:
		return "waits for a read lock on " + name(r)
	case event.RWLock:
		return "waits for the write lock on " + name(r)
	case event.Lock, event.Locker:
		return "waits for " + name(r)
	case event.Never:
		return "is in select {}"
	case event.Select:
		return "is in a select"
	case event.Call:
		return "is in " + name(r)
	case event.Send:
		return "waits to send to " + name(r)
	case event.Receive, event.Range:
		return "waits to receive from " + name(r)
	case event.WaitGroup:
		return "waits for the group " + name(r)
	case event.Cond:
		return "waits for the condition " + name(r)
	}
	return fmt.Sprintf("is in an operation that this lifesign does not know (%s)", r.Site.Kind)
}

// manner says how a lock is held, if there are two ways.
func manner(r *event.Record) string {
	switch r.Site.Kind {
	case event.RLock:
		return " for reading"
	case event.RWLock:
		return " for writing"
	}
	return ""
}

// stuck is the sentence of an ending that never dissolves.
func (t *teller) stuck() string {
	chain := t.core.chain
	if t.e.end != cycle {
		return t.clauses()
	}
	id, op := t.node(0).id, t.op(0)
	switch {
	case len(chain) == 1 && op.Site.Kind == chain[0].by.rec.Site.Kind:
		return fmt.Sprintf("goroutine %d %s that it already holds", id, doing(op))
	case len(chain) == 1:
		return fmt.Sprintf("goroutine %d %s, which it holds%s itself", id, doing(op), manner(chain[0].by.rec))
	case len(chain) == 2 && chain[1].by == nil:
		return fmt.Sprintf("goroutine %d %s that it already holds; goroutine %d queues for the write lock between the two", id, doing(op), t.node(1).id)
	}
	return t.clauses()
}

// clauses tells a chain step by step.
func (t *teller) clauses() string {
	var said []string
	for i := range t.core.chain {
		if i == maxClauses {
			said = append(said, fmt.Sprintf("and so on, %d goroutines in all", len(t.core.chain)))
			break
		}
		if c := t.clause(i); c != "" {
			said = append(said, c)
		}
	}
	return strings.Join(said, "; ")
}

// clause tells what link i waits for, and through whom.
func (t *teller) clause(i int) string {
	chain, n := t.core.chain, t.node(i)
	switch {
	case n.fate == never:
		return t.neverSentence(n)
	case n.fate == unserved:
		return fmt.Sprintf("goroutine %d %s at %s, and nobody is left who could %s", n.id, doing(n.op), n.op.Site.Place(), service(n.op.Site.Needs))
	case n.fate == stalled:
		return fmt.Sprintf("goroutine %d %s at %s, and %s answers nobody", n.id, doing(n.op), n.op.Site.Place(), n.fact.still.look.Thread.Resource.Name)
	case n.fate != waits:
		return ""
	}
	what := fmt.Sprintf("goroutine %d %s", n.id, doing(n.op))
	next := i + 1
	if next == len(chain) {
		if t.e.end != cycle || !t.e.stuck(t.g) {
			return what
		}
		next = 0
	}
	by, who := chain[next].by, t.node(next)
	switch {
	case by == nil:
		return fmt.Sprintf("%s behind goroutine %d, a writer", what, who.id)
	case who.left:
		return fmt.Sprintf("%s, which goroutine %d left behind: it has returned from %s, and nobody else releases it", what, who.id, by.rec.Site.Func)
	case who.fate == gone:
		return fmt.Sprintf("%s, which goroutine %d held when it ended", what, who.id)
	}
	return fmt.Sprintf("%s, which goroutine %d holds%s", what, who.id, manner(by.rec))
}

func (t *teller) neverSentence(n *node) string {
	switch {
	case n.op != nil:
		return fmt.Sprintf("goroutine %d %s at %s, which nothing can serve", n.id, doing(n.op), n.op.Site.Place())
	case n.look != nil:
		return fmt.Sprintf("goroutine %d is in an operation that nothing can serve: %s", n.id, n.look.Reason)
	}
	return fmt.Sprintf("goroutine %d is in an operation that nothing can serve", n.id)
}

// unproven is the sentence of an ending that would be stuck, were it confirmed.
func (t *teller) unproven(missing []string) string {
	if len(missing) > 3 {
		missing = append(missing[:3:3], "and more")
	}
	return fmt.Sprintf("%s; that is how the records have it, but it was not confirmed: %s", t.stuck(), strings.Join(missing, "; "))
}

// open tells of a chain that ends where nothing is proven.
func (t *teller) open(a *Actions, holder *node) {
	last := &t.g.locks[t.e.locks[0]]
	what := name(t.g.nodes[last.waiters[0]].op)
	if how := t.strayed(last); how != "" {
		t.tell(a, inferred, event.Stuck, event.Inferred, t.clauses()+"; "+how)
		return
	}
	if holder != nil {
		v, c, how := t.ofHolder(holder)
		t.tell(a, open, v, c, t.clauses()+"; "+how)
		return
	}
	why := ""
	switch t.e.end {
	case doubtful:
		if o := orphaned(t.g, last); o != nil {
			t.tell(a, inferred, event.Stuck, event.Inferred,
				fmt.Sprintf("%s, which goroutine %d held when it ended; but %s", t.clauses(), o.id, last.doubt))
			return
		}
		why = fmt.Sprintf("who holds %s is not certain: %s", what, last.doubt)
	case nobody:
		why = fmt.Sprintf("no holder of %s is known: whoever holds it is not woven", what)
		if len(last.holders()) > 0 {
			why = fmt.Sprintf("no writer that queues for %s is known: it is not woven", what)
		}
		if t.g.lost {
			why += ", or its record was lost: there were more than the page can hold"
		}
	default:
		why = fmt.Sprintf("the readers of %s are not certain: %d are recorded, active are %d", what, len(last.readers), last.word.Readers)
	}
	t.tell(a, open, event.Unknown, event.Undecided, t.clauses()+"; "+why)
}

// manyStrays is in how many looks a holder must have been away.
const manyStrays = 3

// strayed says of a lock that is meant to be released elsewhere than where it
// is taken that its holder has left it, and all code near it, for good as it
// seems; "" if that cannot be said.
func (t *teller) strayed(l *lock) string {
	if t.e.end != atHolder {
		return ""
	}
	h := l.holders()[l.pick]
	away := t.j.clock.honest - h.fact.away
	if h.rec.Site.Paired || h.rec.Site.Confined || h.fact.away < 0 || h.fact.strays < manyStrays || away < t.j.fallback-2*t.j.floor {
		return ""
	}
	return fmt.Sprintf("goroutine %d took it at %s and has left package %s: in each of %d looks over %s it was elsewhere",
		t.g.nodes[h.node].id, h.rec.Site.Place(), h.rec.Site.Package, h.fact.strays, since(away))
}

// orphaned returns the former holder of a lock that is orphaned.
func orphaned(g *graph, l *lock) *node {
	for _, h := range l.holders() {
		if g.nodes[h.node].fate == gone {
			return &g.nodes[h.node]
		}
	}
	return nil
}

// ofHolder says what is the case with a holder that waits for no lock, and
// what that makes of those that wait for it.
func (t *teller) ofHolder(n *node) (event.Verdict, event.Class, string) {
	who := fmt.Sprintf("goroutine %d", n.id)
	moved := t.ep.moves > 0 && t.j.clock.honest-t.ep.moved < t.j.fallback
	switch {
	case moved:
		return event.Slow, event.Inferred, who + " moves"
	case n.look == nil:
		return event.Unknown, event.Undecided, "no look at " + who + " was given"
	case n.look.Err != "":
		return event.Unknown, event.Undecided, "no look at " + who + " could be had: " + n.look.Err
	case n.look.Status == event.Running:
		return event.Slow, event.Inferred, who + " is running"
	case n.look.Status == event.Runnable:
		return event.Slow, event.Inferred, who + " wants to run and has no processor"
	case n.op != nil && n.op.Site.Kind.IsLock() && t.denied(n):
		return event.Unknown, event.Undecided, fmt.Sprintf("by its record %s %s, but the runtime or the lock contradicts that", who, doing(n.op))
	case n.op != nil && n.op.Site.Kind.IsLock():
		return event.Slow, event.Inferred, who + " has not waited for long itself"
	case n.op != nil:
		return event.Unknown, event.Undecided, fmt.Sprintf("%s %s at %s; whether that ends cannot be told", who, doing(n.op), n.op.Site.Place())
	case n.look.Status == event.Syscall:
		return event.Unknown, event.Undecided, who + " is in a system call that is not woven; whether that ends cannot be told"
	}
	return event.Unknown, event.Undecided, fmt.Sprintf("%s waits (%s) in code that is not woven; whether that ends cannot be told", who, n.look.Reason)
}

// denied reports whether the record that n waits on a lock was contradicted.
func (t *teller) denied(n *node) bool {
	f := t.j.facts[factKey{n.id, n.op.Seq, asWait}]
	return f != nil && f.denied
}

// refuted says what would show that the verdict is wrong.
func (t *teller) refuted(v event.Verdict) string {
	var who, what []string
	seen := map[string]bool{}
	note := func(list *[]string, s string) {
		if !seen[s] && len(*list) < maxTold {
			seen[s] = true
			*list = append(*list, s)
		}
	}
	for i := range t.core.chain {
		if n := t.node(i); n.fate != gone {
			note(&who, fmt.Sprint(n.id))
			if n.fate == waits {
				note(&what, name(n.op))
			}
		}
	}
	moves := "goroutine " + strings.Join(who, " or ") + " moves"
	switch {
	case v == event.Slow:
		return "everything in the chain stands still"
	case v == event.Unknown:
		return moves
	case t.e.end != cycle && t.e.end != atNever || !t.core.paired():
		return fmt.Sprintf("%s, or %s is released by another goroutine", moves, strings.Join(what, " or "))
	}
	return fmt.Sprintf("%s, or %s is released by code that is not woven", moves, strings.Join(what, " or "))
}

// paired reports whether every lock that c rests on was taken where the same
// function releases it, or is released by nobody who has not taken it. Any other may rightly be released by somebody who is
// in no chain.
func (c *core) paired() bool {
	for _, h := range c.holds {
		if !h.rec.Site.Paired && !h.rec.Site.Confined {
			return false
		}
	}
	return true
}
