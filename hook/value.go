package hook

import "sync"

// The functions below stand for method values. Like these they allocate, and
// evaluate their operand at once.

// LockFunc is m.Lock.
func LockFunc(s Site, m *sync.Mutex) func() { return func() { Lock(s, m) } }

// UnlockFunc is m.Unlock.
func UnlockFunc(m *sync.Mutex) func() { return func() { Unlock(m) } }

// RWLockFunc is m.Lock.
func RWLockFunc(s Site, m *sync.RWMutex) func() { return func() { RWLock(s, m) } }

// RWUnlockFunc is m.Unlock.
func RWUnlockFunc(m *sync.RWMutex) func() { return func() { RWUnlock(m) } }

// RLockFunc is m.RLock.
func RLockFunc(s Site, m *sync.RWMutex) func() { return func() { RLock(s, m) } }

// RUnlockFunc is m.RUnlock.
func RUnlockFunc(m *sync.RWMutex) func() { return func() { RUnlock(m) } }

// LockerLockFunc is l.Lock, which panics if l is nil.
func LockerLockFunc(s Site, l sync.Locker) func() {
	if l == nil {
		return l.Lock
	}
	return func() { LockerLock(s, l) }
}

// LockerUnlockFunc is l.Unlock, which panics if l is nil.
func LockerUnlockFunc(l sync.Locker) func() {
	if l == nil {
		return l.Unlock
	}
	return func() { LockerUnlock(l) }
}
