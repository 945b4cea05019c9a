package ptrace

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// binDir is where the programs in testdata are built, when they are wanted.
var binDir string

func TestMain(m *testing.M) {
	if os.Getenv(halterVar) != "" {
		haltForEver() // this is the process that is killed
	}
	if os.Getenv(peekerVar) != "" {
		peekForEver() // this is the process that is killed
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ptrace-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		defer os.RemoveAll(dir)
		binDir = dir
		return m.Run()
	}())
}

var builds sync.Map // of func() error, by the program's name

func built(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(binDir, name)
	build := []string{"go", "build", "-o", file, "./testdata/gospin"}
	switch name {
	case "calls":
		build = []string{"gcc", "-Wall", "-O2", "-o", file, "../unwind/testdata/calls/calls.c", "-pthread"}
	case "target":
		build = []string{"gcc", "-Wall", "-O2", "-g", "-fno-inline", "-o", file, "testdata/target/target.c", "-pthread"}
	}
	once, _ := builds.LoadOrStore(name, sync.OnceValue(func() error {
		if out, err := exec.Command(build[0], build[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %v\n%s", strings.Join(build, " "), err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return file
}

// target is a program that is peeked at. It is not this process's child.
type target struct {
	pid    int
	thread map[string]int
	file   *os.File // that it counts in
	t      testing.TB
}

func start(t testing.TB, name string, threads ...string) *target {
	t.Helper()
	g := &target{thread: map[string]int{}, t: t}
	file := filepath.Join(t.TempDir(), "counts")
	if err := os.WriteFile(file, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.file, err = os.OpenFile(file, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"-c", `"$0" "$@" & wait`, built(t, name), file}, threads...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if g.pid != 0 {
			syscall.Kill(g.pid, syscall.SIGKILL)
		}
		cmd.Wait()
		g.file.Close()
	})
	// Threads come in any order, also after "ready".
	in := bufio.NewReader(out)
	for ready := false; !ready || len(g.thread) < len(threads); {
		line, err := in.ReadString('\n')
		var who string
		var id int
		if _, scan := fmt.Sscan(line, &who, &id); err != nil || scan != nil {
			t.Fatalf("%s says %q, %v", name, line, err)
		}
		switch who {
		case "main":
			g.pid = id
		case "ready":
			ready = true
		default:
			g.thread[who] = id
		}
	}
	return g
}

// The places in the file, as in target.c.
const (
	turnsAt   = 0
	wrongAt   = 16
	signalsAt = 32
	orderAt   = 33
	letGoAt   = 34
)

var number = map[string]int{"spin": 0, "still": 1, "futex": 2, "timed": 3, "polls": 4, "sleeps": 5, "obeys": 6}

func (g *target) count(at int) int64 {
	var b [8]byte
	if _, err := g.file.ReadAt(b[:], int64(8*at)); err != nil {
		g.t.Fatal(err)
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (g *target) order(at int, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	if _, err := g.file.WriteAt(b[:], int64(8*at)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *target) turns(name string) int64 { return g.count(turnsAt + number[name]) }
func (g *target) wrong(name string) int64 { return g.count(wrongAt + number[name]) }

// state returns the state and the tracer of a thread.
func (g *target) state(tid int) (state byte, tracer string) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", g.pid, tid))
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", g.pid, tid))
	return stateOf(string(stat)), field(string(status), "TracerPid:")
}

// free checks that no thread of the target is traced, or stopped.
func (g *target) free() {
	g.t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", g.pid))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, task := range tasks {
		var tid int
		fmt.Sscan(task.Name(), &tid)
		// A thread that dies lets go of what it traces after it has been told of.
		g.eventually(fmt.Sprintf("thread %d is let go", tid), func() bool {
			state, tracer := g.state(tid)
			return tracer == "0" && state != 't' && state != 'T'
		})
	}
}

// goesOn checks that a thread makes turns.
func (g *target) goesOn(name string) {
	g.t.Helper()
	from := g.turns(name)
	g.eventually(name+" goes on", func() bool { return g.turns(name) != from })
}

// eventually waits for something to be so.
func (g *target) eventually(what string, is func() bool) {
	g.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			g.t.Fatalf("not so after a minute: %s", what)
		}
	}
}

// waits returns when a thread waits on a futex.
func (g *target) waits(name string) {
	g.t.Helper()
	g.eventually(name+" waits", func() bool {
		call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", g.pid, g.thread[name]))
		return futexWait(string(call))
	})
}

func newTracer(t testing.TB, pid int, s Symbols) *Tracer {
	t.Helper()
	tr, err := New(pid, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr
}

// peek peeks at a thread that can come to a stop in time, on a machine that may
// be busy.
func peek(t testing.TB, tr *Tracer, tid int) Look {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		l, err := tr.Peek(tid)
		if err == nil {
			return l
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func kill(t testing.TB, pid int, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}
