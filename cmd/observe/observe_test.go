package observe

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

var hookedSites = []event.Site{
	{Kind: event.Lock, Func: "waitMutex"},
	{Kind: event.RWLock, Func: "waitWriter"},
	{Kind: event.RLock, Func: "waitReader"},
	{Kind: event.Receive, Func: "waitReceive"},
	{Kind: event.Call, Func: "spin"},
	{Kind: event.Call, Func: "inSyscall"},
}

// binDir is where the programs in testdata are built, once for all tests.
var binDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "observe-test-")
		if err == nil {
			defer os.RemoveAll(dir)
			binDir = dir
			var out []byte
			out, err = exec.Command("go", "build", "-o", dir, "./testdata/hooked", "./testdata/frames").CombinedOutput()
			os.Stderr.Write(out)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		return m.Run()
	}())
}

// hooked starts testdata/hooked with a page and returns when it is ready.
func hooked(t *testing.T) (*Sampler, *os.Process) {
	t.Helper()
	layout, err := runtimeLayout()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPage(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	env, release, err := p.Inherit()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var sites []byte
	for _, s := range hookedSites {
		sites = page.AppendSite(sites, s)
	}
	cmd := exec.Command(filepath.Join(binDir, "hooked"))
	cmd.Env = append(cmd.Environ(), env, "LAYOUT="+layout, "SITES="+string(sites))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	s, err := NewSampler(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, cmd.Process
}

// runtimeLayout computes the layout of the toolchain that runs the tests.
var runtimeLayout = sync.OnceValues(func() (string, error) {
	prog, err := load.Load(context.Background(), load.Config{Patterns: []string{"./testdata/hooked"}})
	if err != nil {
		return "", err
	}
	return analyze.RuntimeLayout(prog)
})

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
	} {
		t.Run(hookedSites[test.site].Func, func(t *testing.T) {
			g, look := lookAt(t, s, hookedSites[test.site])
			if look.Err != "" {
				t.Fatal(look.Err)
			}
			if !hasStatus(test.status, look.Status) || look.Reason != test.reason {
				t.Errorf("%s (%q), want %v (%q)", look.Status, look.Reason, test.status, test.reason)
			}
			if r, _ := g.Waits(); r.Site.Kind.IsLock() {
				if d := look.Object - r.Object; d >= 24 {
					t.Errorf("parked on %#x, which is not in the lock at %#x", look.Object, r.Object)
				}
			}
			if r, _ := g.Waits(); r.Site.Kind == event.Receive && look.Object != r.Object {
				t.Errorf("parked on %#x, not on the channel at %#x", look.Object, r.Object)
			}
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

// lookAt waits until a goroutine is in flight at site, and looks at it.
func lookAt(t *testing.T, s *Sampler, site event.Site) (event.Goroutine, event.Look) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		sample := take(t, s, nil, nil)
		for _, g := range sample.Goroutines {
			r, ok := g.Waits()
			if !ok || r.Site.Func != site.Func {
				continue
			}
			id := g.ID
			sample = take(t, s, []uint64{id}, nil)
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

func take(t *testing.T, s *Sampler, look, words []uint64) event.Sample {
	t.Helper()
	sample, ok, err := s.Sample(look, words)
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
	sample := take(t, s, nil, []uint64{mutex.Object, rw.Object})
	if w := sample.Words[mutex.Object]; w.Writer != event.Holding || w.Size == 0 || w.Err != "" {
		t.Errorf("mutex: %+v", w)
	}
	if w := sample.Words[rw.Object]; w.Writer != event.Pending || w.Readers != 1 || w.Size == 0 || w.Err != "" {
		t.Errorf("rwmutex with a reader and a queued writer: %+v", w)
	}
}

func TestStoppedProcessIsPaused(t *testing.T) {
	s, p := hooked(t)
	if got := take(t, s, nil, nil).Process; got.Paused != "" || got.RanNS < 0 || got.Unknown != "" {
		t.Errorf("running: %+v", got)
	}
	if err := p.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer p.Signal(unix.SIGCONT)
	for end := time.Now().Add(30 * time.Second); take(t, s, nil, nil).Process.Paused == ""; time.Sleep(time.Millisecond) {
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
			if got := take(t, s, nil, nil).Process.Paused; got != "" {
				t.Fatalf("paused before it was frozen: %s", got)
			}
			set(group, test.file, test.freeze)
			for end := time.Now().Add(30 * time.Second); !strings.Contains(take(t, s, nil, nil).Process.Paused, "frozen"); time.Sleep(time.Millisecond) {
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
