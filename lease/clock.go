package lease

import "github.com/lifesign-go/lifesign/internal/clock"

// Clock is the time by which a lease is counted, in nanoseconds since some point.
// It goes on while the machine is suspended, nobody sets it, and it may be read by
// any number of goroutines.
type Clock interface {
	Now() int64
}

// BootTime is CLOCK_BOOTTIME, on Linux. Elsewhere it is what has passed by the
// monotonic or by the wall clock, whichever says more: setting the wall clock
// forward then ends leases early.
type BootTime struct{}

// Now returns nanoseconds since the machine was started, or on systems other
// than Linux since it was first asked.
func (BootTime) Now() int64 { return clock.Boot() }
