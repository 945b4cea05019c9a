package ptrace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/cmd/unwind"
	"github.com/lifesign-go/lifesign/event"
	"golang.org/x/sys/unix"
)

func symbols(t testing.TB, pid int) Symbols {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		u, err := unwind.New(pid)
		if err == nil {
			return u
		}
		if time.Now().After(end) { // else the machine is busy
			t.Fatal(err)
		}
	}
}

func functions(frames []event.Frame) []string {
	var names []string
	for _, f := range frames {
		names = append(names, f.Func)
	}
	return names
}

// late says whether the machine was too busy for a whole stack: neither it nor
// what the frames are named by waits for long.
func late(l Look) bool {
	return strings.Contains(fmt.Sprint(l.FramesErr), "copied") || strings.Contains(fmt.Sprint(l.FramesErr), "in time")
}

func TestPeekAtRunning(t *testing.T) {
	g := start(t, "target", "spin")
	tr := newTracer(t, g.pid, symbols(t, g.pid))
	for i, whole := 0, 0; i < 20 || whole == 0; i++ {
		l := peek(t, tr, g.thread["spin"])
		if late(l) {
			continue
		}
		whole++
		got := functions(l.Frames)
		if len(got) > 0 && got[0] == "spin" {
			got = append([]string{"spin_inner"}, got...) // it was between two calls
		}
		if len(got) < 5 || !slices.Equal(got[:3], []string{"spin_inner", "spin", "begin"}) || l.FramesErr != nil {
			t.Fatalf("%q, %v", got, l.FramesErr)
		}
		regs := map[string]uint64{}
		for _, r := range l.Registers {
			regs[r.Name] = r.Value
		}
		if l.TID != g.thread["spin"] || l.Stopped <= 0 || regs["rip"] != l.PC || regs["rsp"] != l.SP || len(regs) != 27 {
			t.Fatalf("%+v", l)
		}
		g.goesOn("spin")
		g.free()
	}
}

func TestPeekAtGo(t *testing.T) {
	g := start(t, "gospin", "spin")
	tr := newTracer(t, g.pid, symbols(t, g.pid))
	l := peek(t, tr, g.thread["spin"])
	for late(l) {
		l = peek(t, tr, g.thread["spin"])
	}
	got := functions(l.Frames)
	want := []string{"main.outer", "main.main", "runtime.main", "runtime.goexit"}
	if i := slices.Index(got, want[0]); i < 0 || !slices.Equal(got[i:], want) {
		t.Errorf("%q, want an end of %q", got, want)
	}
	g.free()
}

// TestFutexWaitsAreNotDisturbed peeks at waits with and without a timeout, whose
// results the target itself checks.
func TestFutexWaitsAreNotDisturbed(t *testing.T) {
	g := start(t, "target", "futex", "timed")
	tr := newTracer(t, g.pid, symbols(t, g.pid))
	seen, whole := 0, 0
	for i := 0; i < 300; i++ {
		for _, name := range []string{"futex", "timed"} {
			g.waits(name)
			l, err := tr.Peek(g.thread[name])
			if name == "timed" && err != nil {
				continue // it goes on meanwhile
			}
			if err != nil {
				t.Fatal(err)
			}
			if name == "timed" {
				seen++
			}
			fn := map[string]string{"futex": "on_futex", "timed": "timed"}[name]
			if late(l) {
				continue
			}
			if got := functions(l.Frames); !slices.Contains(got, fn) || l.FramesErr != nil {
				t.Fatalf("%q, %v", got, l.FramesErr)
			}
			whole++
		}
	}
	g.goesOn("timed")
	g.free()
	if w := g.wrong("futex"); w != 0 {
		t.Errorf("a wait on a futex that nobody wakes has returned %d times", w)
	}
	if w := g.wrong("timed"); w != 0 {
		t.Errorf("%d waits with a timeout ended otherwise", w)
	}
	if seen < 20 || whole == 0 {
		t.Errorf("only %d looks at waits with a timeout, %d whole stacks", seen, whole)
	}
}

// TestOthersAreLeftAlone tries to peek at threads that a stop would disturb.
func TestOthersAreLeftAlone(t *testing.T) {
	g := start(t, "target", "polls", "sleeps")
	tr := newTracer(t, g.pid, nil)
	for i := 0; i < 300; i++ {
		for _, name := range []string{"polls", "sleeps"} {
			if l, err := tr.Peek(g.thread[name]); !errors.Is(err, ErrUnfit) {
				t.Fatalf("%s: %+v, %v", name, l, err)
			}
		}
	}
	if _, err := tr.Peek(g.pid); !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "sleeps in system call 34") {
		t.Errorf("in pause: %v", err)
	}
	for _, name := range []string{"polls", "sleeps"} {
		g.goesOn(name)
		if w := g.wrong(name); w != 0 {
			t.Errorf("%s: %d wrong results", name, w)
		}
	}
	g.free()
}

func TestWatch(t *testing.T) {
	g := start(t, "target", "spin", "still")
	tr := newTracer(t, g.pid, symbols(t, g.pid))
	watch := func(name string) Motion {
		for end := time.Now().Add(time.Minute); ; {
			m, err := tr.Watch(g.thread[name], 8, time.Millisecond)
			if err == nil && !slices.ContainsFunc(m.Looks, func(l Look) bool { return l.Frames == nil || l.Frames[0].Line == 0 }) {
				return m
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	m := watch("spin")
	if !m.Changes || m.In[0].Func != "spin_inner" || !strings.Contains(m.String(), "spin_inner (target.c:") || !strings.HasSuffix(m.String(), "; 8 looks") {
		t.Errorf("%s: %+v", m, m.In)
	}
	m = watch("still")
	if m.Moves || m.Changes || len(m.In) != 1 || m.In[0].Func != "still" || m.In[0].Looks != 8 || !strings.Contains(m.String(), "stands at 0x") {
		t.Errorf("%s: %+v", m, m.In)
	}
}

func TestMotionInWords(t *testing.T) {
	at := func(pc uint64, fn string, line int) Look {
		return Look{PC: pc, Frames: []event.Frame{{Func: fn, File: "/src/a.c", Line: line}}}
	}
	for _, test := range []struct {
		looks []Look
		want  string
	}{
		{nil, "its instruction pointer was not seen"},
		{[]Look{at(16, "f", 3)}, "its instruction pointer was at 0x10 in f (a.c:3); 1 look"},
		{[]Look{at(16, "f", 0), at(16, "f", 0)}, "its instruction pointer stands at 0x10 in f; 2 looks"},
		{[]Look{at(16, "f", 3), at(17, "f", 4)}, "its instruction pointer moves within f (a.c:3); 2 looks"},
		{[]Look{at(16, "f", 3), at(99, "g", 4), at(99, "g", 4)}, "its instruction pointer moves in g (a.c:4), f (a.c:3); 3 looks"},
		{[]Look{at(1, "a", 0), at(2, "b", 0), at(3, "c", 0), at(4, "d", 0), at(5, "e", 0)}, "its instruction pointer moves in a, b, c, 2 more; 5 looks"},
		{[]Look{{PC: 1}, {PC: 1, Registers: []Register{{"rax", 1}}}}, "its registers change, its instruction pointer was at 0x1 each time; 2 looks"},
		{[]Look{{PC: 1}, {PC: 2}}, "its instruction pointer moves; 2 looks"},
	} {
		m := Motion{Looks: test.looks}
		m.settle()
		if got := m.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestRefused(t *testing.T) {
	g := start(t, "target", "spin")
	tr := newTracer(t, g.pid, nil)
	other := startThread()
	other.do(func() {
		if err := unix.PtraceSeize(g.thread["spin"]); err != nil {
			t.Error(err)
		}
	})
	_, err := tr.Peek(g.thread["spin"])
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("thread %d (", other.id)) || !strings.HasSuffix(err.Error(), "traces it already") {
		t.Errorf("a traced one: %v", err)
	}
	other.end()
	g.free()
	peek(t, tr, g.thread["spin"])
	if _, err := tr.Peek(1 << 30); !errors.Is(err, ErrGone) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := New(1<<30, nil); !errors.Is(err, ErrGone) {
		t.Errorf("nobody's process: %v", err)
	}
}

// TestOwnChildren checks that the watcher's own children are refused: os/exec
// would take a stop for the end.
func TestOwnChildren(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for _, pid := range []int{cmd.Process.Pid, os.Getpid()} {
		if _, err := New(pid, nil); err == nil || !strings.Contains(err.Error(), "whoever waits for its end") {
			t.Errorf("%v", err)
		}
	}
}

func TestFutexWait(t *testing.T) {
	for call, want := range map[string]bool{
		"202 0x7f01 0x80 0x0 0x0 0x0 0x0 0x7ffd 0x7f02\n":  true,  // WAIT, private
		"202 0x7f01 0x189 0x0 0x0 0x0 0x0 0x7ffd 0x7f02\n": true,  // WAIT_BITSET, private, real time
		"202 0x7f01 0x6 0x0 0x0 0x0 0x0 0x7ffd 0x7f02\n":   true,  // LOCK_PI
		"202 0x7f01 0x8b 0x0 0x0 0x0 0x0 0x7ffd 0x7f02\n":  false, // WAIT_REQUEUE_PI
		"232 0x7f01 0x80 0x0 0x0 0x0 0x0 0x7ffd 0x7f02\n":  false,
		"202 0x7f01 zero 0x0 0x0 0x0 0x0 0x7ffd 0x7f02\n":  false,
		"-1 0x7ffd 0x7f02\n":                               false,
		"running\n":                                        false,
		"":                                                 false,
	} {
		if got := futexWait(call); got != want {
			t.Errorf("%q: %v", call, got)
		}
	}
	for stat, want := range map[string]byte{"7 (a) b) S 1": 'S', "7 (x)": '?', "": '?', "7 (x) R": 'R'} {
		if got := stateOf(stat); got != want {
			t.Errorf("%q: %c", stat, got)
		}
	}
}
