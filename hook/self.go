package hook

import (
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// A g hashes to a cell of the page, and its cell is that one or, if others were
// there first, one of a few. Neighbouring gs lie some 450 bytes apart; by dropping
// 8 bits each gets a cell of its own, and they wrap around only after 32 MB of
// them. So a goroutine that was given a processor has one cache line to wait for,
// where an index beside the page would make it two, one after the other.
//
// A cell is claimed by the goroutine that runs on a g, once; only goroutines on
// that g write it. G and ID are read atomically because a g is handed from one
// goroutine to the next without anything the race detector could see. A
// goroutine's number is never given to another, so whoever finds its own in a
// cell has found its cell, and need look at nothing else.
const (
	cellDrop = 8
	probes   = 32 // which lose nobody of 65,536 goroutines, wherever their gs lie
)

// place returns where to look for the cell of g at the n-th try. The steps grow
// and are long, as gs come in rows of 18, which must not get in each other's way.
func place(g, n uintptr) uintptr { return (g>>cellDrop + n*(n+1)/2*2533) & cellMask }

// cells are the page's. A page that has not the usual number of them, because
// there was no memory for one, is replaced by a single cell that nobody claims.
var (
	cells    = cellsOf(vitals)
	cellMask = maskOf(vitals)
)

func cellsOf(v *page.View) *page.Cell {
	if len(v.Cells) != page.CellCap {
		return new(page.Cell)
	}
	return &v.Cells[0]
}

func maskOf(v *page.View) uintptr {
	if len(v.Cells) != page.CellCap {
		return 0
	}
	return page.CellCap - 1
}

// cellAt returns the n-th cell, n at most cellMask.
func cellAt(n uintptr) *page.Cell {
	return (*page.Cell)(unsafe.Pointer(uintptr(unsafe.Pointer(cells)) + n*unsafe.Sizeof(page.Cell{})))
}

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

// cached returns the cell of goroutine id on g if it is the one it hashes to.
// Nobody has the number 0, which cells have that are nobody's: where goroutines
// cannot be told apart, it is all that identity knows.
func cached(g uintptr, id uint64) *page.Cell {
	if c := cellAt(place(g, 0)); id != 0 && atomic.LoadUint64(&c.ID) == id {
		return c
	}
	return nil
}

// find is self's slow path: the first hook of a g, of a new goroutine on a
// known g, or of one whose cell is not where it hashes to.
//
//go:noinline
func find(g uintptr, id uint64) *page.Cell {
	if goidAt == 0 || g == 0 || cellMask == 0 {
		return nil
	}
	for n := uintptr(0); n < probes; n++ {
		at := place(g, n)
		c := cellAt(at)
		owner := atomic.LoadUint64(&c.G)
		if owner == 0 && atomic.CompareAndSwapUint64(&c.G, 0, uint64(g)) {
			enlist(at)
			atomic.StoreUint64(&c.ID, id)
			return c
		}
		if owner == uint64(g) {
			if c.ID != id {
				succeed(c, id)
			}
			return c
		}
	}
	atomic.AddUint64(&vitals.Header.CellsLost, 1)
	return nil
}

// enlist has readers look at the n-th cell.
func enlist(n uintptr) {
	i := atomic.AddUint64(&vitals.Header.CellCount, 1) - 1
	if i < uint64(len(vitals.Order)) {
		atomic.StoreUint32(&vitals.Order[i], uint32(n)+1)
	}
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
