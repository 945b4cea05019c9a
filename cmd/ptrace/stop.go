package ptrace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNoStop is why nothing was seen of a thread that has not come to a stop.
var errNoStop = errors.New("it has not come to a stop in time, which proves nothing")

// What a stop may take.
const (
	stopLimit = 100 * time.Millisecond // for the thread to come to it
	copyLimit = 5 * time.Millisecond   // for its stack to be read
	leastNap  = 20 * time.Microsecond
	mostNap   = time.Millisecond
)

// regsSize is the size of the x86-64 user_regs_struct (NT_PRSTATUS); a process of
// 32 bits has less.
const regsSize = 27 * 8

// stopped is what a stop has shown.
type stopped struct {
	regs  [regsSize]byte
	stack []byte // from sp on, whole pages
	base  uint64 // of the stack
	took  time.Duration
}

// stop seizes a thread, stops it, reads its registers and lets it go. It runs on
// the tracing thread. clean is false if the thread may still be seized: then the
// tracing thread must end. sleeps is what fit has returned.
func (t *Tracer) stop(tid int, sleeps string) (s stopped, clean bool, err error) {
	if err := unix.PtraceSeize(tid); err != nil {
		return s, true, t.refused(tid, err)
	}
	// Up to here the thread has noticed nothing. It may have gone to sleep.
	if err := t.still(tid, sleeps); err != nil {
		return s, false, err
	}
	if t.between != nil {
		t.between()
	}
	begin := time.Now()
	if err := unix.PtraceInterrupt(tid); err != nil {
		return s, false, fmt.Errorf("stop thread %d: %w", tid, err)
	}
	signal, clean, err := await(tid, begin)
	if err != nil {
		return s, clean, err
	}
	err = t.view(tid, &s)
	if errno := detach(tid, signal); errno != 0 && err == nil {
		err = fmt.Errorf("let thread %d go: %w", tid, errno)
		return s, false, err
	}
	s.took = time.Since(begin)
	return s, true, err
}

// await waits for the stop, and returns the signal that it has to be left with:
// 0, or one that was about to be delivered.
func await(tid int, begin time.Time) (signal unix.Signal, clean bool, err error) {
	return awaitFor(tid, begin, stopLimit)
}

func awaitFor(tid int, begin time.Time, limit time.Duration) (signal unix.Signal, clean bool, err error) {
	for nap := leastNap; ; nap = min(2*nap, mostNap) {
		var status unix.WaitStatus
		got, err := unix.Wait4(tid, &status, unix.WNOHANG|unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil: // it has become another by execve, or somebody else has waited for it
			return 0, false, fmt.Errorf("wait for thread %d: %w", tid, err)
		case got == tid && !status.Stopped():
			return 0, true, fmt.Errorf("thread %d: %w", tid, ErrGone)
		case got == tid && uint32(status)>>16 == unix.PTRACE_EVENT_STOP:
			return 0, true, nil // asked for, or SIGSTOP's, which goes on after
		case got == tid:
			return status.StopSignal(), true, nil
		}
		if time.Since(begin) > limit {
			return 0, false, fmt.Errorf("thread %d: %w", tid, errNoStop)
		}
		time.Sleep(nap)
	}
}

// view reads what is to be seen of a stopped thread.
func (t *Tracer) view(tid int, s *stopped) error {
	vector := unix.Iovec{Base: &s.regs[0], Len: regsSize}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(tid), ntPRSTATUS, uintptr(unsafe.Pointer(&vector)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("read the registers of thread %d: %w", tid, errno)
	}
	if vector.Len != regsSize {
		return fmt.Errorf("thread %d has %d bytes of registers: it is not of x86-64", tid, vector.Len)
	}
	s.base, s.stack = t.copyStack(register(s.regs[:], "rsp"))
	return nil
}

const ntPRSTATUS = 1

// detach lets a stopped thread go on, with a signal if that is not 0.
func detach(tid int, signal unix.Signal) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(signal), 0, 0)
	return errno
}

// refused says why a thread could not be seized.
func (t *Tracer) refused(tid int, err error) error {
	switch {
	case err == unix.ESRCH:
		return fmt.Errorf("thread %d: %w", tid, ErrGone)
	case err == unix.EPERM:
		if by := t.tracer(tid); by != 0 {
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", by))
			return fmt.Errorf("trace thread %d: thread %d (%s) traces it already", tid, by, bytes.TrimSpace(comm))
		}
		return fmt.Errorf("trace thread %d: the kernel does not permit it (other user, not dumpable, or Yama's ptrace_scope)", tid)
	}
	return fmt.Errorf("trace thread %d: %w", tid, err)
}
