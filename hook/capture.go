package hook

import (
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// armed has, for each site of which somebody wants the arguments, the place of
// the Pass in passes. Woven code asks it in front of each operation that has
// arguments to take.
var armed [page.DoneCap]uint32

// A site's number is cut off to be an index: DoneCap must be a power of two.
const _ = -uint(page.DoneCap & (page.DoneCap - 1))

const passCap = 1 << 12

// passes are those that are armed or were, by region. The one at 0 is nobody's.
var passes [passCap]unsafe.Pointer // *Pass

// Pass asks for the arguments of operations in one pass of a region, by whatever
// goroutine comes first. An iteration that has begun before the pass was armed
// is left alone, so that nothing of it can be missing.
//
// The program's goroutines fill it. They never wait for one another: who finds
// another at it goes on without.
type Pass struct {
	region Site
	ops    []Site
	place  uint32 // in passes
	since  uint64 // coarse clock when it was armed

	busy  uint32 // 1 while a goroutine is in admit; what follows is guarded by it
	seen  moment // an iteration that was under way, when the pass was armed or since
	at    moment // the pass
	state uint32 // atomic
	cell  *page.Cell

	filled   uint32 // captures in use, atomic; written by the pass's goroutine alone
	captures [Captures]unsafe.Pointer
}

// Captures is how many operations of one pass can be captured.
const Captures = 32

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
	if s >= page.DoneCap {
		return nil
	}
	p := (*Pass)(atomic.LoadPointer(&passes[atomic.LoadUint32(&armed[s])%passCap]))
	c := self()
	if p == nil || c == nil || !atomic.CompareAndSwapUint32(&p.busy, 0, 1) {
		return nil
	}
	admitted := p.admit(c)
	atomic.StoreUint32(&p.busy, 0)
	if !admitted {
		return nil
	}
	return &Capture{pass: p, site: s}
}

// admit reports whether the goroutine of c is in the pass, which it may begin.
func (p *Pass) admit(c *page.Cell) bool {
	m := markOf(c, p.region)
	if m == nil {
		return false
	}
	now := moment{c.ID, m.What, m.Count}
	switch atomic.LoadUint32(&p.state) {
	case passArmed:
		fresh := m.Last > p.since || p.seen.goroutine == now.goroutine && p.seen.mark == now.mark && p.seen.count < now.count
		if !fresh {
			p.seen = now
			return false
		}
		p.at, p.cell = now, c
		atomic.StoreUint32(&p.state, passOpen)
	case passOpen:
		if p.at.goroutine != now.goroutine {
			return false
		}
		if p.at != now {
			p.Disarm()
			return false
		}
	default:
		return false
	}
	return atomic.LoadUint32(&p.filled) < Captures
}

// markOf returns c's activity mark of the region, nil if it has none.
func markOf(c *page.Cell, region Site) *page.Mark {
	for n := c.NMarks; n > 0; n-- {
		if n > page.Marks {
			continue
		}
		if m := &c.Mark[n-1]; page.SiteOf(m.What) == uint32(region) {
			return m
		}
	}
	return nil
}

// Capture is what one operation of the program was given. It is filled by the
// goroutine that does the operation, and is not changed once it is kept.
type Capture struct {
	pass    *Pass
	site    Site
	handled bool
	handle  handle
	texts   []string
	data    []byte
	size    int
	numbers []int64
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
	if n < Captures && atomic.CompareAndSwapUint32(&armed[c.site], p.place, 0) {
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

// Texts returns the strings, in the order in which they were taken.
func (c *Capture) Texts() []string { return c.texts }

// Data returns the bytes, as far as they were copied.
func (c *Capture) Data() []byte { return c.data }

// Size returns how many bytes the operation was given.
func (c *Capture) Size() int { return c.size }

// Numbers returns the numbers, in the order in which they were taken.
func (c *Capture) Numbers() []int64 { return c.numbers }
