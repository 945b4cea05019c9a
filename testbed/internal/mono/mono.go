// Package mono reads CLOCK_MONOTONIC, the clock of lifesign's findings. Unlike
// the monotonic part of a time.Time its readings can be compared between
// processes of one host. Linux only, as the testbed is.
package mono

import (
	"syscall"
	"time"
	"unsafe"
)

const clockMonotonic = 1 // CLOCK_MONOTONIC of clock_gettime(2)

// Now returns the time on CLOCK_MONOTONIC in nanoseconds.
func Now() int64 {
	var ts syscall.Timespec
	// The call cannot fail with a valid clock and address.
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// Since returns the time that has passed since t, a reading of Now.
func Since(t int64) time.Duration { return time.Duration(Now() - t) }
