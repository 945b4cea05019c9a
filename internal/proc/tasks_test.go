//go:build linux

package proc

import (
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

func open(t testing.TB, pid int) *Tasks {
	t.Helper()
	tasks, err := OpenTasks(real(pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tasks.Close)
	return tasks
}

// naive reads the counters of all threads as one would at first.
func naive(pid int) []event.Thread {
	var all []event.Thread
	dir := filepath.Join("/proc", strconv.Itoa(pid), "task")
	names, _ := os.ReadDir(dir)
	for _, d := range names {
		id, _ := strconv.Atoi(d.Name())
		b, err := os.ReadFile(filepath.Join(dir, d.Name(), "schedstat"))
		if err != nil {
			continue
		}
		s, err := naiveSchedstat(string(b))
		if err != nil {
			continue
		}
		all = append(all, event.Thread{ID: id, RanNS: s.ran, WaitedNS: s.waited, Slices: s.slices, Syscall: -1})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

func TestCountersOfAProcess(t *testing.T) {
	pid, _ := start(t, "threads 20")
	tasks := open(t, pid)
	var buf []event.Thread
	for round := 0; round < 3; round++ {
		var err error
		if buf, err = tasks.Counters(buf); err != nil {
			t.Fatal(err)
		}
		if len(buf) < 20 {
			t.Fatalf("%d threads, want 20 and those of the runtime", len(buf))
		}
		for i, th := range buf {
			if i > 0 && th.ID <= buf[i-1].ID {
				t.Errorf("thread %d after %d", th.ID, buf[i-1].ID)
			}
			if th.Err != "" || th.Depth != event.DepthCounters || th.State != "" {
				t.Errorf("%+v", th)
			}
			ran := th.RanNS > 0 && th.Slices > 0 // one of the runtime's may be new
			tasks.State(&buf[i])                 // leaves nothing for the next round
			if th = buf[i]; th.Err != "" || th.Depth != event.DepthState || th.State == "" || th.Comm == "" || ran && th.State == "S" && th.Switches == 0 {
				t.Errorf("%+v", th)
			}
			if th.Call == "read" && !ran {
				t.Errorf("it reads and has not run: %+v", th)
			}
		}
	}
	reading := 0
	for _, th := range buf {
		if th.Call == "read" && th.State == "S" {
			reading++
			if th.Wchan == "" || len(th.Stack) == 0 || th.Fault {
				t.Errorf("one that reads: %+v", th)
			}
		}
	}
	if reading < 20 {
		t.Errorf("%d threads read, want 20", reading)
	}
	// The runtime's own threads may move between the two.
	got := map[int]event.Thread{}
	for _, th := range buf {
		got[th.ID] = th
	}
	same := 0
	for _, want := range naive(pid) {
		th := got[want.ID]
		if th.RanNS == want.RanNS && th.WaitedNS == want.WaitedNS && th.Slices == want.Slices {
			same++
		}
	}
	if same < 20 {
		t.Errorf("%d threads have the counters that a naive reader finds, want 20", same)
	}
}

func TestThreadsThatEnd(t *testing.T) {
	pid, told := start(t, "threads 3")
	tasks := open(t, pid)
	before, err := tasks.Counters(nil)
	if err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(pid), "fd", told[0]), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if _, err := end.Write([]byte("xxx")); err != nil {
		t.Fatal(err)
	}
	var after []event.Thread
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if after, err = tasks.Counters(after); err != nil {
			t.Fatal(err)
		}
		left := map[int]bool{}
		for _, th := range after {
			left[th.ID] = true
		}
		gone := 0
		for _, th := range before {
			if !left[th.ID] {
				gone++
			}
		}
		if gone == 3 {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("%d threads gone, want 3: %+v", gone, after)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// It stays as a zombie until it is waited for: then its leader alone is left.
	until(t, func() bool {
		if after, err = tasks.Counters(after); err != nil {
			t.Fatal(err)
		}
		tasks.State(&after[0])
		return len(after) == 1 && after[0].State == "Z"
	})
	if after[0].ExitCode&0x7f != 9 {
		t.Errorf("killed: %+v", after[0])
	}
}

func TestProcessThatIsGone(t *testing.T) {
	cmd := []string{"/bin/true"}
	p, err := os.StartProcess(cmd[0], cmd, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := OpenTasks(real(p.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer tasks.Close()
	p.Wait()
	if all, err := tasks.Counters(nil); err != ErrGone || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if tasks, err := OpenTasks(real(p.Pid)); err != ErrGone {
		t.Errorf("%v, %v", tasks, err)
	}
}

func TestCountersAllocateNothing(t *testing.T) {
	pid, _ := start(t, "threads 100")
	tasks := open(t, pid)
	buf, err := tasks.Counters(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The runtime of the other process may make a thread: then there are more.
	buf = append(buf, make([]event.Thread, 50)...)
	if n := testing.AllocsPerRun(20, func() {
		if buf, err = tasks.Counters(buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A file that hangs is given up, and what it needs is given back when it answers.
func TestStateThatHangs(t *testing.T) {
	pid, _ := start(t, "threads 1")
	tasks := open(t, pid)
	all, err := tasks.Counters(nil)
	if err != nil {
		t.Fatal(err)
	}
	tasks.State(&all[0])
	if all[0].Err != "" {
		t.Fatal(all[0].Err)
	}
	descriptors := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	before, own := descriptors(), held
	var fills []func()
	for i := 0; i < maxHanging; i++ {
		page, _, fill := unfilled() // a read into it stands
		fills = append(fills, fill)
		tasks.q = newQuestion()
		tasks.q.text[fileSyscall] = page
		th := event.Thread{ID: all[0].ID}
		if tasks.State(&th); !strings.Contains(th.Err, "has not told") || th.State == "" || th.Switches == 0 {
			t.Errorf("one that hangs: %+v", th)
		}
	}
	th := event.Thread{ID: all[0].ID}
	if tasks.State(&th); !strings.Contains(th.Err, "earlier questions hang") || th.State == "" {
		t.Errorf("one after %d that hang: %+v", maxHanging, th)
	}
	for _, fill := range fills {
		fill()
	}
	until(t, func() bool {
		th = event.Thread{ID: all[0].ID}
		tasks.State(&th)
		return th.Err == ""
	})
	until(t, func() bool { return descriptors() == before && held == own })
}

// Memory that cannot be read in time is not waited for, and what comes late is
// written nowhere.
func TestResourceThatHangs(t *testing.T) {
	pid, told := start(t, "futex mutex")
	k := real(pid)
	hang := make(chan bool)
	k.Read = func(uint64, []byte) error { <-hang; return nil }
	tasks, err := OpenTasks(k)
	if err != nil {
		t.Fatal(err)
	}
	defer tasks.Close()
	id, _ := strconv.Atoi(told[0])
	var th event.Thread
	until(t, func() bool {
		all, err := tasks.Counters(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, th = range all {
			if th.ID == id {
				break
			}
		}
		tasks.State(&th)
		return th.Call == "futex" && th.State == "S"
	})
	seen := tasks.seen
	if tasks.Resource(&th); th.Resource == nil || !strings.Contains(th.Resource.Err, "has not told") || th.Depth != event.DepthResource || tasks.seen == seen {
		t.Errorf("%+v", th.Resource)
	}
	close(hang)
	until(t, func() bool { return len(tasks.deep.slots) == 0 })
	if !strings.Contains(th.Resource.Err, "has not told") {
		t.Errorf("%+v", th.Resource)
	}
}

// A thread that has the number of one that is gone is another, also if nobody
// asked in between: the held descriptor knows.
func TestNumberThatComesAgain(t *testing.T) {
	dir := t.TempDir()
	pid, told := startIn(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}, "again "+dir)
	id, err := strconv.Atoi(told[0])
	if err != nil {
		t.Fatal(err)
	}
	k := Kernel{Proc: real(pid).path("root", dir), PID: 1}
	tasks, err := OpenTasks(k)
	if err != nil {
		t.Fatal(err)
	}
	defer tasks.Close()
	if _, err = tasks.Counters(nil); err != nil {
		t.Fatal(err)
	}
	fd := int(tasks.find(id).fds[fileSchedstat])
	pipe, err := os.OpenFile(real(pid).path("fd", told[1]), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	text := make([]byte, 100)
	pipe.Write([]byte("x"))
	until(t, func() bool { _, err := readStart(fd, text); return gone(err) })
	pipe.Write([]byte("x"))
	until(t, func() bool { _, err := os.Lstat(k.path("task", told[0])); return err == nil })
	if _, err := readStart(fd, text); !gone(err) {
		t.Errorf("the descriptor of the thread that is gone tells of another: %q, %v", text, err)
	}
	all, err := tasks.Counters(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, th := range all {
		if th.ID == id && th.Err == "" {
			return
		}
	}
	t.Errorf("thread %d is not there: %+v", id, all)
}

// With few descriptors it opens and closes, and tells the same.
func TestFewDescriptors(t *testing.T) {
	var limit, low syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	pid, _ := start(t, "threads 60")
	low = limit
	low.Cur = 48
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	tasks := open(t, pid)
	var buf []event.Thread
	for round := 0; round < 2; round++ {
		var err error
		if buf, err = tasks.Counters(buf); err != nil || len(buf) < 60 {
			t.Fatalf("%d threads, %v", len(buf), err)
		}
		for i := range buf {
			if tasks.State(&buf[i]); buf[i].Err != "" || buf[i].Call == "read" && buf[i].Slices == 0 {
				t.Errorf("%+v", buf[i])
			}
		}
	}
	if h := held; h > 24 {
		t.Errorf("%d descriptors are held of 48", h)
	}
	tasks.Close()
	if held != 0 {
		t.Errorf("%d descriptors are held after the end", held)
	}
	tasks.dir, _ = openDir("/") // for the clean-up
}

// cpu reports the CPU time that f takes, which others on the machine do not
// change as they do the time.
func cpu(b *testing.B, f func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := used()
	for i := 0; i < b.N; i++ {
		f()
	}
	b.ReportMetric(float64(used()-before)/1e3/float64(b.N), "cpu-µs/op")
}

func BenchmarkCounters(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		pid, _ := start(b, "threads "+strconv.Itoa(n))
		b.Run("held/"+strconv.Itoa(n), func(b *testing.B) {
			tasks := open(b, pid)
			buf, err := tasks.Counters(nil)
			if err != nil {
				b.Fatal(err)
			}
			cpu(b, func() { buf, _ = tasks.Counters(buf) })
		})
		// What the kernel takes for it, of that: one pread a thread.
		b.Run("pread/"+strconv.Itoa(n), func(b *testing.B) {
			tasks := open(b, pid)
			if _, err := tasks.Counters(nil); err != nil {
				b.Fatal(err)
			}
			cpu(b, func() {
				for _, k := range tasks.tasks {
					readStart(int(k.fds[fileSchedstat]), tasks.buf)
				}
			})
		})
		b.Run("readfile/"+strconv.Itoa(n), func(b *testing.B) {
			cpu(b, func() { naive(pid) })
		})
	}
}

func BenchmarkState(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		pid, _ := start(b, "threads "+strconv.Itoa(n))
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			tasks := open(b, pid)
			buf, err := tasks.Counters(nil)
			if err != nil {
				b.Fatal(err)
			}
			cpu(b, func() {
				for j := range buf {
					tasks.State(&buf[j])
				}
			})
		})
	}
}

func TestTaskAndComm(t *testing.T) {
	pid, told := start(t, "sleep")
	k := real(pid)
	if got := k.Comm(); got != "proc.test" {
		t.Errorf("it is called %q", got)
	}
	process := k.Task(pid, 0)
	if process.PID != pid || process.TID != 0 || process.Comm != "proc.test" || process.State == "" || process.RanNS <= 0 {
		t.Errorf("the process: %+v", process)
	}
	tid, _ := strconv.Atoi(told[0])
	thread := k.Task(pid, tid)
	if thread.PID != pid || thread.TID != tid || thread.Comm != "proc.test" || thread.State == "" || thread.RanNS <= 0 || thread.RanNS > process.RanNS {
		t.Errorf("the thread: %+v, of %+v", thread, process)
	}
	gone := Kernel{Proc: "/proc", PID: maxTID}
	if got := gone.Comm(); got != "" {
		t.Errorf("nobody is called %q", got)
	}
	for _, tid := range []int{0, maxTID} {
		if got, want := gone.Task(maxTID, tid), (event.Task{PID: maxTID, TID: tid, State: stateGone}); got != want {
			t.Errorf("nobody: %+v, want %+v", got, want)
		}
	}
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x18\x00\x0442\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for rounds, rest := 0, b; len(rest) > 0; rounds++ {
			var name []byte
			if name, rest = entryName(rest); len(name) > len(b) || rounds > len(b) {
				t.Fatalf("%q in %q", name, b)
			}
		}
	})
}
