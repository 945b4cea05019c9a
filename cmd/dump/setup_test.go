package dump

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
	"syscall"
	"testing"
	"time"
)

// binDir is where the programs in testdata are built, when they are wanted.
var binDir string

// What this program is when a test starts it again: a helper that stops threads, with
// the arguments of one, again and again until it is killed; or somebody who takes a
// dump without the right to.
const (
	helperVar   = "LIFESIGN_TEST_HELPER"
	strangerVar = "LIFESIGN_TEST_STRANGER"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(helperVar) != "":
		helper()
		return
	case os.Getenv(strangerVar) != "":
		stranger()
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "dump-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		defer os.RemoveAll(dir)
		binDir = dir
		return m.Run()
	}())
}

// helper does what the command does for a lifesign that has started the program.
func helper() {
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(os.Args[i+1])
	}
	b, err := Threads(context.Background(), n[0], n[1], int64(n[2]))
	if os.Getenv(helperVar) == "forever" {
		os.Stdout.WriteString("once\n")
		for {
			Threads(context.Background(), n[0], n[1], int64(n[2]))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(b)
}

var builds sync.Map // of func() error, by the program's name

func built(t testing.TB, name string) string {
	t.Helper()
	file := filepath.Join(binDir, name)
	build := []string{"go", "build", "-o", file, "./testdata/" + name}
	if name == "many" || name == "unfilled" {
		build = []string{"gcc", "-Wall", "-O1", "-g", "-fno-inline", "-o", file, "testdata/" + name + "/" + name + ".c", "-pthread"}
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

// stranded starts a program that is nobody's child here, and which says its number.
func stranded(t testing.TB, name string, args ...string) int {
	t.Helper()
	return started(t, exec.Command("sh", append([]string{"-c", `"$0" "$@" & wait`, built(t, name)}, args...)...))
}

// started starts cmd and returns the number that it writes.
func started(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	cmd.Env = append(os.Environ(), "MANY_SECRET=correcthorse", "GOMAXPROCS=2")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	t.Cleanup(func() {
		if pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		pid, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		t.Fatalf("%s says %q, %v", cmd, line, err)
	}
	return pid
}

// eventually waits for something to be so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after a minute: %s", what)
		}
	}
}
