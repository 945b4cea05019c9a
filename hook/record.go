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

// push notes that the goroutine of c has entered an operation, and returns the
// place of the record, nil if the cell is full. Hooks on hot paths spell it out.
func push(c *page.Cell, s Site, object uintptr) *page.Record {
	if full(c) {
		lose(c)
		return nil
	}
	return note(c, s, object)
}

// full reports whether c has no room for a record.
func full(c *page.Cell) bool { return page.InUse(c.Count) >= page.Records }

// lose notes that there was no room.
func lose(c *page.Cell) {
	c.Count += page.Occurrence
	c.Lost++
}

// note adds a record to c, which is not full, and returns its place. It becomes
// visible only with Count, so that a reader finds it whole.
//
// A lock's own instruction waits until all stores before it have left the
// processor, and what follows it is done in order; so what a hook costs beside a
// lock is its stores and the number of its instructions.
func note(c *page.Cell, s Site, object uintptr) *page.Record {
	count := c.Count + page.Occurrence
	r := &c.Record[page.InUse(count)&(page.Records-1)]
	r.What = page.What(uint32(s), count)
	r.Object = uint64(object)
	r.Since = now()
	publish(&c.Count, count+1)
	return r
}

// hold turns the in-flight record r, made by push, into a hold record. Since
// becomes the time of acquisition.
func hold(r *page.Record) {
	if t := now(); t != r.Since {
		r.Since = t
	}
	publish(&r.What, r.What|page.Held)
}

// finished has a byte for each site, at hand without going through vitals.
var finished = doneOf(vitals)

// doneOf returns the page's table of sites that are done, and one that nobody
// reads for a page without.
func doneOf(v *page.View) *[page.DoneCap]byte {
	if len(v.Done) < page.DoneCap {
		return new([page.DoneCap]byte)
	}
	return (*[page.DoneCap]byte)(v.Done)
}

// finish notes that an operation at s has come to its end: the agent does not
// suspect what never returned yet of being late. The byte is written once, so
// that its cache line is shared by all who read it.
func finish(s Site) {
	if s < page.DoneCap && finished[s] == 0 {
		finished[s] = 1
	}
}

// drop takes away the in-flight record of s, which has come to its end. It is
// the newest one unless a panic has left others on top of it that no guard has
// removed yet.
func drop(c *page.Cell, s Site) {
	finish(s)
	count := c.Count
	if n := page.InUse(count) - 1; n < page.Records && page.InFlightAt(c.Record[n].What, uint32(s)) {
		publish(&c.Count, count-1)
		return
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

// release takes away the newest record of lock object that is held. What the
// goroutine has no record of is released by a stranger. It begins with the lock
// that was taken last.
func release(c *page.Cell, object uintptr) {
	count := c.Count
	if n := page.InUse(count) - 1; n < page.Records && holds(&c.Record[n], object) {
		publish(&c.Count, count-1)
		return
	}
	releaseOlder(c, object)
}

//go:noinline
func releaseOlder(c *page.Cell, object uintptr) {
	for i := records(c) - 1; i >= 0; i-- {
		if holds(&c.Record[i], object) {
			remove(c, i)
			return
		}
	}
	releaseForeign(object)
}

// holds reports whether r says that the lock object is held.
func holds(r *page.Record, object uintptr) bool {
	return r.Object == uint64(object) && r.What&page.Held != 0
}

func records(c *page.Cell) int {
	if n := page.InUse(c.Count); n < page.Records {
		return int(n)
	}
	return page.Records
}

// remove closes the gap at i. A reader may see a record twice meanwhile, and
// with it a goroutine whose Count has moved by the next reading.
func remove(c *page.Cell, i int) {
	n := records(c)
	c.Count += page.Occurrence
	copy(c.Record[i:n], c.Record[i+1:n])
	publish(&c.Count, c.Count-1)
}

// Point is a moment in a goroutine's life that Unwind can return to.
type Point uint64

// Here returns the present moment: the occurrences so far, and the marks in use.
func Here() Point {
	c := cell()
	if c == nil {
		return hereFirst()
	}
	return Point(page.Moment(c.Count, c.NMarks))
}

//go:noinline
func hereFirst() Point {
	c := self()
	if c == nil {
		return 0
	}
	return Point(page.Moment(c.Count, c.NMarks))
}

// Unwind takes away every in-flight record and mark that the goroutine made
// since p and still has. It is deferred by each woven function whose hooks do
// not see to it themselves; if the function returned in the usual way there is
// nothing to do. Locks acquired since p stay: returning does not release them.
func Unwind(p Point) {
	c := cell()
	if c == nil {
		if c = find(identity()); c == nil {
			return
		}
	}
	if c.NMarks > page.InUse(uint64(p)) {
		unwindMarks(c, p)
	}
	if n := page.InUse(c.Count) - 1; n < page.Records && page.Later(c.Record[n].What, uint64(p)) {
		unwindRecords(c, p)
	}
}

// unwindMarks takes away the marks made since p. They are counted, as a function
// ends no region but its own, and their cache line need not be there for that.
//
//go:noinline
func unwindMarks(c *page.Cell, p Point) {
	for n := c.NMarks; n > page.InUse(uint64(p)); n-- {
		publish(&c.NMarks, n-1)
		if n <= page.Marks {
			m := &c.Mark[n-1]
			finish(Site(page.SiteOf(m.What)))
			m.What |= page.Held // no reader looks at it any more: LeftSince does
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
	if c == nil || full(c) {
		enterFirst(s)
		return
	}
	note(c, s, 0)
}

//go:noinline
func enterFirst(s Site) {
	if c := self(); c != nil {
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
	if c := cell(); c != nil {
		finish(s)
		count := c.Count
		if n := page.InUse(count) - 1; n < page.Records && page.InFlightAt(c.Record[n].What, uint32(s)) {
			publish(&c.Count, count-1)
			return
		}
	}
	exitFirst(s)
}

//go:noinline
func exitFirst(s Site) {
	if c := self(); c != nil {
		drop(c, s)
	}
}
