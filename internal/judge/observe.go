package judge

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// observe makes the graph of those that have waited for so long that they are
// followed, and remembers all that wait.
func (j *Judge) observe(s *event.Sample) *graph {
	g := &graph{s: s, lost: s.Lost > 0, nodes: j.nodes[:0]}
	defer func() { j.nodes = g.nodes }()
	for i := range s.Goroutines {
		c := &s.Goroutines[i]
		op := inFlight(c)
		if op == nil || op.Object == 0 || op.Site.Idle || !op.Site.Kind.IsLock() {
			continue
		}
		f := j.touch(factKey{c.ID, op.Seq, asWait}, &op.Site, op.Object)
		// One period early, so that looks are there when the floor is reached.
		if j.clock.honest-f.first+j.period >= j.floor {
			j.waiter(g, i, op, f)
		}
	}
	if len(g.nodes) == 0 {
		return g
	}
	for i := range s.Goroutines {
		j.holdsOf(g, i)
	}
	for i := range s.Orphans {
		j.orphan(g, &s.Orphans[i])
	}
	for i := range g.locks {
		g.locks[i].readState(s.Foreign)
	}
	return g
}

// waiter adds the goroutine of a cell, unless what was asked for contradicts
// that it waits.
func (j *Judge) waiter(g *graph, cell int, op *event.Record, f *fact) {
	c := &g.s.Goroutines[cell]
	n := node{id: c.ID, cell: c, op: op, fact: f, fate: waits}
	word, asked := g.s.Words[op.Object]
	n.look = g.look(c.ID)
	ans, why := checkWait(op, n.look, word, asked)
	switch ans {
	case contradicts:
		f.deny(&j.clock)
		return
	case agrees:
		f.agree(j.sample)
	}
	n.missing = why
	n.lock = j.lockAt(g, op.Object, word, asked)
	l := &g.locks[n.lock]
	l.waiters = append(l.waiters, len(g.nodes))
	if op.Site.Kind == event.RWLock {
		l.queued = append(l.queued, len(g.nodes))
	}
	j.add(g, cell, n)
}

// look returns the look at a goroutine in this sample, nil if there is none.
func (g *graph) look(id uint64) *event.Look {
	if _, ok := g.s.Looks[id]; !ok {
		return nil
	}
	look := g.s.Looks[id]
	return &look
}

// add adds the node of a cell. Its memory serves again for the next sample:
// a crowd that waits for ever would cost the collector dearly.
func (j *Judge) add(g *graph, cell int, n node) int {
	if g.nodeOf == nil {
		if cap(j.nodeOf) < len(g.s.Goroutines) {
			j.nodeOf = make([]int, 2*len(g.s.Goroutines))
		}
		g.nodeOf = j.nodeOf[:len(g.s.Goroutines)]
		for i := range g.nodeOf {
			g.nodeOf[i] = 0
		}
	}
	g.nodes = append(g.nodes, n)
	g.nodeOf[cell] = len(g.nodes)
	return len(g.nodes) - 1
}

// lockAt returns the lock at an address, making it if need be.
func (j *Judge) lockAt(g *graph, addr uint64, word event.Word, asked bool) int {
	if i, ok := g.byAddr[addr]; ok {
		return i
	}
	if g.byAddr == nil {
		g.byAddr = map[uint64]int{}
	}
	l := lock{addr: addr, word: word, pick: -1}
	l.known = asked && word.Err == "" && (word.Writer == event.Holding || word.Writer == event.Pending)
	last, kept := j.words[addr]
	if l.known {
		last.word = word
	} else if kept {
		l.word, l.kept = last.word, true
	}
	if l.known || l.kept {
		last.seen = j.sample
		j.words[addr] = last
	}
	g.byAddr[addr] = len(g.locks)
	g.locks = append(g.locks, l)
	return len(g.locks) - 1
}

// holdsOf adds the records of a cell that say that its goroutine holds a lock
// of the graph.
func (j *Judge) holdsOf(g *graph, cell int) {
	c := &g.s.Goroutines[cell]
	g.lost = g.lost || c.Lost
	for k := range c.Records {
		rec := &c.Records[k]
		if !rec.Held {
			continue
		}
		if li, ok := g.byAddr[rec.Object]; ok {
			f := j.touch(factKey{c.ID, rec.Seq, asHold}, &rec.Site, rec.Object)
			j.trace(f, rec, g.look(c.ID))
			n := -1
			if f.left {
				g.nodes = append(g.nodes, node{id: c.ID, cell: c, left: true, fate: gone, fact: f})
				n = len(g.nodes) - 1
			} else {
				n = j.holder(g, cell)
			}
			g.locks[li].hold(hold{n, rec, f})
		}
	}
}

// trace follows where the holder of a lock is, as looks show it: in the
// function that took it, elsewhere in the package, or away.
func (j *Judge) trace(f *fact, rec *event.Record, look *event.Look) {
	if look == nil || look.Err != "" || len(look.Stack) == 0 || f.looked == j.sample {
		return
	}
	f.looked = j.sample
	switch {
	case inPackage(rec.Site, look.Stack):
		f.away, f.strays = -1, 0
	case f.away < 0:
		f.away = j.clock.honest
		fallthrough
	default:
		f.strays++
	}
	switch left := rec.Site.Confined && !look.Coarse && !inFunc(rec.Site, look.Stack); {
	case !left:
		f.left = false
	case !f.left:
		f.left, f.agreed, f.last = true, 1, j.sample
	default:
		f.agree(j.sample)
	}
}

func (l *lock) hold(h hold) {
	if h.rec.Site.Kind == event.RLock {
		l.readers = append(l.readers, h)
	} else {
		l.excl = append(l.excl, h)
	}
}

// holder returns the node of a cell whose goroutine holds a lock, and makes it
// if that is not followed as a waiter.
func (j *Judge) holder(g *graph, cell int) int {
	if i := g.nodeOf[cell]; i > 0 {
		return i - 1
	}
	c := &g.s.Goroutines[cell]
	n := node{id: c.ID, cell: c, op: inFlight(c), fate: busy, look: g.look(c.ID)}
	seq, site, object := c.Seq, event.Site{}, uint64(0)
	if n.op != nil {
		seq, site, object = n.op.Seq, n.op.Site, n.op.Object
	}
	n.fact = j.touch(factKey{c.ID, seq, asEnd}, &site, object)
	j.foresee(&n)
	return j.add(g, cell, n)
}

// foresee finds out whether a goroutine that waits for no lock can go on. What
// the last look showed holds, as a hint, until there is another.
func (j *Judge) foresee(n *node) {
	f, ans, why := checkEnd(n.op, n.look)
	if n.look != nil && why == "" {
		n.fact.still.watch(n.look, j.clock.honest, j.sample)
		switch {
		case f == busy && j.stalls(n):
			f, ans = stalled, agrees
		case f == busy && n.fact.fate == unserved && n.look.Status == event.Waiting && shows(n.op, n.look.Stack):
			f = unserved // only another census can tell otherwise
			if n.fact.counts >= 2 {
				ans = agrees
			}
		}
	}
	if n.look == nil || why != "" {
		if n.fact.fate > busy {
			f = n.fact.fate
		}
	}
	if n.fact.fate != f {
		n.fact.fate, n.fact.agreed = f, 0
	}
	n.fate, n.missing = f, why
	switch ans {
	case contradicts:
		n.fact.deny(&j.clock)
	case agrees:
		n.fact.agree(j.sample)
	}
}

// stalls reports whether n has been in a call for longer than its budget, in a
// system call that does not move, on something that had work all the time and
// finished none of it.
func (j *Judge) stalls(n *node) bool {
	s := &n.fact.still
	if n.op == nil || n.op.Site.Kind != event.Call || s.look.Status != event.Syscall || s.stalled < 0 || !onStack(n.op.Site, s.look.Stack) {
		return false
	}
	return j.clock.honest-s.stalled >= j.validation && j.clock.honest-n.fact.first >= j.patience(n)
}

// patience is how long a call may stand still on something that answers nobody.
func (j *Judge) patience(n *node) int64 {
	least := j.floor
	if !n.fact.still.counted() {
		least *= uncountedLeeway
	}
	return j.budget(&n.op.Site, least)
}

// orphan adds a lock's former holder, as a node that nobody else is.
func (j *Judge) orphan(g *graph, o *event.Orphan) {
	li, ok := g.byAddr[o.Record.Object]
	if !ok {
		return
	}
	f := j.touch(factKey{o.Goroutine, o.Record.Seq, asOrphan}, &o.Record.Site, o.Record.Object)
	g.nodes = append(g.nodes, node{id: o.Goroutine, fate: gone, fact: f})
	g.locks[li].hold(hold{len(g.nodes) - 1, &o.Record, f})
}

// readState settles what the word and the records say together.
func (l *lock) readState(foreign map[uint64]bool) {
	l.shared = len(l.excl) == 0
	if l.known || l.kept {
		l.shared = l.word.Writer == event.Pending
		if n := len(l.readers) - l.word.Readers; l.shared && n > 0 {
			l.stale = n
		}
	}
	if l.stale > len(l.readers) { // a hostile word
		l.stale = len(l.readers)
	}
	switch {
	case foreign[l.addr]:
		l.doubt = "it was once released by a goroutine that had not taken it"
	case len(l.excl) > 1:
		l.doubt = fmt.Sprintf("%d records claim to hold it alone", len(l.excl))
	}
}
