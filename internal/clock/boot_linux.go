package clock

import (
	"syscall"
	"unsafe"
)

const boottime = 7 // CLOCK_BOOTTIME, linux/time.h, since Linux 2.6.39

// Boot returns CLOCK_BOOTTIME in nanoseconds: Monotonic, and the time in which
// the machine was suspended. Nobody can set it, and it goes at the rate that NTP
// gives it. It costs a system call.
func Boot() int64 {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, boottime, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
