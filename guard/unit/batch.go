package unit

import (
	"context"
	"sync/atomic"
	"time"
	"unsafe"
)

// unit is a unit of work, and the context of what it does: its place in its batch
// and, at the top, whether it is tainted. It is never used a second time, for a
// goroutine may go on with it when the unit has long ended, and would be told of
// another unit's crash.
//
// Only the garbage collector knows when nobody has it any more, so a unit has to be
// allocated; but one allocation is enough for many units that have one parent.
type unit uint32

const tainted unit = 1 << 31

// head is what the units of a batch have in common. They follow it.
type head struct {
	parent context.Context
	used   uint32 // atomic; how many have been given out, and asked for in vain
}

// single is a batch of one.
type single struct {
	head
	unit unit
}

// batchSize is how many units a batch has. It has one parent, so one unit that is
// kept for long keeps nothing of the others but their bits.
const batchSize = 42

// batch is 192 bytes long, which is a size that the allocator has.
type batch struct {
	head
	units [batchSize]unit
}

const firstUnit = unsafe.Offsetof(batch{}.units)

var _ [unsafe.Offsetof(single{}.unit)]byte = [firstUnit]byte{}

// head returns what u stands behind.
func (u *unit) head() *head {
	place := uintptr(atomic.LoadUint32((*uint32)(u)) &^ uint32(tainted))
	return (*head)(unsafe.Add(unsafe.Pointer(u), -int(firstUnit+place*unsafe.Sizeof(*u))))
}

func (u *unit) taint() {
	place := atomic.LoadUint32((*uint32)(u))
	atomic.StoreUint32((*uint32)(u), place|uint32(tainted))
}

func (u *unit) isTainted() bool { return atomic.LoadUint32((*uint32)(u))&uint32(tainted) != 0 }

// The methods of context.Context.

func (u *unit) Deadline() (time.Time, bool) { return u.head().parent.Deadline() }
func (u *unit) Done() <-chan struct{}       { return u.head().parent.Done() }
func (u *unit) Err() error                  { return u.head().parent.Err() }

func (u *unit) Value(key any) any {
	if _, ok := key.(unitKey); ok {
		return u
	}
	return u.head().parent.Value(key)
}

// in makes s the unit of ctx.
func (s *single) in(ctx context.Context) *unit {
	s.parent = ctx
	return &s.unit
}

// A shelf has the batch that goroutines with a common piece of stack address take
// units from. One goroutine has one shelf, mostly, and one processor hands the same
// stacks out again and again, so few processors take turns at one.
type shelf struct {
	batch unsafe.Pointer // atomic, *batch; nil if none is worth it
	last  uintptr        // atomic; the address in the parent that was looked at last, to compare with
	_     [64 - 2*unsafe.Sizeof(uintptr(0))]byte
}

// shelves are so many that they seldom collide, and so few that the contexts which
// their batches keep are no leak.
var shelves [64]shelf

// unitIn returns a new unit of ctx.
func unitIn(ctx context.Context) *unit {
	var here byte
	at := uintptr(unsafe.Pointer(&here))
	s := &shelves[(at>>13^at>>19)%uintptr(len(shelves))]
	if b := (*batch)(atomic.LoadPointer(&s.batch)); b != nil && same(&b.parent, &ctx) {
		if n := atomic.AddUint32(&b.used, 1) - 1; n < batchSize {
			u := &b.units[n]
			*u = unit(n) // nobody else has it
			return u
		}
	}
	return s.unitIn(ctx)
}

// unitIn is the way of those for whom there is no batch. One in eight of them is
// looked at, by its address, since a shelf that many write to is dear: if two of
// those in a row have one parent, it gets a batch.
//
//go:noinline
func (s *shelf) unitIn(ctx context.Context) *unit {
	alone := new(single)
	if uintptr(unsafe.Pointer(alone))/unsafe.Alignof(*alone)%8 != 0 {
		return alone.in(ctx)
	}
	if word := words(&ctx)[1]; atomic.LoadUintptr(&s.last) != word {
		atomic.StoreUintptr(&s.last, word)
		atomic.StorePointer(&s.batch, nil) // what nobody asks for is not to be kept
		return alone.in(ctx)
	}
	b := &batch{head: head{parent: ctx, used: 1}}
	atomic.StorePointer(&s.batch, unsafe.Pointer(b))
	return &b.units[0]
}

// words returns the type and the address that the interface at p is made of.
func words(p *context.Context) *[2]uintptr { return (*[2]uintptr)(unsafe.Pointer(p)) }

// same reports whether a and b are one and the same. What == says of them may take
// long, or panic.
func same(a, b *context.Context) bool { return *words(a) == *words(b) }
