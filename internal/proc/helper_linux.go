package proc

import (
	"strconv"
	"syscall"
	"unsafe"
)

func threadID() int { return syscall.Gettid() }

// threadTime is the running thread's CPU time in nanoseconds, of the same clock as
// the first figure of schedstat; 0 if it is not known.
func threadTime() int64 {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID, linux/time.h
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return ts.Nano()
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
