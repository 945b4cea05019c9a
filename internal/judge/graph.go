package judge

import (
	"github.com/lifesign-go/lifesign/event"
)

// fate says what a goroutine is in for, seen from those that wait for it.
type fate uint8

const (
	waits    fate = iota // on a lock, for so long that it is followed
	busy                 // with something else, or ended up where nobody can tell
	never                // in an operation that nothing can serve
	gone                 // it has ended, or it is the former holder of an orphan
	stalled              // in an operation on something that answers nobody
	unserved             // in an operation that nobody is left to serve
)

// node is a goroutine in the wait-for graph.
type node struct {
	id      uint64
	cell    *event.Goroutine // nil for the former holder of an orphan
	left    bool             // it stands for a hold whose goroutine has left the lock behind
	op      *event.Record    // the operation it is in, nil if none is woven
	fate    fate
	fact    *fact // of op, or of its standing where it is
	lock    int   // the lock it waits on, if it does
	keeps   []int // the locks by which it keeps others waiting, one for each record
	look    *event.Look
	missing string // why this sample does not confirm it, if something could not be had
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
	known  bool   // word was read for this sample
	kept   bool   // or else it is the one that was read last: a guess
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
	nodeOf []int // by cell: its node, counted from 1, or 0
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
