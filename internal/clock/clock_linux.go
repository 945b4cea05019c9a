package clock

import (
	"syscall"
	"unsafe"
)

const monotonic = 1 // CLOCK_MONOTONIC, linux/time.h

// Monotonic returns CLOCK_MONOTONIC in nanoseconds, the same for every process
// of the machine. It costs a system call and is not for hot paths.
func Monotonic() int64 {
	var ts syscall.Timespec
	// Neither the clock's number nor the pointer can be wrong, so there is no
	// error to look at (clock_gettime(2)).
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
