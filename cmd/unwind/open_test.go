package unwind

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program returns a running copy of the static program, and the mapping of its
// code. in is its root directory, "" for the usual one.
func program(t *testing.T, in string) (u *Unwinder, tid int, file string, m mapping) {
	t.Helper()
	b, err := os.ReadFile(built(t, "static"))
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "a program")
	path := file
	if in != "" {
		file, path = filepath.Join(in, "a program"), "/a program"
	}
	if err := os.WriteFile(file, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: path, Args: []string{path, "outer", "main"}, Dir: "/"}
	if in != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: in}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	u = newUnwinder(t, cmd.Process.Pid)
	for _, m := range u.maps {
		if m.exec && strings.HasSuffix(m.path, "a program") {
			return u, cmd.Process.Pid, file, m
		}
	}
	t.Fatalf("its code is in none of %+v", u.maps)
	return
}

func content(t *testing.T, f *os.File, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReplacedProgram checks that a program that has been replaced on disk, as
// by an update, is unwound by what it runs.
func TestReplacedProgram(t *testing.T) {
	u, tid, file, m := program(t, "")
	other := file + ".new"
	if err := os.WriteFile(other, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, file); err != nil {
		t.Fatal(err)
	}
	if frames, err := stack(t, u, tid); err != nil || len(frames) < 6 {
		t.Errorf("%q, %v", functions(frames), err)
	}
	// Who may not follow the kernel's own link gets the new file, and no certainty.
	m.start++
	f, sure, err := openMapped(tid, m)
	if got := content(t, f, err); sure || string(got) != "something else" {
		t.Errorf("%q, sure: %v", got, sure)
	}
}

// TestOverwrittenProgram checks that a file that is not what is mapped does not
// count.
func TestWrongFile(t *testing.T) {
	u, _, file, m := program(t, "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(built(t, "fixed"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, other, 0o755); err != nil {
		t.Fatal(err)
	}
	b, ok := beginning(u.maps, m)
	if !ok {
		t.Fatal("its beginning is not mapped")
	}
	// As for a user who may not follow the kernel's links: they do not lead anywhere.
	wrong := m
	wrong.end++
	u.maps = []mapping{{start: b, end: b + pageSize, inode: m.inode, device: m.device, path: m.path}, wrong}
	if _, err := u.load(wrong).image.wait(time.Minute); err != errChanged {
		t.Errorf("%v, want %v", err, errChanged)
	}
}

func TestOtherRoot(t *testing.T) {
	u, tid, file, m := program(t, t.TempDir())
	if frames, err := stack(t, u, tid); err != nil || len(frames) < 6 {
		t.Errorf("%q, %v", functions(frames), err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := inRoot(tid, "/a program")
	if !bytes.Equal(content(t, f, err), want) {
		t.Error("by its name in its root it is another file")
	}
	m.start++
	f, sure, err := openMapped(tid, m)
	if !bytes.Equal(content(t, f, err), want) || sure {
		t.Errorf("by its name it is another file, sure: %v", sure)
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fifo, "/dev/zero", "/"} {
		if f, err := inRoot(os.Getpid(), name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if _, err := inRoot(os.Getpid(), "/proc/self/exe"); err == nil {
		t.Error("a link of the kernel's is followed")
	}
}

func TestAskGivesUp(t *testing.T) {
	s, hang := make(slots, 2), make(chan bool)
	defer close(hang)
	wait := func() (int, error) { <-hang; return 7, nil }
	first, second := ask(s, wait), ask(s, wait)
	if _, err := first.wait(time.Millisecond); err != errLate {
		t.Errorf("one that hangs: %v", err)
	}
	if _, err := ask(s, wait).wait(time.Minute); err != errBusy {
		t.Errorf("a third: %v", err)
	}
	hang <- true
	hang <- true
	for _, l := range []*later[int]{first, second} {
		if v, err := l.wait(time.Minute); v != 7 || err != nil {
			t.Errorf("one that has come late: %d, %v", v, err)
		}
	}
}
