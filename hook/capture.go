package hook

import (
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// armed has, for each site of an operation, how many passes want its arguments: woven
// code asks it in front of each operation that has arguments to take. For a region
// it has the place of its Pass in passes, 0 if none was ever armed.
var armed [page.DoneCap]uint32

// A site's number is cut off to be an index: DoneCap must be a power of two.
const _ = -uint(page.DoneCap & (page.DoneCap - 1))

const passCap = 1 << 12

// passes are those that are armed or were, by region. The one at 0 is nobody's.
var passes [passCap]unsafe.Pointer // *Pass

// Pass asks for the arguments of operations in one pass of a region, by whatever
// goroutine comes first. An iteration that has begun before the pass was armed
// is left alone, so that nothing of it can be missing; but if none begins within
// half a second, one that lasts is better than none: some loops go on inside of one
// iteration of another for as long as the program runs. What comes of such a one is
// what was done in some stretch of it.
//
// The program's goroutines fill it. They never wait for one another: who finds
// another at it goes on without.
type Pass struct {
	region Site
	ops    []Site   // in ascending order
	left   []uint32 // atomic: 1 while the operation at the same place in ops is wanted
	since  uint64   // coarse clock when it was armed

	busy    uint32 // 1 while a goroutine is in admit; what follows is guarded by it
	seen    moment // an iteration that was under way, when the pass was armed or since
	at      moment // the pass
	partial bool   // it was under way when the pass was armed
	opened  uint64 // coarse clock when it began
	state   uint32 // atomic
	cell    *page.Cell

	filled   uint32           // captures in use, atomic; written by the pass's goroutine alone
	captures []unsafe.Pointer // as many as there are operations, up to Captures
}

// Captures is how many operations of one pass can be captured. The page has room
// for 128 mimics between two looks at it.
const Captures = 96

// patience is how long a pass waits for an iteration to begin, and how long one that
// was under way counts as one: nanoseconds.
const patience = 500e6

// The states of a Pass.
const (
	passArmed = iota
	passOpen
	passOver
)

// moment is an iteration of a region by a goroutine.
type moment struct{ goroutine, mark, count uint64 }

// Wanted returns a capture to fill with the arguments of the operation at s if
// they are wanted and the running goroutine is in the pass that they are wanted
// of. Otherwise it returns nil, on which the methods do nothing.
func Wanted(s Site) *Capture {
	if atomic.LoadUint32(&armed[s&(page.DoneCap-1)]) == 0 {
		return nil
	}
	return wanted(s)
}

//go:noinline
func wanted(s Site) *Capture {
	c := self()
	if s >= page.DoneCap || c == nil {
		return nil
	}
	for n := c.NMarks; n > 0; n-- {
		if n > page.Marks {
			continue
		}
		m := &c.Mark[n-1]
		place := atomic.LoadUint32(&armed[page.SiteOf(m.What)&(page.DoneCap-1)])
		if place == 0 {
			continue // no region, or none with a checker
		}
		p := (*Pass)(atomic.LoadPointer(&passes[place%passCap]))
		if p != nil && uint32(p.region) == page.SiteOf(m.What) {
			if c := p.capture(c, m, s); c != nil {
				return c
			}
		}
		// What a loop does is no part of the regions around it. The mark of a request
		// counts no iterations.
		if m.Count > 0 {
			return nil
		}
	}
	return nil
}

// capture returns a capture of the operation at s if it is wanted of the iteration m
// of c's goroutine.
func (p *Pass) capture(c *page.Cell, m *page.Mark, s Site) *Capture {
	i, wanted := p.wants(s)
	if !wanted || !atomic.CompareAndSwapUint32(&p.busy, 0, 1) {
		return nil
	}
	admitted := p.admit(c, m)
	atomic.StoreUint32(&p.busy, 0)
	if !admitted {
		return nil
	}
	return &Capture{pass: p, site: s, index: i}
}

// admit reports whether the goroutine of c, whose mark of the region is m, is in the
// pass, which it may begin.
func (p *Pass) admit(c *page.Cell, m *page.Mark) bool {
	this := moment{c.ID, m.What, m.Count}
	switch atomic.LoadUint32(&p.state) {
	case passArmed:
		fresh := m.Last > p.since || p.seen.goroutine == this.goroutine && p.seen.mark == this.mark && p.seen.count < this.count
		at := now()
		if !fresh && at-p.since <= patience {
			p.seen = this
			return false
		}
		p.at, p.cell, p.partial, p.opened = this, c, !fresh, at
		atomic.StoreUint32(&p.state, passOpen)
	case passOpen:
		if p.at.goroutine != this.goroutine {
			return false
		}
		if p.at != this {
			p.Disarm()
			return false
		}
	default:
		return false
	}
	return atomic.LoadUint32(&p.filled) < uint32(len(p.captures))
}

// Capture is what one operation of the program was given. It is filled by the
// goroutine that does the operation, and is not changed once it is kept.
type Capture struct {
	pass    *Pass
	site    Site
	index   int // in the pass's operations
	handled bool
	handle  handle
	texts   []string
	data    []byte
	size    int
	numbers []int64
	mapped  uintptr
}

// Handle takes what the operation is done with: a pointer, or an interface that
// holds one. It is kept weakly: a capture keeps nothing of the program's alive.
func (c *Capture) Handle(v any) *Capture {
	if c != nil {
		c.handled, c.handle = true, weakly(v)
	}
	return c
}

// Text takes a copy of a string, at most as much of it as of bytes: a program
// may have made it of memory that it uses again, or on its stack.
func (c *Capture) Text(s string) *Capture {
	if c != nil {
		c.addText(s)
	}
	return c
}

//go:noinline
func (c *Capture) addText(s string) {
	if len(s) > page.MimicData {
		s = s[:page.MimicData]
	}
	c.texts = append(c.texts, string(append([]byte(nil), s...)))
}

// Bytes takes a copy of b, of what there is room for in the page.
func (c *Capture) Bytes(b []byte) *Capture {
	if c != nil {
		c.addBytes(b)
	}
	return c
}

//go:noinline
func (c *Capture) addBytes(b []byte) {
	c.size = len(b)
	if len(b) > page.MimicData {
		b = b[:page.MimicData]
	}
	c.data = append([]byte(nil), b...)
}

// Chars is Bytes of a string, which need not be made a slice first.
func (c *Capture) Chars(s string) *Capture {
	if c != nil {
		c.addChars(s)
	}
	return c
}

//go:noinline
func (c *Capture) addChars(s string) {
	c.size = len(s)
	if len(s) > page.MimicData {
		s = s[:page.MimicData]
	}
	c.data = append([]byte(nil), s...)
}

// Number takes a number.
func (c *Capture) Number(n int64) *Capture {
	if c != nil {
		c.addNumber(n)
	}
	return c
}

//go:noinline
func (c *Capture) addNumber(n int64) { c.numbers = append(c.numbers, n) }

// Mapping takes where in memory b is, which a file is mapped into.
func (c *Capture) Mapping(b []byte) *Capture {
	if c != nil && len(b) > 0 {
		c.mapped = uintptr(unsafe.Pointer(&b[0]))
	}
	return c
}

// Keep hands the capture on. One of each operation is kept of a pass.
func (c *Capture) Keep() {
	if c != nil {
		c.keep()
	}
}

//go:noinline
func (c *Capture) keep() {
	p := c.pass
	n := atomic.LoadUint32(&p.filled)
	if n < uint32(len(p.captures)) && p.take(c.index) {
		atomic.StorePointer(&p.captures[n], unsafe.Pointer(c))
		atomic.StoreUint32(&p.filled, n+1)
	}
	rouse()
}

// Keeping is Keep for a call that stands in an expression.
func (e Entered) Keeping(c *Capture) Entered {
	c.Keep()
	return e
}

// Site returns the operation's site.
func (c *Capture) Site() Site { return c.site }

// Handled reports whether the operation was given something to be done with, of
// which Value may know nothing any more.
func (c *Capture) Handled() bool { return c.handled }

// Value returns what the operation was done with, nil if there is nothing, or
// if the program has no more use for it.
func (c *Capture) Value() any { return c.handle.value() }

// Mapped returns where in memory the operation was done, 0 if it was not told. It
// need not be mapped any more.
func (c *Capture) Mapped() uintptr { return c.mapped }

// Texts returns the strings, in the order in which they were taken.
func (c *Capture) Texts() []string { return c.texts }

// Data returns the bytes, as far as they were copied.
func (c *Capture) Data() []byte { return c.data }

// Size returns how many bytes the operation was given.
func (c *Capture) Size() int { return c.size }

// Numbers returns the numbers, in the order in which they were taken.
func (c *Capture) Numbers() []int64 { return c.numbers }
