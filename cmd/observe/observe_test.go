package observe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

var hookedSites = []event.Site{
	{Kind: event.Lock, Func: "waitMutex"},
	{Kind: event.RWLock, Func: "waitWriter"},
	{Kind: event.RLock, Func: "waitReader"},
	{Kind: event.Receive, Func: "waitReceive"},
	{Kind: event.Call, Func: "spin"},
	{Kind: event.Call, Func: "inSyscall"},
	{Kind: event.Send, Func: "waitSend"},
	{Kind: event.Select, Func: "waitSelect"},
	{Kind: event.WaitGroup, Func: "waitGroup"},
	{Kind: event.Cond, Func: "waitCond"},
	{Kind: event.Call, Func: "fsync"},
}

func TestLooksAtARealProgram(t *testing.T) {
	s, _ := hooked(t)
	for _, test := range []struct {
		site   int
		status []event.Status
		reason string
		frame  string
	}{
		{0, []event.Status{event.Waiting}, "sync.Mutex.Lock", "main.waitMutex"},
		{1, []event.Status{event.Waiting}, "sync.RWMutex.Lock", "main.waitWriter"},
		{2, []event.Status{event.Waiting}, "sync.RWMutex.RLock", "main.waitReader"},
		{3, []event.Status{event.Waiting}, "chan receive", "main.waitReceive"},
		{4, []event.Status{event.Running, event.Runnable}, "", ""},
		{5, []event.Status{event.Syscall}, "", "main.inSyscall"},
		{6, []event.Status{event.Waiting}, "chan send", "main.waitSend"},
		{7, []event.Status{event.Waiting}, "select", "main.waitSelect"},
		{8, []event.Status{event.Waiting}, "sync.WaitGroup.Wait", "main.waitGroup"},
		{9, []event.Status{event.Waiting}, "sync.Cond.Wait", "main.waitCond"},
	} {
		t.Run(hookedSites[test.site].Func, func(t *testing.T) {
			g, look := lookAt(t, s, hookedSites[test.site])
			if look.Err != "" {
				t.Fatal(look.Err)
			}
			if !hasStatus(test.status, look.Status) || look.Reason != test.reason {
				t.Errorf("%s (%q), want %v (%q)", look.Status, look.Reason, test.status, test.reason)
			}
			r, _ := g.Waits()
			switch d := look.Object - r.Object; r.Site.Kind {
			case event.Send, event.Receive:
				if d != 0 {
					t.Errorf("parked on %#x, not on the channel at %#x", look.Object, r.Object)
				}
			case event.Select, event.Call:
				if look.Object != 0 {
					t.Errorf("parked on %#x", look.Object)
				}
			default:
				if d >= 96 {
					t.Errorf("parked on %#x, which is not in what lies at %#x", look.Object, r.Object)
				}
			}
			checkThread(t, test.frame, look)
			if test.frame == "" {
				return
			}
			for _, f := range look.Stack {
				if f.Func == test.frame && filepath.Base(f.File) == "main.go" && f.Line > 0 {
					return
				}
			}
			t.Errorf("no %s in %+v", test.frame, look.Stack)
		})
	}
}

// checkThread checks what the kernel says of a goroutine in a system call: here
// there is one, which reads a pipe. No other goroutine has a thread.
func checkThread(t *testing.T, frame string, look event.Look) {
	t.Helper()
	th := look.Thread
	if frame != "main.inSyscall" {
		if th != nil {
			t.Errorf("thread %+v", th)
		}
		return
	}
	if th == nil || th.Err != "" || th.State != "S" || th.Call != "read" || th.ID == 0 || th.Switches == 0 {
		t.Fatalf("thread %+v", th)
	}
	if r := th.Resource; r == nil || !strings.HasPrefix(r.Name, "pipe:[") || r.Err == "" {
		t.Errorf("resource %+v", r)
	}
}

// lookAt waits until a goroutine is in flight at site, and looks at it.
func lookAt(t *testing.T, s *Sampler, site event.Site) (event.Goroutine, event.Look) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		sample := take(t, s, Wanted{})
		for _, g := range sample.Goroutines {
			r, ok := g.Waits()
			if !ok || r.Site.Func != site.Func {
				continue
			}
			id := g.ID
			sample = take(t, s, Wanted{Look: []uint64{id}})
			for _, g := range sample.Goroutines {
				if g.ID == id {
					return g, sample.Looks[id]
				}
			}
		}
	}
	t.Fatalf("no goroutine was in %s for 30 s", site.Func)
	return event.Goroutine{}, event.Look{}
}

func take(t testing.TB, s *Sampler, want Wanted) event.Sample {
	t.Helper()
	sample, ok, err := s.Sample(want)
	if err != nil || !ok {
		t.Fatalf("no sample: %v, %v", ok, err)
	}
	if s.Off() != "" || s.Blind() != "" {
		t.Fatalf("%s %s", s.Off(), s.Blind())
	}
	return sample
}

func hasStatus(list []event.Status, s event.Status) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func TestReadsWordsOfRealLocks(t *testing.T) {
	s, _ := hooked(t)
	g, _ := lookAt(t, s, hookedSites[0])
	mutex, _ := g.Waits()
	g, _ = lookAt(t, s, hookedSites[1])
	rw, _ := g.Waits()
	lookAt(t, s, hookedSites[2])
	sample := take(t, s, Wanted{Words: []uint64{mutex.Object, rw.Object}})
	if w := sample.Words[mutex.Object]; w.Writer != event.Holding || w.Size == 0 || w.Err != "" {
		t.Errorf("mutex: %+v", w)
	}
	if w := sample.Words[rw.Object]; w.Writer != event.Pending || w.Readers != 1 || w.Size == 0 || w.Err != "" {
		t.Errorf("rwmutex with a reader and a queued writer: %+v", w)
	}
}

func TestStoppedProcessIsPaused(t *testing.T) {
	s, p := hooked(t)
	if got := take(t, s, Wanted{}).Process; got.Paused != "" || got.RanNS < 0 || got.Unknown != "" {
		t.Errorf("running: %+v", got)
	}
	if err := p.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer p.Signal(unix.SIGCONT)
	for end := time.Now().Add(30 * time.Second); take(t, s, Wanted{}).Process.Paused == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not paused 30 s after SIGSTOP")
		}
	}
	// Looking works without the program's help.
	if _, look := lookAt(t, s, hookedSites[0]); look.Reason != "sync.Mutex.Lock" {
		t.Errorf("look at a stopped process: %+v", look)
	}
}

func TestFrozenProcessIsPaused(t *testing.T) {
	for _, test := range []struct{ name, root, file, freeze, thaw string }{
		{"version 1", "/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"},
		{"version 2", unified(), "cgroup.freeze", "1", "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, p := hooked(t)
			group, err := os.MkdirTemp(test.root, "lifesign-test-")
			if err != nil {
				t.Fatal(err)
			}
			set := func(dir, file, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
					t.Fatal(err)
				}
			}
			set(group, "cgroup.procs", strconv.Itoa(p.Pid))
			defer func() {
				set(group, test.file, test.thaw)
				set(test.root, "cgroup.procs", strconv.Itoa(p.Pid))
				if err := os.Remove(group); err != nil {
					t.Error(err)
				}
			}()
			if got := take(t, s, Wanted{}).Process.Paused; got != "" {
				t.Fatalf("paused before it was frozen: %s", got)
			}
			set(group, test.file, test.freeze)
			for end := time.Now().Add(30 * time.Second); !strings.Contains(take(t, s, Wanted{}).Process.Paused, "frozen"); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("not paused 30 s after it was frozen")
				}
			}
		})
	}
}

// unified is where this machine has the control groups of version 2.
func unified() string {
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.procs"); err == nil {
		return "/sys/fs/cgroup/unified"
	}
	return "/sys/fs/cgroup"
}
