// Command program is a small service that does healthy work, into which the
// kernels harness puts Go's own blocking kernels: real faults of real programs,
// reduced to some lines each. Given the name of one it starts that, too, and in
// the end asks its peers what they see:
//
//	start TIME          the kernel begins, in nanoseconds of CLOCK_MONOTONIC
//	left COUNT          so many goroutines of the kernel are there at the end
//	goleak COUNT        so many of them goleak sees
//	profile COUNT       so many of them the goroutine-leak profile has
//	deadlock COUNT      so often go-deadlock complained
//	work COUNT          the healthy work done after the kernel began
package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/sasha-s/go-deadlock"
	"go.uber.org/goleak"
)

var kernels = map[string]func(){}

// register is what the kernels call.
func register(name string, f func()) { kernels[name] = f }

// chosen is the kernel to begin. Who begins it is started before main and ends:
// main could otherwise be taken for somebody who may begin it again, and with it
// those whom it leaves waiting for each other.
var chosen = make(chan string)

func init() {
	go func() {
		if f := kernels[<-chosen]; f != nil {
			go f()
		}
	}()
}

// roots keeps what a kernel makes reachable, as a server's tables keep it.
var roots struct {
	mu   sync.Mutex // guards kept
	kept []any
}

// root keeps v reachable. The harness puts calls of it into the kernels.
func root[T any](v T) T {
	roots.mu.Lock()
	defer roots.mu.Unlock()
	roots.kept = append(roots.kept, v)
	return v
}

func main() {
	name := os.Args[1]
	settle, err := time.ParseDuration(os.Args[2])
	if err != nil {
		panic(err)
	}
	complaints := watchLocks()
	work := healthy()
	time.Sleep(time.Second)
	before := goleak.IgnoreCurrent()
	done := work()
	fmt.Printf("start %d\n", now())
	chosen <- name
	time.Sleep(settle)
	done = work() - done
	fmt.Printf("left %d\n", ofKernels(goroutines()))
	fmt.Printf("goleak %d\n", leaked(goleak.Find(before)))
	fmt.Printf("profile %d\n", profiled())
	fmt.Printf("deadlock %d\n", complaints())
	fmt.Printf("work %d\n", done)
}

func now() int64 {
	var ts syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// watchLocks has go-deadlock count instead of ending the program, and wait for
// one second instead of 30.
func watchLocks() (complaints func() int) {
	var mu sync.Mutex
	n := 0
	deadlock.Opts.DeadlockTimeout = time.Second
	deadlock.Opts.LogBuf = new(bytes.Buffer)
	deadlock.Opts.OnPotentialDeadlock = func() {
		mu.Lock()
		defer mu.Unlock()
		n++
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func goroutines() string {
	buf := make([]byte, 64<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// kernelFile is in each stack of a kernel's goroutine: its files are named so.
var kernelFile = regexp.MustCompile(`/kernel_\w+\.go:`)

// ofKernels counts the goroutines of a dump that are in a kernel.
func ofKernels(dump string) int {
	n := 0
	for _, g := range strings.Split(dump, "\n\n") {
		if kernelFile.MatchString(g) {
			n++
		}
	}
	return n
}

// leaked counts what goleak says, which is one block a goroutine.
func leaked(err error) int {
	if err == nil {
		return 0
	}
	n := 0
	for _, g := range strings.Split(err.Error(), "Goroutine ") {
		if kernelFile.MatchString(g) {
			n++
		}
	}
	return n
}

// profiled counts what the goroutine-leak profile has of the kernels, -1 if the
// program is built without it.
func profiled() int {
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		return -1
	}
	var b bytes.Buffer
	if err := p.WriteTo(&b, 1); err != nil {
		return -1
	}
	n := 0
	for _, stack := range strings.Split(b.String(), "\n\n") {
		if !kernelFile.MatchString(stack) {
			continue
		}
		for _, line := range strings.Split(stack, "\n") {
			if count, _, ok := strings.Cut(line, " @ "); ok {
				k, _ := strconv.Atoi(count)
				n += k
			}
		}
	}
	return n
}
