package dump

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/cmd/ptrace"
	"github.com/lifesign-go/lifesign/cmd/unwind"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// What a dump may take.
const (
	maxThreads = 4096
	stateTime  = 300 * time.Millisecond // to ask the kernel for the states of threads
	namesTime  = 500 * time.Millisecond // to name functions; of a large program the tables alone take long
	haltTime   = 30 * time.Millisecond  // for threads to come to a stop
	readTime   = 15 * time.Millisecond  // for memory to be read while they stand
)

var errNoTime = errors.New("there was no time for it")

// tids lists the threads, the one that matters first.
func (t *taker) tids() ([]int, error) {
	entries, err := os.ReadDir(t.path("task"))
	if err != nil {
		return nil, fmt.Errorf("list the threads of process %d: %w", t.pid, err)
	}
	var all []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, tid)
		}
	}
	sort.Ints(all)
	focus := t.d.Reason.Thread
	sort.SliceStable(all, func(i, j int) bool { return all[i] == focus && all[j] != focus })
	if len(all) > maxThreads {
		t.miss("threads", fmt.Errorf("there are %d, and %d were looked at", len(all), maxThreads))
		all = all[:maxThreads]
	}
	return all, nil
}

// kernel is whom to ask about the process.
func (t *taker) kernel(mem look.Memory) proc.Kernel {
	return proc.Kernel{
		Proc: "/proc", Sys: "/sys", PID: t.pid, Arch: runtime.GOARCH,
		Read: func(addr uint64, buf []byte) error { return look.Fill(mem, addr, buf) },
	}
}

// states asks the kernel what each thread is about, before they are stopped: of one
// that stands it tells that alone.
func (t *taker) states(tids []int, k proc.Kernel) {
	patient := proc.NewPatient(k, patience)
	began, unasked := time.Now(), 0
	for _, tid := range tids {
		if time.Since(began) > stateTime {
			unasked++
			t.d.Threads = append(t.d.Threads, dump.Thread{ID: tid})
			continue
		}
		th := patient.Thread(tid)
		if th.State == "" {
			if th.Err != "" {
				t.miss(fmt.Sprintf("the state of thread %d", tid), errors.New(th.Err))
			}
			continue
		}
		t.d.Threads = append(t.d.Threads, dump.Thread{
			ID: tid, Comm: th.Comm, State: th.State, Call: th.What, Wchan: th.Wchan, Kernel: th.Stack,
		})
	}
	if unasked > 0 {
		t.miss("the states of threads", fmt.Errorf("there was no time for %d of them", unasked))
	}
	if len(t.d.Threads) > 0 && !slices.ContainsFunc(t.d.Threads, func(th dump.Thread) bool { return th.Kernel != nil }) {
		if _, err := t.file("stack"); err != nil {
			t.miss("stacks within the kernel", err)
		}
	}
	// Those that hang come before those that wait.
	focus := t.d.Reason.Thread
	rank := func(th dump.Thread) int {
		switch {
		case th.ID == focus:
			return 0
		case th.State == "D":
			return 1
		}
		return 2
	}
	sort.SliceStable(t.d.Threads, func(i, j int) bool { return rank(t.d.Threads[i]) < rank(t.d.Threads[j]) })
}

// halt stops the threads, takes their registers and the memory that these lead to, and
// lets them go.
func (t *taker) halt(mem look.Memory, limit int64) error {
	regs := map[int][]uint64{}
	pause, err := ptrace.Halt(t.pid, t.list, haltTime, func(all []ptrace.Halted) {
		for _, h := range all {
			if h.Err != nil {
				t.miss("registers", h.Err)
				continue
			}
			regs[h.TID] = h.Registers
		}
		t.attach(regs)
		began := time.Now()
		for i, wishes := range t.wishes(limit) {
			if i > 0 && time.Since(began) > haltTime/2 {
				t.miss("more than the beginnings of stacks", errors.New("to read these has taken long, and the threads stood"))
				break
			}
			t.fetch(mem, wishes)
		}
	})
	if err != nil {
		return err
	}
	t.fact("pause", pause.Round(10*time.Microsecond).String())
	return nil
}

// list is tids for who asks again and again.
func (t *taker) list() ([]int, error) {
	missing := t.d.Missing
	defer func() { t.d.Missing = missing }()
	return t.tids()
}

func (t *taker) fact(name, text string) {
	if t.d.Facts == nil {
		t.d.Facts = map[string]string{}
	}
	t.d.Facts[name] = text
}

// attach gives threads their registers. A thread that was started meanwhile is added.
func (t *taker) attach(regs map[int][]uint64) {
	for i := range t.d.Threads {
		th := &t.d.Threads[i]
		th.Registers = regs[th.ID]
		delete(regs, th.ID)
		if th.ID == t.d.Reason.Thread {
			th.Signal = t.d.Reason.Signal
		}
	}
	var fresh []int
	for tid := range regs {
		fresh = append(fresh, tid)
	}
	sort.Ints(fresh)
	for _, tid := range fresh {
		t.d.Threads = append(t.d.Threads, dump.Thread{ID: tid, Registers: regs[tid]})
	}
}

// pointers are the registers that may have addresses, by architecture.
func pointers(arch string) (sp, pc int, general []int) {
	for i, name := range dump.RegisterNames(arch) {
		switch name {
		case "rsp", "sp":
			sp = i
		case "rip", "pc":
			pc = i
			general = append(general, i)
		case "orig_rax", "cs", "eflags", "ss", "ds", "es", "fs", "gs", "pstate":
		default:
			general = append(general, i)
		}
	}
	return sp, pc, general
}

// wishes are stacks and what registers lead to, in steps: a piece of each stack, the
// thread's that matters first, and what leads to libraries; what registers point to,
// which may be memory that nobody can read; more of each stack.
func (t *taker) wishes(limit int64) (steps [3][]wish) {
	sp, _, general := pointers(t.d.Process.Arch)
	n := int64(0)
	for _, th := range t.d.Threads {
		if th.Registers != nil {
			n++
		}
	}
	more := uint64(min(max(limit/2/max(n, 1), leastStack), mainStack)) &^ (pageSize - 1)
	size := uint64(mainStack)
	for _, th := range t.d.Threads {
		if th.Registers == nil {
			continue
		}
		stack := stackPage(th.Registers[sp])
		steps[0] = append(steps[0], wish{stack, size})
		size = leastStack
		for _, i := range general {
			if v := th.Registers[i]; v >= pageSize && v < 1<<56 && len(t.maps) > 0 {
				steps[1] = append(steps[1], wish{v - before, before + after})
			}
		}
		steps[2] = append(steps[2], wish{stack, more})
	}
	steps[0] = append(steps[0], t.linked...)
	return steps
}

// names follows the stacks of threads: by their registers and what was copied, of
// those that were stopped; of those that were not by what the kernel tells.
func (t *taker) names(u *unwind.Unwinder) {
	began := time.Now()
	sp, _, _ := pointers(t.d.Process.Arch)
	for i := range t.d.Threads {
		th := &t.d.Threads[i]
		if time.Since(began) > namesTime {
			th.UserErr = errNoTime.Error()
			continue
		}
		var err error
		if th.Registers == nil {
			e := event.Thread{ID: th.ID}
			u.Fill(&e)
			th.User, th.UserErr = dump.Shorten(e.User), e.UserErr
			continue
		}
		base, stack := t.copied(stackPage(th.Registers[sp]))
		th.User, err = u.Copied(dwarf(th.Registers), base, stack)
		if len(th.User) == 0 {
			_, pc, _ := pointers(t.d.Process.Arch)
			th.User = u.Names(th.Registers[pc])
		}
		if th.User = dump.Shorten(th.User); err != nil {
			th.UserErr = err.Error()
		}
	}
}

// stackPage is where a stack is copied from: unwinding reads whole pages.
func stackPage(sp uint64) uint64 { return sp &^ (pageSize - 1) }

// copied is the memory that was copied from an address on.
func (t *taker) copied(base uint64) (uint64, []byte) {
	var b []byte
	for at := base; ; {
		next := t.segment(at)
		if len(next) == 0 || len(b) > mainStack {
			return base, b
		}
		b = append(b, next...)
		at += uint64(len(next))
	}
}

func (t *taker) segment(at uint64) []byte {
	for _, s := range t.d.Memory {
		if off := at - s.Addr; at >= s.Addr && off < uint64(len(s.Data)) {
			return s.Data[off:]
		}
	}
	return nil
}

// dwarf puts registers of x86-64 into their DWARF order.
func dwarf(regs []uint64) (in [17]uint64) {
	names := dump.RegisterNames("amd64")
	for i, name := range strings.Fields("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip") {
		if at := slices.Index(names, name); at < len(regs) {
			in[i] = regs[at]
		}
	}
	return in
}
