package ptrace

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSignalsMeanwhile sends a signal at the worst moment, after the last look at
// the thread's state and before the stop: it must arrive, once.
func TestSignalsMeanwhile(t *testing.T) {
	g := start(t, "target", "spin")
	tr := newTracer(t, g.pid, nil)
	sent := int64(0)
	for i := 0; i < 100; i++ {
		tr.between = func() {
			unix.Tgkill(g.pid, g.thread["spin"], unix.SIGUSR1)
			sent++
			if i%2 == 0 {
				time.Sleep(time.Duration(i) * 10 * time.Microsecond)
			}
		}
		peek(t, tr, g.thread["spin"])
		g.eventually("the signal has come", func() bool { return g.count(signalsAt) == sent })
	}
	tr.between = nil
	peek(t, tr, g.thread["spin"])
	g.free()
	g.goesOn("spin")
	if got := g.count(signalsAt); got != sent {
		t.Errorf("%d signals of %d", got, sent)
	}
}

// TestStopsMeanwhile stops the whole target at the same moment: it must stay so,
// and go on when it is told to.
func TestStopsMeanwhile(t *testing.T) {
	g := start(t, "target", "spin")
	tr := newTracer(t, g.pid, nil)
	tid := g.thread["spin"]
	stopped := func() bool { state, tracer := g.state(tid); return state == 'T' && tracer == "0" }
	for i := 0; i < 50; i++ {
		tr.between = func() {
			kill(t, g.pid, unix.SIGSTOP)
			if i%2 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		for end := time.Now().Add(time.Minute); ; { // also if it has not come to the stop in time
			if _, err := tr.Peek(tid); err == nil || errors.Is(err, ErrUnfit) {
				break
			} else if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		g.eventually("it is stopped and not traced", stopped)
		for k := 0; k < 3; k++ {
			if time.Sleep(time.Millisecond); !stopped() {
				t.Fatal("it has not stayed stopped")
			}
		}
		tr.between = nil
		if _, err := tr.Peek(tid); !errors.Is(err, ErrUnfit) || !stopped() {
			t.Fatalf("a stopped one: %v", err)
		}
		kill(t, g.pid, unix.SIGCONT)
		g.goesOn("spin")
	}
	g.free()
}

// TestNoStop has the thread go to where no stop comes to it: its vfork child
// lives. It must be let go.
func TestNoStop(t *testing.T) {
	g := start(t, "target", "obeys")
	tr := newTracer(t, g.pid, nil)
	tid := g.thread["obeys"]
	tr.between = func() {
		g.order(orderAt, 1)
		g.eventually("it is in D", func() bool { state, _ := g.state(tid); return state == 'D' })
	}
	before := tr.thread
	for end := time.Now().Add(time.Minute); ; {
		_, err := tr.Peek(tid)
		if errors.Is(err, errNoStop) {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if tr.thread != before {
		t.Error("the tracing thread is still there")
	}
	g.eventually("it is let go", func() bool { state, tracer := g.state(tid); return tracer == "0" && state == 'D' })
	g.order(letGoAt, 1)
	g.goesOn("obeys")
	g.free()
	tr.between = nil
	peek(t, tr, tid) // with a new tracing thread
	g.free()
}

// TestExecMeanwhile has the thread become another program, and the process's
// first thread.
func TestExecMeanwhile(t *testing.T) {
	g := start(t, "target", "obeys")
	tr := newTracer(t, g.pid, nil)
	tr.between = func() {
		g.order(orderAt, 2)
		g.eventually("it is another program", func() bool { return g.turns("spin") > 0 })
	}
	if _, err := tr.Peek(g.thread["obeys"]); err == nil {
		t.Error("a thread that has ended was seen")
	}
	g.free()
	g.goesOn("spin")
}

func TestKillMeanwhile(t *testing.T) {
	g := start(t, "target", "spin")
	tr := newTracer(t, g.pid, nil)
	tr.between = func() { kill(t, g.pid, unix.SIGKILL) }
	if _, err := tr.Peek(g.thread["spin"]); err == nil {
		t.Error("a thread that was killed was seen")
	}
	g.eventually("it is gone", func() bool { return unix.Kill(g.pid, 0) == unix.ESRCH })
}

// TestThreads checks that the tracing thread is never the first, and that it ends.
func TestThreads(t *testing.T) {
	for i := 0; i < 50; i++ {
		th := startThread()
		id := 0
		th.do(func() { id = unix.Gettid() })
		if id != th.id || id == os.Getpid() {
			t.Fatalf("thread %d, which says it is %d, in process %d", id, th.id, os.Getpid())
		}
		th.end()
		for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Microsecond) {
			if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id)); err != nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("thread %d does not end", id)
			}
		}
	}
}
