package unwind

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// binDir is where the programs in testdata are built, when they are wanted.
var binDir string

// variants are the ways in which chain.c is compiled, by the name of the
// program.
var variants = map[string][]string{
	"debug":    {"-O2", "-g", "-fomit-frame-pointer"},
	"bare":     {"-O2", "-fomit-frame-pointer", "-s"},
	"pointers": {"-O2", "-g", "-fno-omit-frame-pointer"},
	"plain":    {"-O0", "-g"},
	"fixed":    {"-O2", "-g", "-no-pie"},
	"static":   {"-O2", "-g", "-static"},
	"dwarf4":   {"-O2", "-gdwarf-4", "-ffunction-sections"},
	"packed":   {"-Os", "-g", "-gz"},
	"nodesc":   {"-O2", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"},
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "unwind-test-")
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

// built returns the file of a program, which it builds once.
func built(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(binDir, name)
	build := []string{"go", "build", "-o", file}
	switch name {
	case "gobare":
		build = append(build, "-ldflags=-s -w", "./testdata/gochain")
	case "gopie":
		build = append(build, "-buildmode=pie", "./testdata/gochain")
	case "gochain", "cgochain":
		build = append(build, "./testdata/"+name)
	case "calls":
		build = []string{"gcc", "-Wall", "-O2", "-g", "-o", file, "testdata/calls/calls.c", "-pthread"}
	default:
		build = append([]string{"gcc", "-Wall", "-o", file}, variants[name]...)
		build = append(build, "testdata/chain/chain.c", "-pthread")
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

// start starts a program of testdata and returns it and the thread that it says
// will block.
func start(t testing.TB, name string, args ...string) (pid, tid int) {
	t.Helper()
	cmd := exec.Command(built(t, name), args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a child of its own dies with it
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s says %q, %v", name, line, err)
	}
	if tid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, tid
}

// stack returns the stack of a thread that blocks, or is about to.
func stack(t testing.TB, u *Unwinder, tid int) ([]event.Frame, error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		frames, err := u.Thread(tid)
		if err != ErrRunning && err != ErrMoved && !inWrite(u.pid, tid) {
			return frames, err
		}
		if time.Now().After(end) {
			t.Fatalf("the thread does not come to rest: %v", err)
		}
	}
}

// inWrite says whether the thread is still about to tell that it will block.
func inWrite(pid, tid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	return strings.HasPrefix(string(b), "1 ")
}

// functions returns the names of frames.
func functions(frames []event.Frame) []string {
	var names []string
	for _, f := range frames {
		names = append(names, f.Func)
	}
	return names
}

// lineOf returns the number of the line of a source that ends with a mark.
func lineOf(t testing.TB, file, mark string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(b), "\n") {
		if strings.HasSuffix(line, "// at "+mark) {
			return i + 1
		}
	}
	t.Fatalf("%s has no line marked %q", file, mark)
	return 0
}
