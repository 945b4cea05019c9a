package hook

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// arming guards places.
var arming sync.Mutex

// places are where in passes the Pass of each region is, from 1.
var places = map[Site]uint32{}

// Arm asks for the arguments of the operations at ops in the next whole pass of
// the region. It takes the place of what was armed for that region before. An
// operation can be armed for one region at a time; the last one counts. It
// returns nil if there are too many regions.
func Arm(region Site, ops []Site) *Pass {
	arming.Lock()
	defer arming.Unlock()
	place, ok := places[region]
	if !ok {
		if place = uint32(len(places)) + 1; place >= passCap {
			return nil
		}
		places[region] = place
	}
	if old := (*Pass)(atomic.LoadPointer(&passes[place])); old != nil {
		old.Disarm()
	}
	p := &Pass{region: region, ops: ops, place: place, since: now()}
	atomic.StorePointer(&passes[place], unsafe.Pointer(p))
	for _, s := range ops {
		if s < page.DoneCap {
			atomic.StoreUint32(&armed[s], place)
		}
	}
	return p
}

// Disarm asks for nothing more. What has been captured stays.
func (p *Pass) Disarm() {
	atomic.StoreUint32(&p.state, passOver)
	for _, s := range p.ops {
		if s < page.DoneCap {
			atomic.CompareAndSwapUint32(&armed[s], p.place, 0)
		}
	}
}

// Captures returns what has been captured so far, in the order of the
// operations, and whether the pass is over. It may be called by any goroutine.
func (p *Pass) Captures() (list []*Capture, over bool) {
	state := atomic.LoadUint32(&p.state)
	if state == passOpen && !p.lasts() {
		p.Disarm()
		state = passOver
	}
	for i := uint32(0); i < atomic.LoadUint32(&p.filled); i++ {
		list = append(list, (*Capture)(atomic.LoadPointer(&p.captures[i])))
	}
	return list, state == passOver
}

// lasts reports whether the goroutine of the pass, which is open, is still in it.
func (p *Pass) lasts() bool {
	id, marks := atomic.LoadUint64(&p.cell.ID), atomic.LoadUint64(&p.cell.NMarks)
	if id != p.at.goroutine {
		return false
	}
	for i := uint64(0); i < marks && i < page.Marks; i++ {
		m := &p.cell.Mark[i]
		if atomic.LoadUint64(&m.What) == p.at.mark {
			return atomic.LoadUint64(&m.Count) == p.at.count
		}
	}
	return false
}

// Survey counts the goroutines that are in each region, into in, and returns a
// number that changes whenever a woven operation is entered anywhere: what is
// the same twice has not moved in between.
func Survey(in map[Site]int) (moves uint64) {
	n := atomic.LoadUint64(&vitals.Header.CellCount)
	if most := uint64(len(vitals.Order)); n > most {
		n = most
	}
	for i := range vitals.Order[:n] {
		at := uint64(atomic.LoadUint32(&vitals.Order[i])) - 1
		if at >= uint64(len(vitals.Cells)) {
			continue
		}
		c := &vitals.Cells[at]
		moves += page.SeqOf(atomic.LoadUint64(&c.Count))
		marks := atomic.LoadUint64(&c.NMarks)
		for k := uint64(0); k < marks && k < page.Marks; k++ {
			moves += atomic.LoadUint64(&c.Mark[k].Count)
			in[Site(page.SiteOf(atomic.LoadUint64(&c.Mark[k].What)))]++
		}
	}
	return moves
}

// roused has something in it if a capture was kept, or a failure noted, since
// Await was called. waits is 1 while somebody waits for that.
var (
	roused = make(chan struct{}, 1)
	waits  uint32
)

// Await waits until an operation's arguments are captured, or one has failed. It
// has one caller at a time. A program in which all else waits too is seen by the
// Go runtime to be deadlocked.
func Await() {
	atomic.StoreUint32(&waits, 1)
	<-roused
}

func rouse() {
	if atomic.CompareAndSwapUint32(&waits, 1, 0) {
		select {
		case roused <- struct{}{}:
		default:
		}
	}
}
