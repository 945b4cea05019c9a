//go:build aix || darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris

package mimic

import "syscall"

// cpuTime returns the processor time that the process has used so far, in
// nanoseconds, -1 if that is not known.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return -1
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
