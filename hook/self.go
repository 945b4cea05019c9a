package hook

import (
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// The index leads from a g to its cell. It is twice as large as the page has
// cells, so that probing stays short. Neighbouring gs lie some 450 bytes
// apart; by dropping 8 bits each gets an entry of its own, and they wrap around
// only after 32 MB of them.
const (
	indexBits = 17
	indexMask = 1<<indexBits - 1
	indexDrop = 8
	probes    = 64
)

// entry is claimed by the goroutine that runs on g, once; only goroutines on
// that g use cell. It is read atomically because a g is handed from one
// goroutine to the next without anything the race detector could see.
//
// A goroutine's number is never given to another, so whoever finds its own in
// an entry has found its cell, and need look at nothing else.
//
// It has no pointers, or every collection would read megabytes of index: a
// program that collects ten times a second would pay a percent of a processor.
// The page, which cells are in, does not move and is never given up.
type entry struct {
	id   uint64  // number of the goroutine that wrote last; 0 without a cell
	cell uintptr // address of a page.Cell; 0 if the page had none left
	g    uintptr
	_    uintptr
}

// load returns the cell of e, nil if it has none.
func (e *entry) load() *page.Cell {
	return (*page.Cell)(atomic.LoadPointer((*unsafe.Pointer)(unsafe.Pointer(&e.cell))))
}

var index [1 << indexBits]entry

// goidAt is the offset of the goroutine's number in g, 0 until the first
// Register has proven that it is right. No cell is given out before.
var goidAt uintptr

// self returns the running goroutine's cell, nil if it has none. Hooks on hot
// paths spell it out, which saves them a call.
func self() *page.Cell {
	if c := cell(); c != nil {
		return c
	}
	return find(identity())
}

// cached returns the cell of goroutine id on g if it is where it hashes to.
func cached(g uintptr, id uint64) *page.Cell {
	e := &index[(g>>indexDrop)&indexMask]
	if atomic.LoadUint64(&e.id) != id {
		return nil
	}
	return e.load()
}

// find is self's slow path: the first hook of a g, of a new goroutine on a
// known g, or of one whose entry is not where it hashes to.
//
//go:noinline
func find(g uintptr, id uint64) *page.Cell {
	if goidAt == 0 || g == 0 {
		return nil
	}
	at := g >> indexDrop
	for n := uintptr(0); n < probes; n++ {
		e := &index[(at+n)&indexMask]
		switch atomic.LoadUintptr(&e.g) {
		case g:
			c := e.load()
			if c != nil && c.ID != id {
				succeed(c, id)
				atomic.StoreUint64(&e.id, id)
			}
			return c
		case 0:
			if atomic.CompareAndSwapUintptr(&e.g, 0, g) {
				c := claimCell(g, id)
				if c != nil {
					atomic.StoreUintptr(&e.cell, uintptr(unsafe.Pointer(c)))
					atomic.StoreUint64(&e.id, id)
				}
				return c
			}
			n-- // another g took it: look at the same entry again
		}
	}
	atomic.AddUint64(&vitals.Header.CellsLost, 1)
	return nil
}

// claimCell takes the next unused cell of the page for g.
func claimCell(g uintptr, id uint64) *page.Cell {
	h := vitals.Header
	n := atomic.AddUint64(&h.CellCount, 1)
	if n > uint64(len(vitals.Cells)) {
		atomic.AddUint64(&h.CellCount, ^uint64(0))
		atomic.AddUint64(&h.CellsLost, 1)
		return nil
	}
	c := &vitals.Cells[n-1]
	c.G = uint64(g)
	atomic.StoreUint64(&c.ID, id)
	return c
}

// succeed hands c to goroutine id, which runs on the g of one that has ended.
// Locks that the dead one held are noted as orphans: nobody else will ever
// tell.
func succeed(c *page.Cell, id uint64) {
	for _, r := range c.Record[:records(c)] {
		if r.What&page.Held != 0 {
			noteOrphan(c.ID, r)
		}
	}
	c.NMarks = 0
	c.Lost = 0
	publish(&c.Count, c.Count-page.InUse(c.Count))
	atomic.StoreUint64(&c.ID, id)
}

// noteOrphan puts r into the ring of orphans, over the oldest one.
func noteOrphan(id uint64, r page.Record) {
	n := atomic.AddUint64(&vitals.Header.OrphanSeq, 1) - 1
	o := &vitals.Orphans[n%uint64(len(vitals.Orphans))]
	atomic.StoreUint64(&o.Record.What, 0)
	atomic.StoreUint64(&o.ID, id)
	atomic.StoreUint64(&o.Record.Object, r.Object)
	atomic.StoreUint64(&o.Record.Since, r.Since)
	atomic.StoreUint64(&o.Record.What, r.What)
}
