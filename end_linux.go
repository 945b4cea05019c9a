package lifesign

import (
	"os"
	"os/signal"
	"syscall"
	"unsafe"
)

// endProcess has the runtime write all stacks and exit: what it does on a
// SIGQUIT that the program does not handle. The stacks go to standard error,
// which nobody may read; so the kernel is told to kill the process later.
func endProcess() {
	killAfter(endWithin)
	signal.Reset(syscall.SIGQUIT)
	syscall.Kill(os.Getpid(), syscall.SIGQUIT)
}

// endWithin is how many seconds it may take to write the stacks; tests are less
// patient.
var endWithin = int64(10)

// killAfter makes a timer of the kernel's that kills the process. It goes off
// although the runtime stops all threads to write stacks.
func killAfter(seconds int64) {
	type sigevent struct {
		value  uintptr
		signo  int32
		notify int32
		_      [48]byte
	}
	const clockMonotonic, sigevSignal = 1, 0
	event := sigevent{signo: int32(syscall.SIGKILL), notify: sigevSignal}
	var id int32
	_, _, errno := syscall.Syscall(syscall.SYS_TIMER_CREATE, clockMonotonic, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&id)))
	if errno != 0 {
		return // the stacks are written or not
	}
	spec := [2]syscall.Timespec{{}, syscall.NsecToTimespec(seconds * 1e9)} // interval, then value
	syscall.Syscall6(syscall.SYS_TIMER_SETTIME, uintptr(id), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}
