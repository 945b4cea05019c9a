package tell

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// standing is the verdict on a thread.
func standing(id int, v event.Verdict, c event.Class, since int64, more func(*event.Thread)) event.Standing {
	s := event.Standing{Thread: event.Thread{ID: id, Comm: "etcd"}, Verdict: v, Class: c, What: "it is " + string(v), Since: since}
	if more != nil {
		more(&s.Thread)
	}
	return s
}

func on(name string) func(*event.Thread) {
	return func(t *event.Thread) {
		t.Call, t.Wchan, t.State = "fsync", "request_wait_answer", "S"
		t.Resource = &event.Resource{Kind: event.OnFUSE, Name: name}
	}
}

// told renders groups in a line: the worst first.
func told(groups []Group) string {
	var all []string
	for _, g := range groups {
		all = append(all, fmt.Sprintf("%s %s %v %q %d", g.Standing.Verdict, g.Standing.Class, g.Threads, g.Comm, g.Standing.Since))
	}
	return strings.Join(all, "; ")
}

func TestGroups(t *testing.T) {
	named := func(comm string) func(*event.Thread) {
		return func(t *event.Thread) { t.Comm, t.Call = comm, comm }
	}
	for _, test := range []struct {
		name string
		in   []event.Standing
		want string
	}{
		{"none", nil, ""},
		{"alike", []event.Standing{
			standing(9, event.Idle, event.Inferred, 7, nil), standing(8, event.Idle, event.Inferred, 5, nil),
		}, `idle inferred [8 9] "etcd" 5`},
		{"resources tell apart", []event.Standing{
			standing(1, event.Stuck, event.Inferred, 1, on("a")), standing(2, event.Stuck, event.Inferred, 2, on("b")), standing(3, event.Stuck, event.Inferred, 3, on("b")),
		}, `stuck inferred [2 3] "etcd" 2; stuck inferred [1] "etcd" 1`},
		{"classes tell apart, proven first", []event.Standing{
			standing(1, event.Stuck, event.Inferred, 1, nil), standing(2, event.Stuck, event.Proven, 1, nil),
		}, `stuck proven [2] "etcd" 1; stuck inferred [1] "etcd" 1`},
		{"where one that works happens to be does not matter", []event.Standing{
			standing(1, event.Working, event.Proven, 1, named("read")), standing(2, event.Working, event.Proven, 2, named("write")),
		}, `working proven [1 2] "" 1`},
		{"where one that waits is does", []event.Standing{
			standing(1, event.Idle, event.Inferred, 1, named("read")), standing(2, event.Idle, event.Inferred, 2, named("write")),
		}, `idle inferred [1] "read" 1; idle inferred [2] "write" 2`},
		{"the worst first", []event.Standing{
			standing(1, event.Idle, event.Inferred, 1, nil), standing(2, event.Working, event.Proven, 1, nil), standing(3, event.Unknown, event.Undecided, 1, nil),
			standing(4, event.Slow, event.Inferred, 1, nil), standing(5, event.Spinning, event.Inferred, 1, nil), standing(6, event.Starved, event.Proven, 1, nil),
			standing(7, event.Stuck, event.Inferred, 1, nil), standing(8, event.Paused, event.Proven, 1, nil), standing(9, event.Vanished, event.Proven, 1, nil),
		}, `vanished proven [9] "etcd" 1; paused proven [8] "etcd" 1; stuck inferred [7] "etcd" 1; starved proven [6] "etcd" 1; spinning inferred [5] "etcd" 1; ` +
			`slow inferred [4] "etcd" 1; unknown unknown [3] "etcd" 1; working proven [2] "etcd" 1; idle inferred [1] "etcd" 1`},
		{"idle on different things", []event.Standing{
			standing(1, event.Idle, event.Inferred, 2, on("a")), standing(2, event.Idle, event.Inferred, 1, on("b")),
		}, `idle inferred [1 2] "etcd" 1`},
	} {
		if got := told(Groups(test.in)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestWholeIsTheWorst(t *testing.T) {
	idle := func(id int) event.Standing { return standing(id, event.Idle, event.Inferred, 1, nil) }
	stuck := standing(3, event.Stuck, event.Proven, 1, nil)
	for _, test := range []struct {
		name string
		in   []event.Standing
		want Whole
	}{
		{"nothing was seen", nil, Whole{event.Unknown, event.Undecided, "none of its threads could be looked at"}},
		{"one thread", []event.Standing{stuck}, Whole{event.Stuck, event.Proven, "it is stuck"}},
		{"all alike", []event.Standing{idle(1), idle(2)}, Whole{event.Idle, event.Inferred, "all 2 threads: it is idle"}},
		{"one of them", []event.Standing{idle(1), idle(2), stuck}, Whole{event.Stuck, event.Proven, "1 of 3 threads: it is stuck"}},
	} {
		if got := WholeOf(Groups(test.in)); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := WholeOf(Groups([]event.Standing{
		standing(1, event.Idle, event.Inferred, 1, on("a")), standing(2, event.Idle, event.Inferred, 1, on("b")),
	})).What; got != "all 2 threads: it is idle; each for one of its own" {
		t.Errorf("of different things: %s", got)
	}
	unknown, works := Whole{Verdict: event.Unknown}, Whole{Verdict: event.Working}
	if !unknown.Worse(works) || works.Worse(unknown) || works.Worse(works) {
		t.Error("what cannot be told is not worse than what works")
	}
}

// deadlocked are two threads that wait for each other, and idle ones.
func deadlocked() []event.Standing {
	waits := func(id, other int, lock string) event.Standing {
		s := standing(id, event.Stuck, event.Proven, 1e9, func(t *event.Thread) {
			t.State, t.Call, t.Wchan = "S", "futex", "futex_do_wait"
			t.Resource = &event.Resource{Kind: event.OnMutex, Name: lock}
			t.Stack = []string{"futex_do_wait", "do_futex"}
			t.User = []event.Frame{{Func: "__lll_lock_wait"}, {Func: "lock", File: "/lib/libc.so.6"}, {Func: "pay", File: "/src/pay.c", Line: 8}}
		})
		s.What = fmt.Sprintf("waits for %s, which thread %d holds", lock, other)
		s.Chain = []event.Link{
			{Task: &event.Task{PID: 5, TID: id, Comm: "etcd"}, What: "waits for " + lock},
			{Task: &event.Task{PID: 5, TID: other, State: "gone"}},
		}
		s.Cycle = true
		s.Evidence = []event.Evidence{{Source: event.Kernel, Text: "neither has moved"}}
		s.Refuted = "one of them moves"
		return s
	}
	list := []event.Standing{waits(6, 7, "the mutex at 0x10")}
	for id := 20; id < 40; id++ {
		list = append(list, standing(id, event.Idle, event.Inferred, 1e9, func(t *event.Thread) { t.State, t.What = "S", "epoll_wait(4)" }))
	}
	return list
}

func TestInspection(t *testing.T) {
	groups := Groups(deadlocked())
	n := Inspection{
		Program: "etcd", PID: 5, Seconds: 2, Groups: groups, Whole: WholeOf(groups),
		Machine: "the kernel has oopsed", Unseen: []string{"this: no", "that: neither"},
	}
	golden(t, "inspection", n.Text())
}

// A finding about threads, and about the machine, has neither place nor goroutine.
func TestBlockOfThread(t *testing.T) {
	s := deadlocked()[0]
	f := event.Finding{
		Verdict: s.Verdict, Class: s.Class, What: s.What, Place: event.Step{Since: s.Since}, Thread: 6, At: 2e9, Chain: s.Chain, Cycle: true,
		Waiters: []event.Link{{Task: &event.Task{TID: 8}, What: "waits for the mutex at 0x10"}}, Evidence: s.Evidence, Refuted: s.Refuted,
	}
	f.Chain[0].Stack = s.Thread.User
	golden(t, "block_thread", Text(f, "etcd", 5))
	golden(t, "block_machine", Text(event.Finding{Verdict: event.Slow, Class: event.Inferred, What: "the machine has too little memory", At: 2e9}, "etcd", 5))
}

// golden compares text, less the times of day, with a file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	got := regexp.MustCompile(`\d\d:\d\d:\d\d\.\d\d\d`).ReplaceAllString(text, "hh:mm:ss.mmm")
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update accepts it):\n%s", name, got)
	}
}
