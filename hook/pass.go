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
// operation may be armed for any number of regions: the pass that a goroutine
// stands in gets its arguments, the innermost if there are several. It returns nil
// if there are too many regions.
func Arm(region Site, ops []Site) *Pass {
	arming.Lock()
	defer arming.Unlock()
	if region >= page.DoneCap {
		return nil
	}
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
	p := newPass(region, ops)
	atomic.StorePointer(&passes[place], unsafe.Pointer(p))
	atomic.StoreUint32(&armed[region], place)
	for _, s := range p.ops {
		atomic.AddUint32(&armed[s], 1)
	}
	return p
}

// newPass returns a Pass that wants each of ops once.
func newPass(region Site, ops []Site) *Pass {
	p := &Pass{region: region, ops: make([]Site, 0, len(ops)), since: now()}
	for _, s := range ops {
		if s >= page.DoneCap {
			continue
		}
		i := p.find(s)
		if i < len(p.ops) && p.ops[i] == s {
			continue
		}
		p.ops = append(p.ops, 0)
		copy(p.ops[i+1:], p.ops[i:])
		p.ops[i] = s
	}
	p.left = make([]uint32, len(p.ops))
	for i := range p.left {
		p.left[i] = 1
	}
	n := len(p.ops)
	if n > Captures {
		n = Captures
	}
	p.captures = make([]unsafe.Pointer, n)
	return p
}

// find returns where in ops s is, or ought to be.
func (p *Pass) find(s Site) int {
	from, to := 0, len(p.ops)
	for from < to {
		if i := (from + to) / 2; p.ops[i] < s {
			from = i + 1
		} else {
			to = i
		}
	}
	return from
}

// wants returns where in ops s is, if its arguments are still wanted.
func (p *Pass) wants(s Site) (i int, ok bool) {
	i = p.find(s)
	return i, i < len(p.ops) && p.ops[i] == s && atomic.LoadUint32(&p.left[i]) == 1
}

// take reports whether the caller is the first to have ops[i], which nobody wants
// any more then.
func (p *Pass) take(i int) bool {
	if !atomic.CompareAndSwapUint32(&p.left[i], 1, 0) {
		return false
	}
	atomic.AddUint32(&armed[p.ops[i]], ^uint32(0))
	return true
}

// Disarm asks for nothing more. What has been captured stays.
func (p *Pass) Disarm() {
	atomic.StoreUint32(&p.state, passOver)
	for i := range p.ops {
		p.take(i)
	}
}

// Captures returns what has been captured so far, in the order of the
// operations, and whether the pass is over. It may be called by any goroutine. Of an
// iteration that was under way already it is over after half a second, so that the
// next one gets newer arguments.
func (p *Pass) Captures() (list []*Capture, over bool) {
	state := atomic.LoadUint32(&p.state)
	if state == passOpen && (!p.lasts() || p.partial && now()-p.opened > patience) {
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
