package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// child is a process that a test watches.
type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a program; it is killed when the test ends.
func start(t testing.TB, argv ...string) child {
	t.Helper()
	c := child{Cmd: exec.Command(argv[0], argv[1:]...)}
	c.Stderr = os.Stderr
	var err error
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// threads starts testdata/threads and returns when its threads are there.
func threads(t testing.TB, args ...string) child {
	t.Helper()
	c := start(t, append([]string{filepath.Join(binDir, "threads")}, args...)...)
	if line, err := c.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the program says %q, %v", line, err)
	}
	return c
}

func machine(t testing.TB) *Machine {
	t.Helper()
	m := NewMachine()
	t.Cleanup(m.Close)
	return m
}

func openProcess(t testing.TB, pid int, o Options) *Process {
	t.Helper()
	p, err := Open(pid, machine(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// sampleOf takes a sample at once.
func sampleOf(t testing.TB, p *Process, states, resources []int) event.Sample {
	t.Helper()
	s, err := p.Sample(states, resources)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSampleOfASleeper(t *testing.T) {
	c := start(t, "sleep", "1000")
	p := openProcess(t, c.Process.Pid, Options{})
	id := []int{c.Process.Pid}
	waitFor(t, func() bool { // until it has got there
		s := sampleOf(t, p, id, id)
		return strings.HasSuffix(s.Threads[0].Call, "nanosleep")
	})
	if p.Name != "sleep" {
		t.Errorf("its name is %q", p.Name)
	}
	first := sampleOf(t, p, nil, nil)
	if th := first.Threads[0]; len(first.Threads) != 1 || th.ID != c.Process.Pid || th.Depth != event.DepthCounters || th.RanNS == 0 || th.Err != "" {
		t.Errorf("threads %+v, want one with its counters alone", first.Threads)
	}
	if first.Process.Paused != "" || first.Process.Unknown != "" {
		t.Errorf("process %+v", first.Process)
	}
	if first.Node == nil || first.Node.Late < 0 {
		t.Errorf("node %+v", first.Node)
	}
	before := first.Threads[0]
	s := sampleOf(t, p, id, id)
	th := s.Threads[0]
	if th.Depth != event.DepthResource || th.State != "S" || th.Comm != "sleep" {
		t.Errorf("thread %+v, want one that sleeps, with all that it waits for", th)
	}
	if th.Resource == nil || th.Resource.Kind != event.OnTime {
		t.Errorf("it waits for %+v, want a time to come", th.Resource)
	}
	p.Stack(&th)
	chain := []event.Link{{Task: &event.Task{TID: th.ID}}, {Task: &event.Task{TID: 1, PID: 1}}, {Goroutine: 7}}
	p.Stacks(chain)
	for _, stack := range [][]event.Frame{th.User, chain[0].Stack} {
		if !strings.Contains(fmt.Sprint(stack), "nanosleep") {
			t.Errorf("it stands in %v (%s)", stack, th.UserErr)
		}
	}
	if chain[1].Stack != nil || chain[2].Stack != nil {
		t.Errorf("stacks of another process, or of a goroutine: %+v", chain)
	}
	if th.RanNS != before.RanNS || th.Slices != before.Slices {
		t.Errorf("it has moved: %+v, before %+v", th, before)
	}
	if got := sampleOf(t, p, []int{1 << 30}, []int{c.Process.Pid + 1}); len(got.Threads) != 1 {
		t.Errorf("asked about threads that are not there: %+v", got.Threads)
	}
	if u := p.Unseen(); len(u) != 0 {
		t.Errorf("root cannot see %q", u)
	}
}

func TestSampleOfAStoppedProcess(t *testing.T) {
	c := start(t, "sleep", "1000")
	p := openProcess(t, c.Process.Pid, Options{})
	c.Process.Signal(syscall.SIGSTOP)
	waitFor(t, func() bool { return sampleOf(t, p, nil, nil).Process.Paused == "stopped by a signal" })
	c.Process.Signal(syscall.SIGCONT)
	waitFor(t, func() bool { return sampleOf(t, p, nil, nil).Process.Paused == "" })
}

func TestSampleOfABusyThread(t *testing.T) {
	c := threads(t, "1", "busy")
	p := openProcess(t, c.Process.Pid, Options{})
	before := map[int]int64{}
	waitFor(t, func() bool {
		for _, th := range sampleOf(t, p, nil, nil).Threads {
			if ran, known := before[th.ID]; known && th.RanNS-ran > 20_000_000 {
				return true
			} else if !known {
				before[th.ID] = th.RanNS
			}
		}
		return false
	})
}

func TestSampleOfPipeReaders(t *testing.T) {
	c := threads(t, "20")
	p := openProcess(t, c.Process.Pid, Options{Once: true})
	readers := map[int]bool{} // not all need be told in one sample: a busy machine may give some up
	waitFor(t, func() bool {
		var ids []int
		for _, th := range sampleOf(t, p, nil, nil).Threads {
			ids = append(ids, th.ID)
		}
		for _, th := range sampleOf(t, p, ids, ids).Threads {
			if th.Call == "read" && th.State == "S" && th.Depth == event.DepthResource && th.Resource != nil && th.Resource.Kind == event.OnPipe {
				readers[th.ID] = true
			} else if th.Err != "" {
				t.Logf("thread %d: %s", th.ID, th.Err)
			}
		}
		return len(readers) >= 20 // and the first, of its input
	})
}

func TestHowProcessesEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(child)
		want string
	}{
		{"by itself", func(c child) { c.in.Close() }, "has ended with status 3"},
		{"by a signal", func(c child) { c.Process.Signal(syscall.SIGKILL) }, "was ended by signal 9 (killed)"},
	} {
		for _, waitedFor := range []bool{false, true} {
			c := threads(t, "3")
			p := openProcess(t, c.Process.Pid, Options{})
			sampleOf(t, p, nil, nil)
			test.end(c)
			if waitedFor {
				c.Wait()
			}
			waitFor(t, func() bool {
				_, err := p.Sample(nil, nil)
				if err != nil && !errors.Is(err, proc.ErrGone) {
					t.Fatal(err)
				}
				return err != nil
			})
			got := p.How()
			if hidden := "has ended; how is told to its parent alone"; waitedFor && len(p.machine.Unseen()) > 0 && got == hidden {
				got = test.want // the machine does not tell of ends, and it was waited for
			}
			if got != test.want {
				t.Errorf("%s, waited for %v: it %s, want %s", test.name, waitedFor, got, test.want)
			}
		}
	}
}

// A thread that is killed alone is told by the sample that follows, and that
// one comes at once.
func TestEndOfAThreadBringsASample(t *testing.T) {
	c := threads(t, "3")
	p := openProcess(t, c.Process.Pid, Options{Every: time.Hour})
	if u := p.machine.Unseen(); len(u) > 0 {
		t.Fatalf("this machine does not tell: %q", u)
	}
	sampleOf(t, p, nil, nil)
	fmt.Fprintln(c.in, "die")
	var tid int
	if _, err := fmt.Fscanln(c.out, &tid); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := p.Wait(ctx, nil, nil); err != nil {
		t.Fatalf("no sample is due: %v", err)
	}
	s := sampleOf(t, p, nil, nil)
	if len(s.Exits) == 0 || s.Exits[len(s.Exits)-1].TID != tid || s.Exits[len(s.Exits)-1].Code&0x7f != int(syscall.SIGSYS) {
		t.Errorf("exits %+v, want that of thread %d by SIGSYS", s.Exits, tid)
	}
	for _, th := range s.Threads {
		if th.ID == tid {
			t.Errorf("thread %d is still there: %+v", tid, th)
		}
	}
	// The process that is killed shows its end only in the one after.
	if err := p.Wait(ctx, nil, nil); err != nil {
		t.Errorf("no second sample is due: %v", err)
	}
	if again := sampleOf(t, p, nil, nil); len(again.Exits) != 0 {
		t.Errorf("told again: %+v", again.Exits)
	}
}

func TestWhatCannotBeWatched(t *testing.T) {
	m := machine(t)
	zombie := start(t, "true")
	k := m.root
	k.PID = zombie.Process.Pid
	waitFor(t, func() bool { return k.Task(k.PID, k.PID).State == "Z" })
	many := threads(t, "3")
	p := openProcess(t, many.Process.Pid, Options{})
	list := sampleOf(t, p, nil, nil).Threads
	for _, test := range []struct {
		pid  int
		want string
	}{
		{1 << 30, `^there is no process 1073741824$`},
		{2, `^process 2 \(kthreadd\) is a thread of the kernel's own, and no program$`},
		{k.PID, `^process \d+ \(true\) is a zombie: it has ended with status 0, and its parent, process \d+ \(observe\.test\), has not waited for it$`},
		{list[len(list)-1].ID, fmt.Sprintf(`^%d is a thread of process %d: name that$`, list[len(list)-1].ID, many.Process.Pid)},
	} {
		_, err := Open(test.pid, m, Options{})
		if err == nil || !regexp.MustCompile(test.want).MatchString(err.Error()) {
			t.Errorf("process %d: %v, want %s", test.pid, err, test.want)
		}
	}
}

func TestNamed(t *testing.T) {
	m := machine(t)
	c := threads(t, "1")
	long := filepath.Join(t.TempDir(), "a-name-that-the-kernel-cuts-off")
	if b, err := exec.Command("cp", filepath.Join(binDir, "threads"), long).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	cut := start(t, long, "1")
	cut.out.ReadString('\n')
	for _, test := range []struct {
		re   string
		want int
	}{{"^threads$", c.Process.Pid}, {"kernel-cuts-off$", cut.Process.Pid}} {
		pids, err := Named(m, regexp.MustCompile(test.re))
		found := false
		for _, pid := range pids {
			found = found || pid == test.want
		}
		if err != nil || !found {
			t.Errorf("%s: %v, %v, want %d among them", test.re, pids, err, test.want)
		}
	}
	if pids, err := Named(m, regexp.MustCompile("^(kthreadd|observe.test)$")); err != nil || len(pids) != 0 {
		t.Errorf("a thread of the kernel, or this very process: %v, %v", pids, err)
	}
}

func TestParseStatus(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       status
	}{
		{"a program", "Name:\tsh\nState:\tS (sleeping)\nTgid:\t7\nPPid:\t2\nVmSize:\t  8 kB\nThreads:\t3\nKthread:\t0\n", status{name: "sh", tgid: 7, parent: 2, threads: 3}},
		{"of the kernel", "Name:\tkworker/0:1\nTgid:\t9\nPPid:\t2\nThreads:\t1\nKthread:\t1\n", status{name: "kworker/0:1", tgid: 9, parent: 2, threads: 1, kernel: true}},
		{"of a kernel before 6.8", "Name:\tkthreadd\nState:\tS\nTgid:\t2\nPPid:\t0\nThreads:\t1\n", status{name: "kthreadd", tgid: 2, threads: 1, kernel: true}},
		{"a zombie", "Name:\ta: b\nState:\tZ (zombie)\nTgid:\t5\nPPid:\t2\nThreads:\t1\n", status{name: "a: b", tgid: 5, parent: 2, threads: 1, zombie: true}},
		{"nothing", "", status{}},
	} {
		if got := parseStatus([]byte(test.text)); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// BenchmarkCounters is the cost of a sample in which no thread is asked about, in
// CPU time: that does not depend on what else the machine does.
func BenchmarkCounters(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("threads=%d", n), func(b *testing.B) {
			p := openProcess(b, threads(b, fmt.Sprint(n)).Process.Pid, Options{})
			sampleOf(b, p, nil, nil) // opens what is held
			before := cpuTime(b)
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				sampleOf(b, p, nil, nil)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e3, "cpu-µs/op")
		})
	}
}
