package ptrace

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPeeksDisturbNoCall has a program make blocking calls of many kinds while
// all its threads are peeked at, and then while they are stopped whatever they
// do: that it must notice, or the test would prove nothing.
func TestPeeksDisturbNoCall(t *testing.T) {
	refused, seen := 0, 0
	eintr, other := runCalls(t, func(tr *Tracer, tid int) {
		if _, err := tr.Peek(tid); errors.Is(err, ErrUnfit) {
			refused++
		} else if err == nil {
			seen++
		}
	})
	t.Logf("peeks: %d, %d more refused", seen, refused)
	if eintr != 0 || other != 0 || refused == 0 {
		t.Errorf("%d calls with EINTR, %d with other results; %d peeks refused", eintr, other, refused)
	}
	eintr, other = runCalls(t, func(tr *Tracer, tid int) {
		tr.thread.do(func() { careless(tid) })
	})
	t.Logf("stops: %d calls with EINTR, %d with other results", eintr, other)
	if eintr == 0 {
		t.Error("the program does not notice that it is stopped")
	}
}

// careless stops a thread that may be anywhere.
func careless(tid int) {
	if unix.PtraceSeize(tid) != nil || unix.PtraceInterrupt(tid) != nil {
		return
	}
	if signal, clean, err := await(tid, time.Now()); clean && err == nil {
		detach(tid, signal)
	}
}

// runCalls runs testdata/calls of package unwind, with disturb being called for
// each of its threads again and again.
func runCalls(t *testing.T, disturb func(tr *Tracer, tid int)) (eintr, other int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `"$0" 60 & wait`, built(t, "calls"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	lines := bufio.NewScanner(out)
	lines.Scan()
	pid, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	tr := newTracer(t, pid, nil)
	tr.thread = startThread()
	end, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			default:
			}
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
			for _, task := range tasks {
				tid, _ := strconv.Atoi(task.Name())
				disturb(tr, tid)
			}
		}
	}()
	for lines.Scan() {
		var name string
		var e, o int
		if _, err := fmt.Sscan(lines.Text(), &name, &e, &o); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		eintr, other = eintr+e, other+o
	}
	close(end)
	<-ended
	return eintr, other
}
