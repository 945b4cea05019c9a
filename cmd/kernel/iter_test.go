package kernel

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

func iter(t testing.TB) *Iter {
	t.Helper()
	it, err := NewIter()
	if err == nil {
		err = it.Load()
	}
	if err == nil {
		err = it.Blockers()
	}
	if err != nil {
		t.Fatalf("this takes root, and Linux 6.16 with CONFIG_DETECT_HUNG_TASK_BLOCKER: %v", err)
	}
	t.Cleanup(func() {
		if err := it.Close(); err != nil {
			t.Error(err)
		}
	})
	return it
}

// silent is a file whose writes are answered when a channel is closed.
type silent struct {
	fs.MemRegularFile
	asked  chan bool
	answer chan bool
}

func (f *silent) Write(ctx context.Context, h fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.asked <- true
	select {
	case <-f.answer:
	case <-time.After(2 * time.Minute): // whatever becomes of the test: who waits here cannot be killed
	}
	return uint32(len(data)), 0
}

// silentFile mounts a file system of which nothing is answered, and returns the
// path of a file there. Nothing in this process may touch it.
func silentFile(t testing.TB) (*silent, string) {
	t.Helper()
	f := &silent{asked: make(chan bool, 8), answer: make(chan bool)}
	dir := t.TempDir()
	root := new(fs.Inode)
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "silent", Name: "silent"},
		OnAdd: func(ctx context.Context) {
			root.AddChild("file", root.NewPersistentInode(ctx, f, fs.StableAttr{}), false)
		},
	})
	if err != nil {
		t.Fatalf("mount a FUSE file system (this takes root and /dev/fuse): %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return f, filepath.Join(dir, "file")
}

func init() {
	roles["writers"] = writers
	roles["idle"] = idle
}

// writers opens the file that it is told and writes to it in a thread for each
// further line, whose number it tells.
func writers(stdin io.Reader) {
	in := bufio.NewScanner(stdin)
	in.Scan()
	f, err := os.OpenFile(in.Text(), os.O_WRONLY, 0)
	fatal(err)
	fmt.Println("open")
	for in.Scan() {
		go func() {
			runtime.LockOSThread()
			fmt.Println(unix.Gettid())
			_, err := f.WriteAt([]byte("x"), 0)
			fatal(err)
			fmt.Println("written")
			select {}
		}()
	}
}

// idle has as many threads sleep as it is told.
func idle(stdin io.Reader) {
	in := bufio.NewScanner(stdin)
	in.Scan()
	n, err := strconv.Atoi(in.Text())
	fatal(err)
	started := make(chan bool)
	for i := 0; i < n; i++ {
		go func() {
			runtime.LockOSThread()
			started <- true
			select {}
		}()
		<-started
	}
	fmt.Println(n)
	in.Scan()
}

// The second writer of a file stands in D, for a lock whose owner sleeps in S
// until a silent server answers.
func TestBlockerOfSecondWriter(t *testing.T) {
	it := iter(t)
	f, name := silentFile(t)
	p := start(t, "writers")
	defer func() { p.Process.Kill(); p.Wait() }()
	defer close(f.answer) // first, so that it can be killed
	p.tell(name)
	first := p.number("write")
	<-f.asked
	second := p.number("write")

	var th InKernel
	var err error
	for end := time.Now().Add(30 * time.Second); th.Lock == nil; time.Sleep(time.Millisecond) {
		if th, err = it.Thread(second); err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v: want it to wait for a lock", th, err)
		}
	}
	if th.PID != p.Process.Pid || th.TID != second || th.State != "D" || !slices.Contains(th.Stack, "fuse_file_write_iter") && !slices.Contains(th.Stack, "fuse_cache_write_iter") {
		t.Errorf("%+v", th)
	}
	r, err := it.Blocker(second)
	if err != nil {
		t.Fatal(err)
	}
	want := event.Task{PID: p.Process.Pid, TID: first, Comm: th.Comm, State: "S"}
	if r.Kind != event.OnKernel || len(r.Holders) != 1 || r.Holders[0] != want {
		t.Errorf("%+v, want the holder %+v", r, want)
	}
	if !strings.HasPrefix(r.Name, "an rw-semaphore inside the kernel (fuse_") {
		t.Errorf("it is called %q", r.Name)
	}
	t.Logf("%s: %v; stack %v", r.Name, r.Holders, th.Stack)

	// The owner itself waits for no lock.
	if r, err := it.Blocker(first); !errors.Is(err, ErrNotBlocked) {
		t.Errorf("the owner waits for %+v, %v", r, err)
	}
	owner, err := it.Thread(first)
	if err != nil || owner.State != "S" || !slices.Contains(owner.Stack, "request_wait_answer") {
		t.Errorf("%+v, %v", owner, err)
	}
}

// What it tells of all threads is what /proc tells.
func TestThreadsAreThoseOfProc(t *testing.T) {
	it := iter(t)
	p := start(t, "idle")
	p.number("20")
	dir := fmt.Sprintf("/proc/%d/task", p.Process.Pid)
	before := tasks(t, dir)
	list, err := it.Threads(p.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	after := tasks(t, dir) // the runtime may have made more
	seen := map[int]bool{}
	for _, th := range list {
		if seen[th.TID] = true; !after[th.TID] {
			t.Errorf("thread %d is not in %s", th.TID, dir)
		}
	}
	for tid := range before {
		if !seen[tid] {
			t.Errorf("thread %d was not told of", tid)
		}
	}
	asleep := 0
	for _, th := range list {
		comm, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(th.TID), "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != th.Comm || th.PID != p.Process.Pid || th.Lock != nil {
			t.Errorf("%+v, want comm %q (%v)", th, comm, err)
		}
		stack, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(th.TID), "stack"))
		if err != nil {
			t.Fatal(err)
		}
		if th.State == "S" && len(th.Stack) > 0 && strings.Contains(string(stack), th.Stack[0]+"+") {
			asleep++
		}
	}
	if asleep < 20 {
		t.Errorf("%d threads sleep where /proc says, want 20 at least", asleep)
	}
	if list, err := it.Threads(1 << 30); err != nil || len(list) != 0 {
		t.Errorf("of no process: %v, %v", list, err)
	}
	if _, err := it.Blocker(1 << 30); !errors.Is(err, ErrNoThread) {
		t.Errorf("of no thread: %v", err)
	}
}

func tasks(t *testing.T, dir string) map[int]bool {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[int]bool{}
	for _, f := range list {
		n, err := strconv.Atoi(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		numbers[n] = true
	}
	return numbers
}

// Who must not wait for the program asks again.
func TestIterIsLoadedBeside(t *testing.T) {
	it, err := NewIter()
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	if _, err := it.Threads(os.Getpid()); err != nil && !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if list, err := it.Threads(os.Getpid()); err == nil && len(list) > 0 {
			return
		} else if !errors.Is(err, ErrNotReady) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestIterThatNobodyAskedIsNotLoaded(t *testing.T) {
	it, err := NewIter()
	if err != nil {
		t.Fatal(err)
	}
	if err := it.Close(); err != nil || it.program != nil {
		t.Errorf("%v, %v", it.program, err)
	}
	if err := it.Load(); err == nil {
		t.Error("it was loaded after it was closed")
	}
}

// A lock's words, and what is made of them.
func TestParseLock(t *testing.T) {
	type words struct{ blocker, owner uint64 }
	const at = 0xffff888004000000
	for _, test := range []struct {
		name  string
		words words
		want  *Lock
	}{
		{"none", words{}, nil},
		{"mutex", words{at + lockMutex, at + 0x40 + 1}, &Lock{Kind: "mutex", Sure: true}},
		{"nobody's mutex", words{at + lockMutex, 1}, &Lock{Kind: "mutex", Sure: true}},
		{"semaphore", words{at + lockSemaphore, at + 0x40}, &Lock{Kind: "semaphore"}},
		{"reader behind a writer", words{at + lockReader, at + 0x40}, &Lock{Kind: "rw-semaphore", Sure: true}},
		{"writer behind readers", words{at + lockWriter, at + 0x40 + 1}, &Lock{Kind: "rw-semaphore", Write: true}},
	} {
		b := make([]byte, recordSize)
		binary.NativeEndian.PutUint64(b[atBlocker:], test.words.blocker)
		binary.NativeEndian.PutUint64(b[atOwner:], test.words.owner)
		binary.NativeEndian.PutUint64(b[atOwnerPID:], 8|7<<32)
		copy(b[atOwnerComm:], "etcd")
		if test.want != nil {
			test.want.address = at
			if test.words.owner&^ownerBits != 0 {
				test.want.Owner = event.Task{PID: 7, TID: 8, Comm: "etcd", State: "R"}
			}
		}
		got := parseLock(b)
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestOwnerThatIsGone(t *testing.T) {
	for _, test := range []struct {
		owner event.Task
		want  string
	}{
		{event.Task{PID: os.Getpid(), TID: os.Getpid(), State: "S"}, "S"},
		{event.Task{PID: os.Getpid(), TID: 1 << 30, State: "S"}, "gone"},
		{event.Task{PID: 1, TID: 1, State: "S"}, "S"},
		{event.Task{PID: 2, TID: 2, State: "S"}, "S"}, // kthreadd
		{event.Task{PID: 1, TID: os.Getpid(), State: "S"}, "gone"},
		{event.Task{PID: 0, TID: 0, State: "R"}, "gone"},
		{event.Task{}, ""},
	} {
		l := Lock{Owner: test.owner}
		if l.check(); l.Owner.State != test.want {
			t.Errorf("%+v: %q, want %q", test.owner, l.Owner.State, test.want)
		}
	}
}

func TestSymbols(t *testing.T) {
	var s symbols
	s.read(strings.NewReader(`ffffffff81000000 T first
0000000000000000 T hidden
ffffffff81000100 t second	[module]
ffffffff81000080 d data
garbage
`))
	for _, test := range []struct {
		at   uint64
		want string
	}{
		{0xffffffff81000000, "0xffffffff81000000"},
		{0xffffffff81000001, "first"},
		{0xffffffff81000100, "first"},
		{0xffffffff81000101, "second"},
		{0xffffffff91000101, "0xffffffff91000101"},
	} {
		if got := s.name(test.at); got != test.want {
			t.Errorf("%#x is %q, want %q", test.at, got, test.want)
		}
	}
}

func BenchmarkThreads1000(b *testing.B) {
	it := iter(b)
	p := start(b, "idle")
	p.number("1000")
	if _, err := it.Threads(p.Process.Pid); err != nil { // reads the symbols
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	defer cpuTime(b)()
	for i := 0; i < b.N; i++ {
		list, err := it.Threads(p.Process.Pid)
		if err != nil || len(list) < 1000 {
			b.Fatal(len(list), err)
		}
	}
}

// cpuTime reports this process's CPU time for one operation, which other programs
// do not change.
func cpuTime(b *testing.B) (stop func()) {
	spent := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	return func() { b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}

func BenchmarkBlocker(b *testing.B) {
	it := iter(b)
	b.ResetTimer()
	defer cpuTime(b)()
	for i := 0; i < b.N; i++ {
		if _, err := it.Blocker(os.Getpid()); !errors.Is(err, ErrNotBlocked) {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	defer cpuTime(b)()
	for i := 0; i < b.N; i++ {
		it, err := NewIter()
		if err != nil {
			b.Fatal(err)
		}
		if err := it.Load(); err != nil {
			b.Fatal(err)
		}
		it.Close()
	}
}
