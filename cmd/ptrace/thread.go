package ptrace

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// thread is an operating system thread that makes every ptrace call. The kernel
// takes these only from the thread that has seized a target, and lets all its
// targets go when that thread ends.
type thread struct {
	work chan func()
	id   int
}

// startThread starts a thread. It is not the process's first one, which the Go
// runtime never lets end.
func startThread() *thread {
	t := &thread{work: make(chan func())}
	started := make(chan bool)
	go t.run(started)
	<-started
	return t
}

// run keeps its thread to itself and never gives it back: so it ends with run.
func (t *thread) run(started chan<- bool) {
	runtime.LockOSThread()
	t.id = unix.Gettid()
	if t.id == unix.Getpid() {
		// While the first thread waits here, locked, the next goroutine gets another.
		second := make(chan bool)
		go t.run(second)
		<-second
		runtime.UnlockOSThread()
		started <- true
		return
	}
	started <- true
	for f := range t.work {
		f()
	}
}

// do runs f on the thread, and returns after it.
func (t *thread) do(f func()) {
	done := make(chan bool)
	t.work <- func() { f(); close(done) }
	<-done
}

// end ends the thread, and so whatever it traces is let go.
func (t *thread) end() { close(t.work) }
