package hook

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// The three pairs below differ in the lock's type alone. What they have in
// common is not one function, because an uncontended lock costs five
// nanoseconds and a call one.

func addr(m *sync.Mutex) uintptr     { return uintptr(unsafe.Pointer(m)) }
func rwAddr(m *sync.RWMutex) uintptr { return uintptr(unsafe.Pointer(m)) }

// Lock is m.Lock().
//
//go:noinline
func Lock(s Site, m *sync.Mutex) {
	c := cell()
	if c == nil || m == nil || full(c) {
		lockFirst(s, m)
		return
	}
	r := note(c, s, addr(m))
	m.Lock()
	hold(r)
}

// lockFirst is Lock where it is not as usual: the goroutine's first hook, a full
// cell, no lock.
//
//go:noinline
func lockFirst(s Site, m *sync.Mutex) {
	c := self()
	if c == nil || m == nil {
		m.Lock()
		return
	}
	r := push(c, s, addr(m))
	m.Lock()
	if r != nil {
		hold(r)
	}
}

// TryLock is m.TryLock().
func TryLock(s Site, m *sync.Mutex) bool {
	ok := m.TryLock()
	if ok {
		holdNew(s, addr(m), page.ModeSite)
	}
	return ok
}

// Unlock is m.Unlock(). The record goes first: a lock that is free and said to
// be held would be a false statement, the other way round is only incomplete.
func Unlock(m *sync.Mutex) {
	if c := cell(); c != nil {
		count := c.Count
		if n := page.InUse(count) - 1; n < page.Records && holds(&c.Record[n], addr(m)) {
			publish(&c.Count, count-1)
			m.Unlock()
			return
		}
	}
	releaseFirst(addr(m))
	m.Unlock()
}

// RWLock is m.Lock().
//
//go:noinline
func RWLock(s Site, m *sync.RWMutex) {
	c := cell()
	if c == nil || m == nil || full(c) {
		rwLockFirst(s, m)
		return
	}
	r := note(c, s, rwAddr(m))
	m.Lock()
	hold(r)
}

// rwLockFirst is RWLock where it is not as usual: the goroutine's first hook, a full
// cell, no lock.
//
//go:noinline
func rwLockFirst(s Site, m *sync.RWMutex) {
	c := self()
	if c == nil || m == nil {
		m.Lock()
		return
	}
	r := push(c, s, rwAddr(m))
	m.Lock()
	if r != nil {
		hold(r)
	}
}

// RWTryLock is m.TryLock().
func RWTryLock(s Site, m *sync.RWMutex) bool {
	ok := m.TryLock()
	if ok {
		holdNew(s, rwAddr(m), page.ModeSite)
	}
	return ok
}

// RWUnlock is m.Unlock().
func RWUnlock(m *sync.RWMutex) {
	if c := cell(); c != nil {
		count := c.Count
		if n := page.InUse(count) - 1; n < page.Records && holds(&c.Record[n], rwAddr(m)) {
			publish(&c.Count, count-1)
			m.Unlock()
			return
		}
	}
	releaseFirst(rwAddr(m))
	m.Unlock()
}

// RLock is m.RLock().
//
//go:noinline
func RLock(s Site, m *sync.RWMutex) {
	c := cell()
	if c == nil || m == nil || full(c) {
		rLockFirst(s, m)
		return
	}
	r := note(c, s, rwAddr(m))
	m.RLock()
	hold(r)
}

// rLockFirst is RLock where it is not as usual: the goroutine's first hook, a full
// cell, no lock.
//
//go:noinline
func rLockFirst(s Site, m *sync.RWMutex) {
	c := self()
	if c == nil || m == nil {
		m.RLock()
		return
	}
	r := push(c, s, rwAddr(m))
	m.RLock()
	if r != nil {
		hold(r)
	}
}

// TryRLock is m.TryRLock().
func TryRLock(s Site, m *sync.RWMutex) bool {
	ok := m.TryRLock()
	if ok {
		holdNew(s, rwAddr(m), page.ModeSite)
	}
	return ok
}

// RUnlock is m.RUnlock().
func RUnlock(m *sync.RWMutex) {
	if c := cell(); c != nil {
		count := c.Count
		if n := page.InUse(count) - 1; n < page.Records && holds(&c.Record[n], rwAddr(m)) {
			publish(&c.Count, count-1)
			m.RUnlock()
			return
		}
	}
	releaseFirst(rwAddr(m))
	m.RUnlock()
}

// releaseFirst is release where it is not as usual: the goroutine's first hook,
// or a lock that is not the one taken last.
//
//go:noinline
func releaseFirst(object uintptr) {
	if c := self(); c != nil {
		release(c, object)
	}
}

// holdNew notes a lock that was acquired without waiting.
func holdNew(s Site, object uintptr, mode uint64) {
	c := self()
	if c == nil {
		return
	}
	if r := push(c, s, object); r != nil {
		publish(&r.What, page.WithMode(r.What, mode)|page.Held)
	}
}

// releaseForeign notes that a lock is released by a goroutine that has no
// record of it: from now on a record of that lock proves nothing, because its
// holder may long have handed it on. If the table is full an older lock is
// forgotten.
//
//go:noinline
func releaseForeign(object uintptr) {
	forgetOrphan(object)
	t := vitals.Foreign
	if len(t) == 0 || object == 0 {
		return
	}
	const window = 8
	at := object >> 3
	for i := uintptr(0); i < window; i++ {
		p := &t[(at+i)%uintptr(len(t))]
		switch atomic.LoadUint64(p) {
		case uint64(object):
			return
		case 0:
			if atomic.CompareAndSwapUint64(p, 0, uint64(object)) {
				return
			}
		}
	}
	victim := (at + at>>9%window) % uintptr(len(t))
	atomic.StoreUint64(&t[victim], uint64(object))
}

// forgetOrphan takes back what was noted of a lock whose holder ended before
// somebody else released it.
func forgetOrphan(object uintptr) {
	if atomic.LoadUint64(&vitals.Header.OrphanSeq) == 0 {
		return
	}
	for i := range vitals.Orphans {
		o := &vitals.Orphans[i]
		if atomic.LoadUint64(&o.Record.Object) == uint64(object) {
			atomic.StoreUint64(&o.Record.What, 0)
		}
	}
}
