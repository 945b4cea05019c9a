//go:build go1.23 && linux

package hook

import (
	"os"
	"runtime/debug"
	"syscall"
)

// keepCrash has the runtime write what it tells of a crash to fd too, if that is a
// pipe, and closes fd: the runtime has a copy of its own, which programs that are
// started do not inherit. What is not a pipe may be the program's own, and is left
// alone.
func keepCrash(fd int) bool {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return false
	}
	f := os.NewFile(uintptr(fd), "crash output")
	if f == nil {
		return false
	}
	err := debug.SetCrashOutput(f, debug.CrashOptions{})
	// A program that dies does not wait for an agent that does not read: what has no
	// room in the pipe is lost. SetCrashOutput has made it a pipe that is waited for.
	syscall.SetNonblock(fd, true)
	f.Close()
	return err == nil
}
