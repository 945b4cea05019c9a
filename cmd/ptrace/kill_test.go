package ptrace

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/cmd/unwind"
)

// peekerVar has a process's and a thread's id, for the process that peeks until
// it is killed.
const peekerVar = "LIFESIGN_TEST_PEEK_AT"

func peekForEver() {
	var pid, running, waiting int
	fmt.Sscan(os.Getenv(peekerVar), &pid, &running, &waiting)
	var s Symbols
	if u, err := unwind.New(pid); err == nil { // else the machine is busy
		s = u
	}
	tr, err := New(pid, s)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		tr.Peek(waiting)
		// Without the time that a thread is watched before, in which nothing can go wrong.
		sleeps, _ := tr.sleeps(running)
		for i := 0; i < 10; i++ {
			tr.take(running, sleeps)
		}
		if n == 0 {
			os.Stdout.WriteString("peeks\n")
		}
	}
}

// TestKilledAtAnyMoment kills a process that peeks, again and again: its target
// must be neither stopped nor traced, and go on.
func TestKilledAtAnyMoment(t *testing.T) {
	const rounds, atLeast, atMost = 300, 30, 45 * time.Second
	g := start(t, "target", "spin", "futex", "timed")
	g.waits("futex")
	g.waits("timed")
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	began, done, traced := time.Now(), 0, 0
	for ; done < rounds && (done < atLeast || time.Since(began) < atMost); done++ {
		peeker := exec.Command("/proc/self/exe")
		waiting := []string{"futex", "timed"}[done%2]
		peeker.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d", peekerVar, g.pid, g.thread["spin"], g.thread[waiting]))
		peeker.Stderr = os.Stderr
		out, err := peeker.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := peeker.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int63n(int64(3 * time.Millisecond))))
		if _, tracer := g.state(g.thread["spin"]); tracer != "0" {
			traced++
		}
		peeker.Process.Kill()
		peeker.Wait()
		g.free()
		g.goesOn("spin")
	}
	g.goesOn("timed")
	if w := g.wrong("futex") + g.wrong("timed"); w != 0 {
		t.Errorf("%d wrong results of waits on futexes", w)
	}
	t.Logf("%d kills in %v, in %d of them the target was traced just before", done, time.Since(began).Round(time.Second), traced)
}
