package judge

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// fate says what a goroutine is in for, seen from those that wait for it.
type fate uint8

const (
	waits fate = iota // on a lock, for so long that it is followed
	busy              // with something else, or ended up where nobody can tell
	never             // in an operation that nothing can serve
	gone              // it has ended, or it is the former holder of an orphan
)

// node is a goroutine in the wait-for graph.
type node struct {
	id      uint64
	cell    *event.Goroutine // nil for the former holder of an orphan
	op      *event.Record    // the operation it is in, nil if none is woven
	fate    fate
	fact    *fact // of op, or of its standing where it is
	lock    int   // the lock it waits on, if it does
	keeps   []int // the locks by which it keeps others waiting, one for each record
	look    *event.Look
	missing string // why this sample does not confirm it, if something could not be had
	twice   bool   // two cells claim to be it
}

// hold is a record that says who has a lock in its hands.
type hold struct {
	node int
	rec  *event.Record
	fact *fact
}

// before is a total order on the records of a sample, by age.
func (h hold) before(o hold, g *graph) bool {
	if h.rec.Since != o.rec.Since {
		return h.rec.Since < o.rec.Since
	}
	if a, b := g.nodes[h.node].id, g.nodes[o.node].id; a != b {
		return a < b
	}
	return h.rec.Seq < o.rec.Seq
}

// lock is a lock on which somebody waits that is followed.
type lock struct {
	addr    uint64
	waiters []int // nodes
	queued  []int // those of them that want the write lock
	excl    []hold
	readers []hold

	word   event.Word
	known  bool   // word was read
	shared bool   // it is with readers: a writer, if any, waits for them to leave
	stale  int    // how many of the readers' records must be out of date, by the word
	doubt  string // why the records do not tell who holds it
	dead   bool   // nobody who waits on it will get it
	sup    int    // records of holders that are hopeless
	pick   int    // the holder through which the chain is followed
}

// holders are those whom the waiters on l wait for, behind a queued writer if
// they want to read and l is shared.
func (l *lock) holders() []hold {
	if l.shared {
		return l.readers
	}
	return l.excl
}

// graph is who waits for whom in one sample.
type graph struct {
	s      *event.Sample
	nodes  []node
	byID   map[uint64]int
	locks  []lock
	byAddr map[uint64]int
	lost   bool // some holders may be missing
}

// inFlight returns the operation that c is in, nil if none is woven. It is
// c.Waits without the copy.
func inFlight(c *event.Goroutine) *event.Record {
	for i := len(c.Records) - 1; i >= 0; i-- {
		if !c.Records[i].Held {
			return &c.Records[i]
		}
	}
	return nil
}

// observe makes the graph of those that have waited for so long that they are
// followed, and remembers all that wait. It returns nil if there is nobody.
func (j *Judge) observe(s *event.Sample) *graph {
	g := &graph{s: s, lost: s.Lost > 0}
	for i := range s.Goroutines {
		c := &s.Goroutines[i]
		op := inFlight(c)
		if op == nil || op.Object == 0 || op.Site.Idle || !op.Site.Kind.IsLock() {
			continue
		}
		f := j.touch(factKey{c.ID, op.Seq, asWait}, &op.Site, op.Object)
		// One period early, so that looks are there when the floor is reached.
		if j.clock.honest-f.first+j.period >= j.floor {
			j.waiter(g, c, op, f)
		}
	}
	if len(g.nodes) == 0 {
		return nil
	}
	for i := range s.Goroutines {
		j.holdsOf(g, &s.Goroutines[i])
	}
	for i := range s.Orphans {
		j.orphan(g, &s.Orphans[i])
	}
	for i := range g.locks {
		g.locks[i].readState(s.Foreign)
	}
	return g
}

// waiter adds c, unless what was asked for contradicts that it waits.
func (j *Judge) waiter(g *graph, c *event.Goroutine, op *event.Record, f *fact) {
	n := node{id: c.ID, cell: c, op: op, fact: f, fate: waits}
	if i, ok := g.byID[c.ID]; ok {
		g.nodes[i].twice = true
		return
	}
	word, asked := g.s.Words[op.Object]
	if look, ok := g.s.Looks[c.ID]; ok {
		n.look = &look
	}
	ans, why := checkWait(op, n.look, word, asked)
	switch ans {
	case contradicts:
		f.restart(&j.clock)
		return
	case agrees:
		f.agree(j.sample)
	}
	n.missing = why
	n.lock = g.lockAt(op.Object, word, asked)
	l := &g.locks[n.lock]
	l.waiters = append(l.waiters, len(g.nodes))
	if op.Site.Kind == event.RWLock {
		l.queued = append(l.queued, len(g.nodes))
	}
	g.add(n)
}

func (g *graph) add(n node) int {
	if g.byID == nil {
		g.byID = map[uint64]int{}
	}
	if n.cell != nil {
		g.byID[n.id] = len(g.nodes)
	}
	g.nodes = append(g.nodes, n)
	return len(g.nodes) - 1
}

func (g *graph) lockAt(addr uint64, word event.Word, asked bool) int {
	if i, ok := g.byAddr[addr]; ok {
		return i
	}
	if g.byAddr == nil {
		g.byAddr = map[uint64]int{}
	}
	known := asked && word.Err == "" && (word.Writer == event.Holding || word.Writer == event.Pending)
	g.byAddr[addr] = len(g.locks)
	g.locks = append(g.locks, lock{addr: addr, word: word, known: known, pick: -1})
	return len(g.locks) - 1
}

// holdsOf adds the records of c that say that it holds a lock in the graph.
func (j *Judge) holdsOf(g *graph, c *event.Goroutine) {
	g.lost = g.lost || c.Lost
	for k := range c.Records {
		rec := &c.Records[k]
		if !rec.Held {
			continue
		}
		if li, ok := g.byAddr[rec.Object]; ok {
			f := j.touch(factKey{c.ID, rec.Seq, asHold}, &rec.Site, rec.Object)
			g.locks[li].hold(hold{j.holder(g, c), rec, f})
		}
	}
}

func (l *lock) hold(h hold) {
	if h.rec.Site.Kind == event.RLock {
		l.readers = append(l.readers, h)
	} else {
		l.excl = append(l.excl, h)
	}
}

// holder returns the node of c, which holds a lock, and makes it if c is not
// followed as a waiter.
func (j *Judge) holder(g *graph, c *event.Goroutine) int {
	if i, ok := g.byID[c.ID]; ok {
		g.nodes[i].twice = g.nodes[i].twice || g.nodes[i].cell != c
		return i
	}
	n := node{id: c.ID, cell: c, op: inFlight(c), fate: busy}
	if look, ok := g.s.Looks[c.ID]; ok {
		n.look = &look
	}
	seq, site, object := c.Seq, event.Site{}, uint64(0)
	if n.op != nil {
		seq, site, object = n.op.Seq, n.op.Site, n.op.Object
	}
	n.fact = j.touch(factKey{c.ID, seq, asEnd}, &site, object)
	j.foresee(&n)
	return g.add(n)
}

// foresee finds out whether a goroutine that waits for no lock can go on.
func (j *Judge) foresee(n *node) {
	var ans answer
	n.fate, ans, n.missing = checkEnd(n.op, n.look)
	if n.fact.fate != n.fate {
		n.fact.fate, n.fact.agreed = n.fate, 0
	}
	switch ans {
	case contradicts:
		n.fact.restart(&j.clock)
	case agrees:
		n.fact.agree(j.sample)
	}
}

// orphan adds a lock's former holder, as a node that nobody else is.
func (j *Judge) orphan(g *graph, o *event.Orphan) {
	li, ok := g.byAddr[o.Record.Object]
	if !ok {
		return
	}
	f := j.touch(factKey{o.Goroutine, o.Record.Seq, asOrphan}, &o.Record.Site, o.Record.Object)
	i := g.add(node{id: o.Goroutine, fate: gone, fact: f})
	g.locks[li].hold(hold{i, &o.Record, f})
}

// readState settles what the word and the records say together.
func (l *lock) readState(foreign map[uint64]bool) {
	l.shared = len(l.excl) == 0
	if l.known {
		l.shared = l.word.Writer == event.Pending
	}
	if n := len(l.readers) - l.word.Readers; l.known && l.shared && n > 0 {
		l.stale = n
		if n > len(l.readers) { // a hostile word
			l.stale = len(l.readers)
		}
	}
	switch {
	case foreign[l.addr]:
		l.doubt = "it was once released by a goroutine that had not taken it"
	case len(l.excl) > 1:
		l.doubt = fmt.Sprintf("%d records claim to hold it alone", len(l.excl))
	}
}
