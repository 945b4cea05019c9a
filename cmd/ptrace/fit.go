package ptrace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ErrUnfit is why a thread is not stopped that could be harmed by it.
var ErrUnfit = errors.New("only a thread that runs, or waits on a futex, may be stopped: others could get EINTR")

// ErrGone is why there is nothing of a thread to see.
var ErrGone = errors.New("the thread has ended")

// A thread counts as one that runs if it has had settled of CPU time and has not
// slept by itself meanwhile. The kernel counts up the time of one that runs at
// its ticks, 1 to 10 ms apart; one that gets no processor would not come to a
// stop either.
const (
	settled     = time.Millisecond
	settleLimit = 50 * time.Millisecond
)

// fitness is what a thread may be stopped for.
type fitness int

const (
	unfit fitness = iota
	running
	onFutex
)

// fit says whether a thread may be stopped, and how often it has gone to sleep
// by itself if that must not change before the stop.
func (t *Tracer) fit(tid int) (sleeps string, err error) {
	sleeps, err = t.sleeps(tid)
	if err != nil {
		return "", err
	}
	f, err := t.fitness(tid)
	if err != nil || f == onFutex {
		return "", err
	}
	from, err := t.ran(tid)
	if err != nil {
		return "", err
	}
	for began := time.Now(); time.Since(began) < settleLimit; {
		time.Sleep(settled)
		if err := t.still(tid, sleeps); err != nil {
			return "", err
		}
		now, err := t.ran(tid)
		if err != nil {
			return "", err
		}
		if now-from >= settled {
			return sleeps, nil
		}
	}
	return "", fmt.Errorf("thread %d has had no processor for %v: %w", tid, settleLimit, ErrUnfit)
}

// still checks that a thread may be stopped now, and if sleeps is not "", that
// it has not slept since.
func (t *Tracer) still(tid int, sleeps string) error {
	f, err := t.fitness(tid)
	if err != nil || sleeps == "" && f == onFutex {
		return err
	}
	if sleeps == "" {
		return fmt.Errorf("thread %d runs and sleeps: %w", tid, ErrUnfit)
	}
	now, err := t.sleeps(tid)
	if err == nil && now != sleeps || f == onFutex {
		err = fmt.Errorf("thread %d runs and sleeps: %w", tid, ErrUnfit)
	}
	return err
}

// fitness returns an error that is ErrUnfit for a thread that must not be
// stopped.
func (t *Tracer) fitness(tid int) (fitness, error) {
	stat, err := t.read(tid, "stat")
	if err != nil {
		return unfit, err
	}
	state := stateOf(stat)
	switch state {
	case 'R':
		return running, nil
	case 'S':
		call, err := t.read(tid, "syscall")
		if err != nil {
			return unfit, err
		}
		if futexWait(call) {
			return onFutex, nil
		}
		if strings.HasPrefix(call, "running") {
			return unfit, fmt.Errorf("thread %d runs and sleeps: %w", tid, ErrUnfit)
		}
		number, _, _ := strings.Cut(call, " ")
		return unfit, fmt.Errorf("thread %d sleeps in system call %s: %w", tid, number, ErrUnfit)
	case 'Z', 'X':
		return unfit, fmt.Errorf("thread %d: %w", tid, ErrGone)
	}
	return unfit, fmt.Errorf("thread %d is in state %c: %w", tid, state, ErrUnfit)
}

// sleeps returns how often a thread has gone to sleep by itself.
func (t *Tracer) sleeps(tid int) (string, error) {
	status, err := t.read(tid, "status")
	return field(status, "voluntary_ctxt_switches:"), err
}

// ran returns the CPU time that a thread has had.
func (t *Tracer) ran(tid int) (time.Duration, error) {
	b, err := t.read(tid, "schedstat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(b, " ")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read schedstat of thread %d: it begins with %.40q", tid, first)
	}
	return time.Duration(n), nil
}

// tracer returns the id of the thread that traces a thread, 0 if none does.
func (t *Tracer) tracer(tid int) int {
	status, _ := t.read(tid, "status")
	pid, _ := strconv.Atoi(field(status, "TracerPid:"))
	return pid
}

func (t *Tracer) read(tid int, name string) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/%s", t.pid, tid, name))
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("thread %d: %w", tid, ErrGone)
	}
	return string(b), err
}

// field returns what a line of a status says.
func field(status, name string) string {
	for _, line := range strings.Split(status, "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// stateOf returns the state in a stat, '?' if there is none. The name before it
// may hold anything.
func stateOf(stat string) byte {
	i := strings.LastIndexByte(stat, ')')
	if i < 0 || len(stat) < i+3 {
		return '?'
	}
	return stat[i+2]
}

// futexWait reports whether a thread whose syscall file says call waits on a
// futex in a way that the kernel restarts: FUTEX_WAIT and FUTEX_WAIT_BITSET
// (also FUTEX_LOCK_PI, but not FUTEX_WAIT_REQUEUE_PI, which tells EWOULDBLOCK).
func futexWait(call string) bool {
	const (
		sysFutex             = "202" // arch/x86/entry/syscalls/syscall_64.tbl
		private, clock       = 0x80, 0x100
		wait, lockPI, bitset = 0, 6, 9
	)
	f := strings.Fields(call)
	if len(f) < 3 || f[0] != sysFutex {
		return false
	}
	op, err := strconv.ParseUint(f[2], 0, 64)
	if err != nil {
		return false
	}
	switch op &^ (private | clock) {
	case wait, lockPI, bitset:
		return true
	}
	return false
}
