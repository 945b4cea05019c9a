package hook

import (
	"sync/atomic"

	"github.com/lifesign-go/lifesign/internal/page"
)

// Site is an operation or region of the woven program, by its row in the site
// table.
type Site uint32

// now reads the agent's coarse clock.
func now() uint64 { return atomic.LoadUint64(coarse) }

// push notes that the goroutine of c has entered an operation. The record
// becomes visible only when N is, so that a reader finds it whole. It returns
// the place of the record, or nil if the cell is full.
func push(c *page.Cell, s Site, object uintptr) *page.Record {
	n := c.N
	c.Seq++
	if n >= page.Records {
		c.Lost++
		return nil
	}
	r := &c.Record[n]
	r.What = page.What(uint32(s), c.Seq)
	r.Object = uint64(object)
	r.Since = now()
	publish(&c.N, n+1)
	return r
}

// hold turns the in-flight record r, made by push, into a hold record. Since
// becomes the time of acquisition.
func hold(r *page.Record) {
	r.Since = now()
	publish(&r.What, r.What|page.Held)
}

// finished has a byte for each site, at hand without going through vitals.
var finished = vitals.Done

// finish notes that an operation at s has come to its end: the agent does not
// suspect what never returned yet of being late. The byte is written once, so
// that its cache line is shared by all who read it.
func finish(s Site) {
	if i := int(s); i < len(finished) && finished[i] == 0 {
		finished[i] = 1
	}
}

// drop takes away the in-flight record of s, which has come to its end. It is
// the newest one unless a panic has left others on top of it that no guard has
// removed yet.
func drop(c *page.Cell, s Site) {
	finish(s)
	if n := c.N; n-1 < page.Records {
		if w := c.Record[n-1].What; page.SiteOf(w) == uint32(s) && w&page.Held == 0 {
			publish(&c.N, n-1)
			return
		}
	}
	dropOlder(c, s)
}

//go:noinline
func dropOlder(c *page.Cell, s Site) {
	for i := records(c) - 1; i >= 0; i-- {
		if w := c.Record[i].What; page.SiteOf(w) == uint32(s) && w&page.Held == 0 {
			remove(c, i)
			return
		}
	}
}

// release takes away the newest record of lock object that is held, and
// reports false if the goroutine has none.
func release(c *page.Cell, object uintptr) bool {
	if n := c.N; n-1 < page.Records {
		if r := &c.Record[n-1]; r.Object == uint64(object) && r.What&page.Held != 0 {
			publish(&c.N, n-1)
			return true
		}
	}
	return releaseOlder(c, object)
}

//go:noinline
func releaseOlder(c *page.Cell, object uintptr) bool {
	for i := records(c) - 1; i >= 0; i-- {
		if r := &c.Record[i]; r.Object == uint64(object) && r.What&page.Held != 0 {
			remove(c, i)
			return true
		}
	}
	return false
}

func records(c *page.Cell) int {
	if c.N > page.Records {
		return page.Records
	}
	return int(c.N)
}

// remove closes the gap at i. A reader may see a record twice meanwhile, and
// with it a goroutine whose Seq has moved by the next reading.
func remove(c *page.Cell, i int) {
	n := records(c)
	c.Seq++
	copy(c.Record[i:n], c.Record[i+1:n])
	publish(&c.N, uint64(n-1))
}

// Point is a moment in a goroutine's life that Unwind can return to.
type Point uint64

// Here returns the present moment.
func Here() Point {
	if c := self(); c != nil {
		return Point(c.Seq)
	}
	return 0
}

// Unwind takes away every in-flight record and mark that the goroutine made
// since p and still has. It is deferred by each woven function whose hooks do
// not see to it themselves; if the function returned in the usual way there is
// nothing to do. Locks acquired since p stay: returning does not release them.
func Unwind(p Point) {
	c := self()
	if c == nil {
		return
	}
	if n := c.NMarks; n-1 < page.Marks && page.Later(c.Mark[n-1].What, uint64(p)) {
		unwindMarks(c, p)
	}
	if n := c.N; n-1 < page.Records && page.Later(c.Record[n-1].What, uint64(p)) {
		unwindRecords(c, p)
	}
}

//go:noinline
func unwindMarks(c *page.Cell, p Point) {
	for c.NMarks > 0 && (c.NMarks > page.Marks || page.Later(c.Mark[c.NMarks-1].What, uint64(p))) {
		publish(&c.NMarks, c.NMarks-1)
		if n := c.NMarks; n < page.Marks {
			finish(Site(page.SiteOf(c.Mark[n].What)))
		}
	}
}

//go:noinline
func unwindRecords(c *page.Cell, p Point) {
	for i := records(c) - 1; i >= 0 && page.Later(c.Record[i].What, uint64(p)); i-- {
		if w := c.Record[i].What; w&page.Held == 0 {
			remove(c, i)
			finish(Site(page.SiteOf(w)))
		}
	}
}

// Enter notes that the goroutine is about to do the operation at s.
func Enter(s Site) {
	c := cell()
	if c == nil {
		c = find(identity())
	}
	if c != nil {
		push(c, s, 0)
	}
}

// Entered is an operation that Into has noted and X1 takes away again.
type Entered Site

// Into is Enter for a call that stands in an expression, as an argument of X1:
// Go evaluates it before the call, which follows it there.
func Into(s Site) Entered {
	Enter(s)
	return Entered(s)
}

// X1 is Exit for such a call, and returns the call's result.
func X1[T any](e Entered, v T) T {
	Exit(Site(e))
	return v
}

// Exit notes that the operation at s is over.
func Exit(s Site) {
	c := cell()
	if c == nil {
		c = find(identity())
	}
	if c != nil {
		drop(c, s)
	}
}
