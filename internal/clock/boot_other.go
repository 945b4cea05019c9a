//go:build !linux

package clock

import (
	"sync"
	"time"
)

// boot adds up what has passed by the monotonic clock, which stops in suspend on
// some systems, or by the wall clock if that says more. A wall clock that is set
// forward makes it run ahead, which ends leases early and never late.
var boot struct {
	mu     sync.Mutex // guards what follows
	last   time.Time
	passed time.Duration
}

// Boot returns nanoseconds that have passed, suspends included, since it was
// first called. It may run ahead and never stays behind.
func Boot() int64 {
	now := time.Now()
	boot.mu.Lock()
	defer boot.mu.Unlock()
	if !boot.last.IsZero() {
		passed := now.Sub(boot.last)
		if wall := now.Round(0).Sub(boot.last.Round(0)); wall > passed {
			passed = wall
		}
		boot.passed += passed
	}
	boot.last = now
	return int64(boot.passed)
}
