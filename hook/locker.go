package hook

import (
	"reflect"
	"sync"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// rLocker is the unexported type of what (*sync.RWMutex).RLocker returns: the
// RWMutex itself, under another name.
var rLocker = reflect.TypeOf((*sync.RWMutex)(nil).RLocker())

// identify returns which lock is behind l, and how it is taken. object is 0
// for a type of the program's own: what its Lock does is woven where it is
// written, or not at all.
func identify(l sync.Locker) (object uintptr, mode uint64) {
	switch m := l.(type) {
	case *sync.Mutex:
		return addr(m), page.ModeLock
	case *sync.RWMutex:
		return rwAddr(m), page.ModeRWLock
	}
	if reflect.TypeOf(l) == rLocker {
		return dataOf(l), page.ModeRLock
	}
	return 0, page.ModeSite
}

// dataOf returns the pointer in an interface value that holds one.
func dataOf(l sync.Locker) uintptr { return (*[2]uintptr)(unsafe.Pointer(&l))[1] }

// LockerLock is l.Lock().
//
//go:noinline
func LockerLock(s Site, l sync.Locker) {
	object, mode := identify(l)
	c := self()
	if c == nil || object == 0 {
		l.Lock()
		return
	}
	r := push(c, s, object)
	if r != nil {
		publish(&r.What, page.WithMode(r.What, mode))
	}
	l.Lock()
	if r != nil {
		hold(r)
	}
}

// LockerUnlock is l.Unlock().
func LockerUnlock(l sync.Locker) {
	if object, _ := identify(l); object != 0 {
		if c := self(); c != nil {
			release(c, object)
		}
	}
	l.Unlock()
}

// CondWait is d.Wait(). The lock is not held meanwhile.
//
//go:noinline
func CondWait(s Site, d *sync.Cond) {
	c := self()
	if c == nil || d == nil {
		d.Wait()
		return
	}
	object, mode := identify(d.L)
	held := takeHeld(c, object)
	defer func(p Point) {
		Unwind(p)
		if held != 0 {
			holdNew(Site(page.SiteOf(held)), object, mode)
		}
	}(Here())
	push(c, s, uintptr(unsafe.Pointer(d)))
	d.Wait()
	finish(s)
}

// WGWait is w.Wait().
//
//go:noinline
func WGWait(s Site, w *sync.WaitGroup) {
	if c := self(); c != nil {
		defer Unwind(Here()) // it panics if w is used again too early
		push(c, s, uintptr(unsafe.Pointer(w)))
	}
	w.Wait()
	finish(s)
}

// takeHeld releases the newest hold record of object and returns its What, 0
// if there is none.
func takeHeld(c *page.Cell, object uintptr) uint64 {
	if object == 0 {
		return 0
	}
	for i := records(c) - 1; i >= 0; i-- {
		if r := c.Record[i]; holds(&r, object) {
			remove(c, i)
			return r.What
		}
	}
	return 0
}
