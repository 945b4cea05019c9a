package proc

import (
	"fmt"
	"strconv"
	"syscall"
	"unsafe"
)

func threadID() int { return syscall.Gettid() }

// threadTime is the running thread's CPU time in nanoseconds, of the same clock as
// the first figure of schedstat; 0 if it is not known.
func threadTime() int64 {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID, linux/time.h
	ns, _ := clockTime(threadClock)
	return ns
}

// ProcessTime returns a process's CPU time in nanoseconds by the kernel's own clock
// of it: what the scheduler has counted for its threads, those that have ended
// included. Any process may read that of any other, since Linux 2.6.12
// (kernel/time/posix-cpu-timers.c).
func ProcessTime(pid int) (int64, error) {
	const sched = 2 // CPUCLOCK_SCHED, and the process's, not a thread's
	ns, errno := clockTime(^pid<<3 | sched)
	if errno != 0 {
		return -1, fmt.Errorf("read the CPU clock of process %d: %w", pid, errno)
	}
	return ns, nil
}

func clockTime(clock int) (int64, syscall.Errno) {
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano(), errno
}

// ownThread reads two files of a thread of this very process.
func ownThread(tid int) (stat statText, sched schedstatText, err error) {
	var buf [1024]byte
	read := func(name string) ([]byte, error) {
		fd, err := openFile("/proc/self/task/" + strconv.Itoa(tid) + "/" + name)
		if err != nil {
			return nil, err
		}
		defer closeFD(fd)
		n, err := readStart(fd, buf[:])
		return buf[:n], err
	}
	text, err := read("schedstat")
	if err == nil {
		sched, err = parseSchedstat(text)
	}
	if err != nil {
		return stat, sched, err
	}
	if text, err = read("stat"); err == nil {
		stat, err = parseStat(text)
	}
	return stat, sched, err
}
