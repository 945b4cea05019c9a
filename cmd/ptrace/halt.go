package ptrace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Halted is a thread that stands.
type Halted struct {
	TID       int
	Registers []uint64 // user_regs_struct, nil if Err is not
	Err       error    // why it does not stand, or its registers are not known; others do all the same
}

// Halt stops threads of a process all at once, has view look at them while they
// stand, and lets them go. Unlike Peek it is for whoever wants a picture of the whole
// process and takes what a stop does to system calls (see above) for it. tids lists
// the threads that there are now; it is called again as long as there are new ones.
// What does not come to a stop within limit, such as a thread in D, is let go as it
// is. view is called on the tracing thread, and ought to take milliseconds.
//
// pause is how long the first one was kept from running, at most. The error is why
// not even one thread could be stopped. What the package says of targets holds: they
// go on whatever becomes of lifesign.
func Halt(pid int, tids func() ([]int, error), limit time.Duration, view func([]Halted)) (pause time.Duration, err error) {
	if machineWords == 0 {
		return 0, fmt.Errorf("trace process %d: not known how on %s", pid, runtime.GOARCH)
	}
	t := &Tracer{pid: pid}
	status, err := t.read(pid, "status")
	if err != nil {
		return 0, err
	}
	if parent, _ := strconv.Atoi(field(status, "PPid:")); parent == os.Getpid() || pid == os.Getpid() {
		return 0, ErrOwn
	}
	h := &halt{t: t, limit: limit, known: map[int]bool{}}
	thread := startThread()
	defer thread.end() // by which whatever may still be seized is let go
	thread.do(func() { pause, err = h.run(tids, view) })
	return pause, err
}

// ErrOwn is why a process is not stopped by the one that has started it.
var ErrOwn = errors.New("a program that lifesign has started itself cannot be traced by it: whoever waits for its end would be told of its stops")

// machineWords is how many words of registers there are, 0 where it is not known how
// to stop a thread.
var machineWords = map[string]int{"amd64": 27, "arm64": 34}[runtime.GOARCH]

// halt is one picture.
type halt struct {
	t      *Tracer
	limit  time.Duration
	known  map[int]bool
	begin  time.Time
	stands []standing
	failed []Halted
}

// standing is a thread that has to be let go, with a signal if that is not 0.
type standing struct {
	tid    int
	signal unix.Signal
}

// rounds is how often it is asked for threads that were started meanwhile.
const rounds = 3

func (h *halt) run(tids func() ([]int, error), view func([]Halted)) (time.Duration, error) {
	defer h.letGo()
	for i := 0; i < rounds; i++ {
		all, err := tids()
		if err != nil && i == 0 {
			return 0, err
		}
		if h.stop(all) == 0 {
			break
		}
	}
	if len(h.stands) == 0 {
		if len(h.failed) > 0 {
			return 0, h.failed[0].Err
		}
		return 0, ErrGone
	}
	all := make([]Halted, 0, len(h.stands)+len(h.failed))
	for _, s := range h.stands {
		r := Halted{TID: s.tid}
		r.Registers, r.Err = registers(s.tid)
		all = append(all, r)
	}
	view(append(all, h.failed...))
	h.letGo()
	return time.Since(h.begin), nil
}

// stop seizes threads that are not known yet, stops them, and returns how many there
// were. All are told to stop before the first one is waited for.
func (h *halt) stop(tids []int) (fresh int) {
	var seized []int
	for _, tid := range tids {
		if h.known[tid] {
			continue
		}
		h.known[tid] = true
		fresh++
		if err := unix.PtraceSeize(tid); err != nil {
			h.fail(tid, h.t.refused(tid, err))
			continue
		}
		seized = append(seized, tid)
	}
	if h.begin.IsZero() {
		h.begin = time.Now()
	}
	asked := seized[:0]
	for _, tid := range seized {
		if err := unix.PtraceInterrupt(tid); err != nil {
			h.fail(tid, fmt.Errorf("stop thread %d: %w", tid, err))
			continue
		}
		asked = append(asked, tid)
	}
	for _, tid := range asked {
		signal, _, err := awaitFor(tid, h.begin, h.limit)
		if err != nil {
			h.fail(tid, err)
			continue
		}
		h.stands = append(h.stands, standing{tid, signal})
	}
	return fresh
}

func (h *halt) fail(tid int, err error) { h.failed = append(h.failed, Halted{TID: tid, Err: err}) }

func (h *halt) letGo() {
	for _, s := range h.stands {
		detach(s.tid, s.signal)
	}
	h.stands = nil
}

// registers reads those of a thread that stands.
func registers(tid int) ([]uint64, error) {
	regs := make([]uint64, machineWords)
	vector := unix.Iovec{Base: (*byte)(unsafe.Pointer(&regs[0])), Len: uint64(8 * len(regs))}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(tid), ntPRSTATUS, uintptr(unsafe.Pointer(&vector)), 0, 0)
	if errno != 0 {
		return nil, fmt.Errorf("read the registers of thread %d: %w", tid, errno)
	}
	if vector.Len != uint64(8*len(regs)) {
		return nil, fmt.Errorf("thread %d has %d bytes of registers: it is not of %s", tid, vector.Len, runtime.GOARCH)
	}
	return regs, nil
}
