package ptrace

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/look"
)

// Symbols tells what a stopped thread's registers and stack mean.
type Symbols interface {
	// Names returns the functions at an instruction pointer, innermost first.
	Names(pc uint64) []event.Frame
	// Copied returns the functions of a thread by its registers, in their DWARF
	// order, and a copy of its stack from base on.
	Copied(regs [17]uint64, base uint64, stack []byte) ([]event.Frame, error)
}

// Tracer peeks at the threads of one process.
type Tracer struct {
	pid     int
	symbols Symbols
	mem     look.Memory
	thread  *thread // nil if there is none now

	between func() // what tests do between the last look at a thread's state and the stop
}

// Look is what one peek has shown.
type Look struct {
	TID       int
	PC, SP    uint64
	Registers []Register
	Frames    []event.Frame // its functions, innermost first, as far as they can be followed; nil without Symbols
	FramesErr error         // why there are no more of them, nil at the thread's first function
	Stopped   time.Duration // how long it was kept from running, at most
}

// Register is a register's name and value.
type Register struct {
	Name  string
	Value uint64
}

// New returns a Tracer of a process. symbols may be nil.
func New(pid int, symbols Symbols) (*Tracer, error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("trace process %d: not known how on %s", pid, runtime.GOARCH)
	}
	t := &Tracer{pid: pid, symbols: symbols, mem: look.Patient(look.Process(pid), copyLimit)}
	status, err := t.read(pid, "status")
	if err != nil {
		return nil, err
	}
	if parent, _ := strconv.Atoi(field(status, "PPid:")); parent == os.Getpid() || pid == os.Getpid() {
		return nil, fmt.Errorf("trace process %d: a program that lifesign has started itself cannot be traced by it: whoever waits for its end would be told of its stops", pid)
	}
	return t, nil
}

// Close ends the tracing thread. Nothing is traced between two peeks anyway.
func (t *Tracer) Close() {
	if t.thread != nil {
		t.thread.end()
		t.thread = nil
	}
}

// Peek stops a thread and looks at it, after watching one that runs for some
// milliseconds. The error is ErrUnfit if it may not be
// stopped, and then nothing was done to it; ErrGone if it has ended. After any
// error it goes on as before.
func (t *Tracer) Peek(tid int) (Look, error) {
	sleeps, err := t.fit(tid)
	if err != nil {
		return Look{}, err
	}
	s, err := t.take(tid, sleeps)
	if err != nil {
		return Look{}, err
	}
	return t.look(tid, s), nil
}

// take stops a thread that is fit for it.
func (t *Tracer) take(tid int, sleeps string) (s stopped, err error) {
	if t.thread == nil {
		t.thread = startThread()
	}
	var clean bool
	t.thread.do(func() { s, clean, err = t.stop(tid, sleeps) })
	if !clean {
		t.Close() // by which the kernel lets go whatever is still seized
	}
	return s, err
}

func (t *Tracer) look(tid int, s stopped) Look {
	l := Look{TID: tid, Stopped: s.took}
	for i, name := range registerNames {
		l.Registers = append(l.Registers, Register{name, word(s.regs[:], i)})
	}
	l.PC, l.SP = register(s.regs[:], "rip"), register(s.regs[:], "rsp")
	if t.symbols == nil {
		return l
	}
	var regs [17]uint64
	for i, name := range strings.Fields("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip") {
		regs[i] = register(s.regs[:], name)
	}
	if l.Frames, l.FramesErr = t.symbols.Copied(regs, s.base, s.stack); len(l.Frames) == 0 {
		l.Frames = t.symbols.Names(l.PC)
	}
	return l
}

// registerNames is the order of user_regs_struct
// (arch/x86/include/asm/user_64.h).
var registerNames = strings.Fields("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs")

// register returns a register by its name.
func register(regs []byte, name string) uint64 {
	for i, n := range registerNames {
		if n == name {
			return word(regs, i)
		}
	}
	return 0
}

func word(regs []byte, i int) uint64 {
	v := uint64(0)
	for k := 7; k >= 0; k-- {
		v = v<<8 | uint64(regs[8*i+k])
	}
	return v
}

// How much of a stack is copied while its thread stands: eight pages hold the
// frames of most.
const (
	pageSize = 4096
	maxStack = 8 * pageSize
)

// copyStack copies a stopped thread's stack, nil if the kernel does not give it
// at once.
func (t *Tracer) copyStack(sp uint64) (base uint64, stack []byte) {
	base = sp &^ (pageSize - 1)
	stack = make([]byte, maxStack)
	var parts [maxStack / pageSize]look.Part
	for i := range parts {
		parts[i] = look.Part{Addr: base + uint64(i*pageSize), Buf: stack[i*pageSize:][:pageSize]}
	}
	t.mem.Read(parts[:])
	for i := range parts {
		if parts[i].Err != nil {
			return base, stack[:i*pageSize]
		}
	}
	return base, stack
}
