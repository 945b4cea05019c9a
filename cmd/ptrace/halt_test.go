package ptrace

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// halterVar has a process's id, for the process that halts it until it is killed.
const halterVar = "LIFESIGN_TEST_HALT"

const haltTime = 100 * time.Millisecond

// tidsOf lists the threads of a process.
func tidsOf(pid int) func() ([]int, error) {
	return func() (tids []int, err error) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		for _, e := range entries {
			if tid, err := strconv.Atoi(e.Name()); err == nil {
				tids = append(tids, tid)
			}
		}
		return tids, err
	}
}

func haltForEver() {
	pid, _ := strconv.Atoi(os.Getenv(halterVar))
	for n := 0; ; n++ {
		Halt(pid, tidsOf(pid), haltTime, func([]Halted) {})
		if n == 0 {
			os.Stdout.WriteString("halts\n")
		}
	}
}

// TestHalt has a picture of all threads, each of which stands while it is taken, and
// goes on afterwards as if nothing had been.
func TestHalt(t *testing.T) {
	g := start(t, "target", "spin", "still", "futex", "timed")
	g.waits("futex")
	for i := 0; i < 20; i++ {
		seen := map[int]bool{}
		pause, err := Halt(g.pid, tidsOf(g.pid), time.Minute, func(all []Halted) {
			for _, h := range all {
				if h.Err != nil || len(h.Registers) != machineWords {
					t.Errorf("thread %d: %d registers, %v", h.TID, len(h.Registers), h.Err)
				}
				if state, tracer := g.state(h.TID); state != 't' || tracer == "0" {
					t.Errorf("thread %d is in state %c, traced by %s", h.TID, state, tracer)
				}
				seen[h.TID] = true
			}
			from := g.turns("spin")
			if time.Sleep(2 * time.Millisecond); g.turns("spin") != from {
				t.Error("it goes on while it is halted")
			}
		})
		if err != nil || pause < 2*time.Millisecond {
			t.Fatalf("%v, %v", pause, err)
		}
		for name, tid := range g.thread {
			if !seen[tid] {
				t.Errorf("thread %s was not seen", name)
			}
		}
		g.free()
		g.goesOn("spin")
	}
	g.goesOn("timed")
	if w := g.wrong("futex") + g.wrong("timed"); w != 0 {
		t.Errorf("%d wrong results of waits on futexes", w)
	}
}

// TestHaltKeepsSignals sends signals while threads stand, and before.
func TestHaltKeepsSignals(t *testing.T) {
	g := start(t, "target", "spin")
	sent := int64(0)
	for i := 0; i < 50; i++ {
		// One at a time: the kernel makes one of two that wait.
		send, view := func([]Halted) { unix.Tgkill(g.pid, g.thread["spin"], unix.SIGUSR1); sent++ }, func([]Halted) {}
		if i%2 == 0 {
			send(nil)
		} else {
			view = send
		}
		if _, err := Halt(g.pid, tidsOf(g.pid), time.Minute, view); err != nil {
			t.Fatal(err)
		}
		g.eventually("the signals have come", func() bool { return g.count(signalsAt) == sent })
	}
	kill(t, g.pid, unix.SIGSTOP)
	stopped := func() bool { state, tracer := g.state(g.pid); return state == 'T' && tracer == "0" }
	g.eventually("it is stopped", stopped)
	if _, err := Halt(g.pid, tidsOf(g.pid), time.Minute, func([]Halted) {}); err != nil {
		t.Fatal(err)
	}
	g.eventually("it is stopped again", stopped)
	kill(t, g.pid, unix.SIGCONT)
	g.goesOn("spin")
}

// TestHaltRefused halts what cannot be.
func TestHaltRefused(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { child.Process.Kill(); child.Wait() }()
	none := func([]Halted) { t.Error("there is something to see") }
	if _, err := Halt(child.Process.Pid, tidsOf(child.Process.Pid), haltTime, none); !errors.Is(err, ErrOwn) {
		t.Errorf("a child: %v", err)
	}
	g := start(t, "target", "spin")
	traced := make(chan bool)
	if _, err := Halt(g.pid, tidsOf(g.pid), time.Minute, func([]Halted) {
		go func() {
			defer close(traced)
			if _, err := Halt(g.pid, tidsOf(g.pid), haltTime, none); err == nil {
				t.Error("a process that is traced already is traced once more")
			}
		}()
		<-traced
	}); err != nil {
		t.Error(err)
	}
	g.goesOn("spin")
}

// TestHaltKilledAtAnyMoment kills a process that halts another, again and again: its
// target must be neither stopped nor traced, and go on.
func TestHaltKilledAtAnyMoment(t *testing.T) {
	const rounds, atLeast, atMost = 300, 30, 45 * time.Second
	g := start(t, "target", "spin", "futex", "timed")
	g.waits("futex")
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	began, done, traced := time.Now(), 0, 0
	for ; done < rounds && (done < atLeast || time.Since(began) < atMost); done++ {
		halter := exec.Command("/proc/self/exe")
		halter.Env = append(os.Environ(), fmt.Sprintf("%s=%d", halterVar, g.pid))
		halter.Stderr = os.Stderr
		out, err := halter.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := halter.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int63n(int64(3 * time.Millisecond))))
		if _, tracer := g.state(g.thread["spin"]); tracer != "0" {
			traced++
		}
		halter.Process.Kill()
		halter.Wait()
		g.free()
		g.goesOn("spin")
	}
	g.goesOn("timed")
	if w := g.wrong("futex") + g.wrong("timed"); w != 0 {
		t.Errorf("%d wrong results of waits on futexes", w)
	}
	if traced == 0 {
		t.Error("at no kill was it traced: the test has tried nothing")
	}
	t.Logf("%d kills in %v, in %d of them the target was traced just before", done, time.Since(began).Round(time.Second), traced)
}
