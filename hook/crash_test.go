//go:build go1.23 && linux

package hook

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/internal/page"
)

// dieVar has the process that is to crash do so, before any test. Its value is the
// number of the crash output's inode.
const dieVar = "LIFESIGN_TEST_DIE"

func init() {
	if os.Getenv(dieVar) == "" {
		return
	}
	_, named := os.LookupEnv(page.CrashVar)
	var st syscall.Stat_t
	open := syscall.Fstat(3, &st) == nil // as the first of exec.Cmd's ExtraFiles
	left, err := exec.Command("ls", "-l", "/proc/self/fd").Output()
	panic(fmt.Sprintf("named %v open %v inherited %d %v", named, open, strings.Count(string(left), ":["+os.Getenv(dieVar)+"]"), err))
}

// die starts a process that crashes with w as its crash output.
func die(t *testing.T, w *os.File) *exec.Cmd {
	t.Helper()
	info, err := w.Stat()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", dieVar, info.Sys().(*syscall.Stat_t).Ino), page.CrashVar+"=3")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// ends waits for the end of a process that has crashed.
func ends(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	done := make(chan bool)
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		t.Fatal("it has not ended in a minute")
	}
	if status := cmd.ProcessState.ExitCode(); status != 2 {
		t.Errorf("it has ended with %v, and a panic ends with status 2", cmd.ProcessState)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestCrashIsTold(t *testing.T) {
	r, w := pipe(t)
	cmd := die(t, w)
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, cmd)
	if got, _, _ := strings.Cut(string(text), "\n"); !strings.HasPrefix(got, "panic: named false open false inherited 0 <nil>") {
		t.Errorf("it tells %q", text)
	}
}

// TestCrashWaitsForNobody has an agent that does not read, and one that is gone.
func TestCrashWaitsForNobody(t *testing.T) {
	r, w := pipe(t)
	fd := int(w.Fd()) // which makes it block, each time
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); ; {
		if _, err := syscall.Write(fd, block); err != nil {
			break // it is full
		}
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	ends(t, die(t, w))
	r.Close()
	ends(t, die(t, w))
}

// TestCrashOutputIsAPipe has the variable name something else, which is left alone.
func TestCrashOutputIsAPipe(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ends(t, die(t, f))
	if text, err := os.ReadFile(f.Name()); err != nil || len(text) != 0 {
		t.Errorf("it was written to: %q, %v", text, err)
	}
}
