package main

import (
	"sync"
	"time"
)

// meter lets so many bytes a second pass.
type meter struct {
	mu      sync.Mutex // guards what follows
	bytes   int        // a second; 0 is no limit
	next    time.Time  // when the next may pass
	changed chan struct{}
}

func (m *meter) limited() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes > 0
}

// limit sets how many bytes may pass a second; whoever waits goes on by it.
func (m *meter) limit(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes, m.next = bytes, time.Now()
	if m.changed != nil {
		close(m.changed)
	}
	m.changed = make(chan struct{})
}

// most returns how many of n bytes are to be taken at once: a tenth of a
// second's.
func (m *meter) most(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bytes == 0 {
		return n
	}
	return max(1, min(n, m.bytes/10))
}

// wait waits until n bytes may pass.
func (m *meter) wait(n int) {
	m.mu.Lock()
	if m.bytes == 0 {
		m.mu.Unlock()
		return
	}
	if now := time.Now(); m.next.Before(now) {
		m.next = now
	}
	m.next = m.next.Add(time.Duration(n) * time.Second / time.Duration(m.bytes))
	until, changed := time.Until(m.next), m.changed
	m.mu.Unlock()
	t := time.NewTimer(until)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	}
}
