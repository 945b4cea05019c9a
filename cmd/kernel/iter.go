package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// InKernel is a thread as the kernel itself sees it. It is to be read and not
// written to: several may share a stack.
type InKernel struct {
	PID, TID int
	Comm     string
	State    string   // R, S, D, … as in /proc/PID/task/TID/stat
	Raw      uint64   // task_struct.__state
	Stack    []string // the kernel's functions, innermost first, less those of the scheduler; nil if there are none
	Lock     *Lock    // the lock inside the kernel that it waits for; nil if it waits for none that is known
}

// Lock is a lock inside the kernel.
type Lock struct {
	Kind  string     // "mutex", "rw-semaphore", "semaphore"
	Write bool       // an rw-semaphore is waited for to write
	Owner event.Task // who has it; State is "gone" if that thread is no more; PID is 0 if nobody is known
	// Sure is false if the owner is only the one who took it last, of maybe many
	// readers, or of a semaphore that anybody may release.
	Sure bool

	address uint64
}

const rwSemaphore = "rw-semaphore"

var (
	// ErrNotReady is returned while the program is being loaded, which takes 26 to
	// 142 ms of CPU time and is done beside.
	ErrNotReady = errors.New("the program over tasks is being loaded")
	// ErrNotBlocked is returned for a thread that waits for no lock inside the kernel.
	ErrNotBlocked = errors.New("it waits for no lock inside the kernel that is known")
	// ErrNoThread is returned for a thread that is no more.
	ErrNoThread = errors.New("there is no such thread")
)

// Iter looks at threads from inside the kernel, by an eBPF program that is run
// over tasks (iter/task). That takes Linux 5.8 with type information
// (CONFIG_DEBUG_INFO_BTF), CAP_BPF with CAP_PERFMON, or CAP_SYS_ADMIN, and the
// initial PID namespace; locks take Linux 6.16 with
// CONFIG_DETECT_HUNG_TASK_BLOCKER. The program reads and does nothing else. It may
// be used concurrently.
type Iter struct {
	once  sync.Once
	ready chan struct{} // closed when all below is set

	program *ebpf.Program
	err     error // why there is no program
	blocker error // why it cannot tell locks
	symbols symbols
}

// initialPIDs is the name of the initial PID namespace (PROC_PID_INIT_INO).
const initialPIDs = "pid:[4026531836]"

var errNamespace = errors.New("the program over tasks knows threads by their numbers in the initial PID namespace alone")

// NewIter returns an Iter that is not loaded yet. Where it can be said at once that
// it never will be, that is the error.
func NewIter() (*Iter, error) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && ns != initialPIDs {
		return nil, errNamespace
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("find the kernel's types: %w", err)
	}
	return &Iter{ready: make(chan struct{})}, nil
}

// Load loads the program, and waits until that is done. The others begin it too,
// and do not wait.
func (it *Iter) Load() error {
	it.begin()
	<-it.ready
	return it.err
}

// Blockers tells whether this kernel says which lock a thread waits for; the
// program must be loaded.
func (it *Iter) Blockers() error {
	if err := it.loaded(); err != nil {
		return err
	}
	return it.blocker
}

func (it *Iter) begin() {
	it.once.Do(func() {
		go func() {
			defer close(it.ready)
			it.err = it.load()
		}()
	})
}

func (it *Iter) loaded() error {
	it.begin()
	select {
	case <-it.ready:
		return it.err
	default:
		return ErrNotReady
	}
}

func (it *Iter) load() error {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return fmt.Errorf("load the kernel's types: %w", err)
	}
	o, err := findOffsets(spec)
	if err != nil {
		return err
	}
	it.blocker = o.why
	it.symbols.load()
	it.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name:         "lifesign_tasks",
		Type:         ebpf.Tracing,
		AttachType:   ebpf.AttachTraceIter,
		AttachTo:     "task",
		Instructions: taskProgram(o),
		License:      "Dual BSD/GPL", // without which the kernel lends no helper that reads its memory
	})
	if errors.Is(err, unix.EPERM) {
		err = unix.EPERM // less the library's advice, which is for Linux before 5.11
	}
	if err != nil {
		return fmt.Errorf("load the program over tasks: %w", err)
	}
	return nil
}

// Close unloads the program, if it was ever loaded. It may not be used concurrently,
// nor may the others after it.
func (it *Iter) Close() error {
	it.once.Do(func() {
		it.err = errors.New("the program over tasks was closed before it was loaded")
		close(it.ready)
	})
	<-it.ready
	if it.program == nil {
		return nil
	}
	return it.program.Close()
}

// Threads returns all threads of a process.
func (it *Iter) Threads(pid int) ([]InKernel, error) {
	return it.look(linkTask{pid: uint32(pid)}, func(r *InKernel) bool { return r.PID == pid })
}

// Thread returns one thread.
func (it *Iter) Thread(tid int) (InKernel, error) {
	list, err := it.look(linkTask{tid: uint32(tid)}, func(r *InKernel) bool { return r.TID == tid })
	if err == nil && len(list) == 0 {
		err = ErrNoThread
	}
	if err != nil {
		return InKernel{}, err
	}
	return list[0], nil
}

// Blocker tells which lock inside the kernel a thread waits for, and who has it.
// The holder is the one that the lock itself names: its State is "gone" if that
// thread is no more, and nobody will ever release the lock. Holders is empty if the
// lock names nobody for sure.
func (it *Iter) Blocker(tid int) (event.Resource, error) {
	th, err := it.Thread(tid)
	if err != nil {
		return event.Resource{}, fmt.Errorf("look at thread %d inside the kernel: %w", tid, err)
	}
	if it.blocker != nil {
		return event.Resource{}, fmt.Errorf("look at thread %d inside the kernel: %w", tid, it.blocker)
	}
	if th.Lock == nil {
		return event.Resource{}, fmt.Errorf("look at thread %d inside the kernel: %w", tid, ErrNotBlocked)
	}
	return th.resource(), nil
}

// resource is what the thread waits for, in words.
func (th InKernel) resource() event.Resource {
	article := "a"
	if th.Lock.Kind == rwSemaphore {
		article = "an"
	}
	r := event.Resource{Kind: event.OnKernel, Name: fmt.Sprintf("%s %s inside the kernel", article, th.Lock.Kind)}
	if f := taker(th.Stack); f != "" {
		r.Name += " (" + f + ")"
	}
	switch {
	case th.Lock.Owner.PID == 0 && th.Lock.Owner.State == "":
	case th.Lock.Sure:
		r.Holders = []event.Task{th.Lock.Owner}
	default:
		r.Name += fmt.Sprintf(", last taken by thread %d (%s)", th.Lock.Owner.TID, th.Lock.Owner.Comm)
	}
	return r
}

// taker returns the function that wants the lock, past those that locks are made of.
func taker(stack []string) string {
	for _, f := range stack {
		own := false
		for _, p := range []string{"mutex_", "__mutex_", "rwsem_", "down_", "__down", "down", "schedule", "__schedule", "rt_mutex_", "__rt_mutex_"} {
			own = own || strings.HasPrefix(f, p)
		}
		if !own && !strings.HasPrefix(f, "0x") {
			return f
		}
	}
	return ""
}

// look runs the program over what is asked for. Kernels before 6.1 do not know
// that and run it over all tasks, so what comes is filtered here too.
func (it *Iter) look(of linkTask, wanted func(*InKernel) bool) ([]InKernel, error) {
	if err := it.loaded(); err != nil {
		return nil, err
	}
	raw, err := it.run(of)
	if err != nil {
		return nil, err
	}
	list := make([]InKernel, 0, len(raw)/recordSize)
	var last []byte // the last one's record: threads that idle do so in the same place
	for ; len(raw) >= recordSize; raw = raw[recordSize:] {
		r := it.parse(raw[:recordSize])
		if !wanted(&r) {
			continue
		}
		if last != nil && sameStack(raw, last) {
			r.Stack = list[len(list)-1].Stack
		} else {
			r.Stack = it.frames(raw[:recordSize])
		}
		last, list = raw, append(list, r)
	}
	for i := range list {
		list[i].Lock.check()
	}
	return list, nil
}

// linkTask is the part of union bpf_iter_link_info that is for tasks.
type linkTask struct {
	tid, pid, _, _ uint32
}

// run returns the records that the program writes. The library has no way yet to
// say which tasks are meant, so the two calls are made here.
func (it *Iter) run(of linkTask) ([]byte, error) {
	const (
		linkCreate = 28 // BPF_LINK_CREATE
		iterCreate = 33 // BPF_ITER_CREATE
		traceIter  = 28 // BPF_TRACE_ITER
	)
	info := &of
	link, err := bpf(linkCreate, &struct {
		program, target, kind, flags uint32
		info                         *linkTask
		length, _                    uint32
	}{program: uint32(it.program.FD()), kind: traceIter, info: info, length: uint32(unsafe.Sizeof(*info))})
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("run the program over tasks: %w", err)
	}
	defer unix.Close(link)
	fd, err := bpf(iterCreate, &struct{ link, flags uint32 }{link: uint32(link)})
	if err != nil {
		return nil, fmt.Errorf("run the program over tasks: %w", err)
	}
	f := os.NewFile(uintptr(fd), "iter/task")
	defer f.Close()
	var out bytes.Buffer
	for {
		_, err := out.ReadFrom(f)
		if errors.Is(err, unix.EAGAIN) {
			continue // a million tasks have been seen since the last one that was told
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read what the program over tasks tells: %w", err)
		}
		return out.Bytes(), nil
	}
}

// bpf makes the system call, whose structure need only be as long as is filled in.
func bpf[T any](command uintptr, attr *T) (int, error) {
	n, _, errno := syscall.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (it *Iter) parse(b []byte) InKernel {
	order := binary.NativeEndian
	raw := order.Uint64(b[atState:])
	r := InKernel{
		PID:   int(order.Uint32(b[atTGID:])),
		TID:   int(order.Uint32(b[atPID:])),
		Comm:  text(b[atComm:][:commLength]),
		State: letter(raw, order.Uint32(b[atExitState:])),
		Raw:   raw,
	}
	r.Lock = parseLock(b)
	return r
}

func sameStack(a, b []byte) bool {
	return bytes.Equal(a[atFrames:atBlocker], b[atFrames:atBlocker]) && bytes.Equal(a[atStack:recordSize], b[atStack:recordSize])
}

// frames names the functions of a record's stack.
func (it *Iter) frames(b []byte) (stack []string) {
	order := binary.NativeEndian
	n := int64(order.Uint64(b[atFrames:]))
	for i := 0; i < int(n)/8 && i < maxFrames; i++ {
		stack = append(stack, it.symbols.name(order.Uint64(b[atStack+8*i:])))
	}
	return stack
}

// parseLock returns nil if there is none.
func parseLock(b []byte) *Lock {
	order := binary.NativeEndian
	blocker := order.Uint64(b[atBlocker:])
	if blocker == 0 {
		return nil
	}
	owner := order.Uint64(b[atOwner:])
	l := &Lock{address: blocker &^ lockBits, Sure: true}
	switch blocker & lockBits {
	case lockMutex:
		l.Kind = "mutex"
	case lockSemaphore:
		l.Kind, l.Sure = "semaphore", false
	case lockReader:
		l.Kind, l.Sure = rwSemaphore, owner&ownedByReader == 0
	case lockWriter:
		l.Kind, l.Write, l.Sure = rwSemaphore, true, owner&ownedByReader == 0
	}
	if owner&^ownerBits == 0 {
		return l
	}
	l.Owner = event.Task{
		PID:   int(int32(order.Uint32(b[atOwnerTGID:]))),
		TID:   int(int32(order.Uint32(b[atOwnerPID:]))),
		Comm:  text(b[atOwnerComm:][:commLength]),
		State: letter(uint64(order.Uint32(b[atOwnerSt:])), order.Uint32(b[atOwnerExit:])),
	}
	return l
}

// check looks whether the owner still is. The lock names it by an address, at
// which there may be the remains of a thread that has ended, or zeros. A thread
// that has come to be there since is taken for the owner. The signal 0 is none; it
// is asked by, as /proc may hide what others have.
func (l *Lock) check() {
	if l == nil || l.Owner == (event.Task{}) {
		return
	}
	if l.Owner.PID <= 0 || l.Owner.TID <= 0 || errors.Is(unix.Tgkill(l.Owner.PID, l.Owner.TID, 0), unix.ESRCH) {
		l.Owner.State = "gone"
	}
}

// letter is the letter that /proc shows for a state (fs/proc/array.c). What
// hinders signals or the load average (bits from 0x100 on) does not change it.
func letter(state uint64, exit uint32) string {
	const (
		interruptible, uninterruptible, stopped, traced = 1, 2, 4, 8
		dead, zombie                                    = 0x10, 0x20 // of exit_state
		parked, ended, noload                           = 0x40, 0x80, 0x400
		lockWait                                        = 0x1000 // of kernels with PREEMPT_RT
	)
	switch {
	case exit&zombie != 0:
		return "Z"
	case exit&dead != 0 || state&ended != 0:
		return "X"
	case state&traced != 0:
		return "t"
	case state&stopped != 0:
		return "T"
	case state&parked != 0:
		return "P"
	case state&uninterruptible != 0 && state&noload != 0:
		return "I"
	case state&(uninterruptible|lockWait) != 0:
		return "D"
	case state&interruptible != 0:
		return "S"
	}
	return "R"
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
