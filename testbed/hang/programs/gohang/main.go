// Command gohang is the Go programs of the table of what the kernel shows. It
// speaks as the C programs beside it do (hang.h):
//
//	fsync PATH   a goroutine stands in fsync
//	killed       one of the runtime's threads is killed alone, by its seccomp filter
//	deadlock     two goroutines have taken two mutexes in opposite order
//	idle         nothing but a heartbeat
//
// Meanwhile another goroutine beats on.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

func main() {
	kind := ""
	if len(os.Args) > 1 {
		kind = os.Args[1]
	}
	seconds, err := strconv.Atoi(os.Getenv("HANG_SECONDS"))
	if err != nil {
		seconds = 60
	}
	time.AfterFunc(time.Duration(seconds)*time.Second, func() { os.Exit(0) })
	switch {
	case kind == "fsync" && len(os.Args) == 3:
		go fsync(os.Args[2])
	case kind == "killed":
		go killed()
	case kind == "deadlock":
		go deadlock()
	case kind == "idle":
		go ready()
	default:
		fmt.Fprintln(os.Stderr, "usage: gohang fsync PATH | killed | deadlock | idle")
		os.Exit(2)
	}
	for {
		time.Sleep(100 * time.Millisecond)
	}
}

// ready says which thread is the subject, and waits for the line.
func ready() {
	runtime.LockOSThread()
	fmt.Println("ready", syscall.Gettid())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println("event", mono.Now())
}

func fsync(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ready()
	fmt.Fprintln(os.Stderr, "fsync returned", f.Sync())
}

// deadlock has two goroutines wait for each other. No thread does: this is what
// the kernel cannot show.
func deadlock() {
	var a, b sync.Mutex
	var both sync.WaitGroup
	both.Add(2)
	other := func(first, second *sync.Mutex) {
		first.Lock()
		both.Done()
		both.Wait()
		second.Lock()
	}
	go other(&a, &b)
	b.Lock()
	ready()
	runtime.UnlockOSThread()
	both.Done()
	both.Wait()
	a.Lock()
}

// The words of seccomp(2) and BPF that killed needs.
const (
	sysSeccomp = 317 // amd64
	setFilter  = 1   // SECCOMP_SET_MODE_FILTER
	noNewPrivs = 38  // PR_SET_NO_NEW_PRIVS
	load       = 0x20
	jumpEqual  = 0x15
	ret        = 0x06
	killThread = 0
	allow      = 0x7fff0000
)

type filterStep struct {
	code  uint16
	jumps [2]uint8 // if it is so, if it is not
	k     uint32
}

// killed has the kernel kill its thread at a getppid. Nothing of Go's runtime
// learns of it.
func killed() {
	runtime.LockOSThread()
	steps := []filterStep{
		{code: load},
		{code: jumpEqual, jumps: [2]uint8{0, 1}, k: syscall.SYS_GETPPID},
		{code: ret, k: killThread},
		{code: ret, k: allow},
	}
	program := struct {
		n     uint16
		steps *filterStep
	}{uint16(len(steps)), &steps[0]}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, noNewPrivs, 1, 0); errno != 0 {
		fmt.Fprintln(os.Stderr, "prctl:", errno)
		os.Exit(1)
	}
	if _, _, errno := syscall.RawSyscall(sysSeccomp, setFilter, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
		fmt.Fprintln(os.Stderr, "seccomp:", errno)
		os.Exit(1)
	}
	ready()
	// As any call that may block, so that the processor is handed to another thread.
	_, _, _ = syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	fmt.Fprintln(os.Stderr, "it lives")
}
