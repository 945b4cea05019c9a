package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain is the file system itself when a test has started it: a process that
// works on a file system of its own cannot be relied upon to end.
func TestMain(m *testing.M) {
	if text := os.Getenv("HUNGFS_FLAGS"); text != "" {
		var args []string
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			panic(err)
		}
		os.Args = append(os.Args[:1], args...)
		main()
		return
	}
	os.Exit(m.Run())
}

// mounted is the file system in another process. To mount it takes root.
type mounted struct {
	t            *testing.T
	mount, store string
	commands     io.WriteCloser
	lines        *bufio.Scanner
	cmd          *exec.Cmd
}

func start(t *testing.T, args ...string) *mounted {
	t.Helper()
	m := &mounted{t: t, mount: t.TempDir(), store: t.TempDir(), cmd: exec.Command(os.Args[0])}
	text, err := json.Marshal(append([]string{"-mount", m.mount, "-store", m.store}, args...))
	if err != nil {
		t.Fatal(err)
	}
	m.cmd.Env = append(os.Environ(), "HUNGFS_FLAGS="+string(text))
	m.cmd.Stderr = os.Stderr
	if m.commands, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	answers, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.lines = bufio.NewScanner(answers)
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.commands.Close()
		if err := m.cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	m.expect("ready")
	return m
}

func (m *mounted) command(line string) {
	m.t.Helper()
	if _, err := io.WriteString(m.commands, line+"\n"); err != nil {
		m.t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // or what comes next might overtake it
}

func (m *mounted) expect(word string) {
	m.t.Helper()
	if !m.lines.Scan() || !strings.HasPrefix(m.lines.Text(), word+" ") {
		m.t.Fatalf("the file system says %q, want %s", m.lines.Text(), word)
	}
}

// create makes a file that nobody closes: closing waits for what hangs.
func (m *mounted) create(name string) *os.File {
	m.t.Helper()
	f, err := os.Create(filepath.Join(m.mount, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return f
}

func later(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}

// TestHangsUntilReleased: what is held hangs, and nothing else does.
func TestHangsUntilReleased(t *testing.T) {
	tests := []struct {
		command string
		do      func(f *os.File) error
		other   func(m *mounted) error // what goes on
	}{
		// A write to the same file would wait for the inode's lock.
		{"hold", (*os.File).Sync, func(m *mounted) error {
			return os.WriteFile(filepath.Join(m.mount, "other"), []byte("written"), 0o600)
		}},
		{"hold write", func(f *os.File) error { _, err := f.WriteString("written"); return err }, func(m *mounted) error {
			f, err := os.Create(filepath.Join(m.mount, "other"))
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Sync()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			m := start(t)
			f := m.create("file")
			if err := tt.do(f); err != nil {
				t.Errorf("before: %v", err)
			}
			m.command(tt.command)
			hanging := later(func() error { return tt.do(f) })
			m.expect("held")
			if err := tt.other(m); err != nil {
				t.Errorf("something else meanwhile: %v", err)
			}
			select {
			case err := <-hanging:
				t.Errorf("it returned %v while it was to hang", err)
			case <-time.After(100 * time.Millisecond):
			}
			m.command("release")
			m.expect("released")
			if err := <-hanging; err != nil {
				t.Errorf("after: %v", err)
			}
			if err := tt.do(f); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestSlow: every answer is late by 20 ms at least, and later none is.
func TestSlow(t *testing.T) {
	m := start(t)
	f := m.create("file")
	ask := map[string]func() error{
		"write": func() error { _, err := f.WriteAt([]byte("a"), 0); return err },
		"fsync": f.Sync,
		"stat":  func() error { _, err := os.Stat(f.Name()); return err },
		"directory": func() error {
			d, err := os.Open(m.mount)
			if err != nil {
				return err
			}
			defer d.Close()
			return d.Sync()
		},
	}
	fastest := func(do func() error) time.Duration {
		best := time.Hour
		for range 10 {
			began := time.Now()
			if err := do(); err != nil {
				t.Error(err)
			}
			best = min(best, time.Since(began))
		}
		return best
	}
	m.command("slow")
	for name, do := range ask {
		if d := fastest(do); d < least {
			t.Errorf("%s took %v while the disk was slow, want at least %v", name, d, least)
		}
	}
	m.expect("slowed")
	m.command("release")
	m.expect("released")
	for name, do := range ask {
		if d := fastest(do); d >= least {
			t.Errorf("%s took %v at best when the disk was well", name, d)
		}
	}
}

// TestFlip: what is in the page cache is right, and what is past it wrong, in
// one bit, for good.
func TestFlip(t *testing.T) {
	m := start(t)
	f := m.create("file")
	right := bytes.Repeat([]byte("a"), 4096)
	wrong := bytes.Clone(right)
	wrong[2048] ^= 1
	m.command("flip")
	if n, err := f.WriteAt(right, 0); n != len(right) || err != nil {
		t.Fatalf("wrote %d bytes, %v", n, err)
	}
	m.expect("flipped")
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	got := make([]byte, len(right))
	read := func(how string, want []byte) {
		t.Helper()
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, byte 2048 is %#x, want %#x", how, err, got[2048], want[2048])
		}
	}
	read("in the page cache", right)
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	read("past the page cache", wrong)
	direct, err := os.OpenFile(f.Name(), os.O_RDONLY|syscall.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	if _, err := direct.ReadAt(got, 0); err != nil || !bytes.Equal(got, wrong) {
		t.Errorf("with O_DIRECT it is read as %#x, %v", got[2048], err)
	}
	m.command("release")
	m.expect("released")
	read("when the disk is well", wrong)
	if _, err := f.WriteAt(right, 0); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(m.store, "file")); err != nil || !bytes.Equal(data, right) {
		t.Errorf("what is written when the disk is well is stored as %#x, %v", data[2048], err)
	}
}

// TestFail: writes and fsyncs are refused with the very error, and on a disk
// that is read-only everything that changes is.
func TestFail(t *testing.T) {
	for name, errno := range refusals {
		t.Run(name, func(t *testing.T) {
			m := start(t)
			f := m.create("file")
			mapped, err := unix.Mmap(int(m.filled("mapped").Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Munmap(mapped)
			m.command("fail " + name)
			refused := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, errno) {
					t.Errorf("%s: %v, want %v", what, err, errno)
				}
			}
			_, err = f.WriteAt([]byte("a"), 0)
			refused("write", err)
			m.expect("failed")
			refused("fsync", f.Sync())
			refused("allocation", unix.Fallocate(int(f.Fd()), 0, 0, 4096))
			mapped[0] = 'a'
			if err := unix.Msync(mapped, unix.MS_SYNC); err == nil {
				t.Error("msync was not refused")
			}
			made, err := os.Create(filepath.Join(m.mount, "made"))
			if errno == syscall.EROFS {
				refused("creation", err)
				refused("removal", os.Remove(f.Name()))
			} else if err != nil {
				t.Errorf("creation: %v", err)
			}
			made.Close()
			m.command("release")
			m.expect("released")
			if _, err := f.WriteAt([]byte("a"), 0); err != nil {
				t.Errorf("write after: %v", err)
			}
			if err := f.Sync(); err != nil {
				t.Errorf("fsync after: %v", err)
			}
		})
	}
}

// filled makes a file of a page.
func (m *mounted) filled(name string) *os.File {
	m.t.Helper()
	f := m.create(name)
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		m.t.Fatal(err)
	}
	return f
}

// TestFromTheBeginning: flags do what commands do.
func TestFromTheBeginning(t *testing.T) {
	tests := []struct{ args, word string }{
		{"-slow", "slowed"}, {"-flip", "flipped"}, {"-fail=EIO", "failed"}, {"-mute=fsync", "held"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			m := start(t, tt.args)
			f := m.create("file")
			f.WriteString("a")
			later(f.Sync)
			m.expect(tt.word)
		})
	}
}

// TestOpenWaitsForPages: an open of a file whose pages are being read, and are not
// kept, waits for them as the read does.
func TestOpenWaitsForPages(t *testing.T) {
	m := start(t, "-mute", "read")
	name := "file"
	if err := os.WriteFile(filepath.Join(m.store, name), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() (*os.File, error) { return os.Open(filepath.Join(m.mount, name)) }
	f, err := open()
	if err != nil {
		t.Fatal(err)
	}
	read := later(func() error { _, err := f.Read(make([]byte, 4096)); return err })
	time.Sleep(300 * time.Millisecond)
	opened := later(func() error { _, err := open(); return err })
	select {
	case err := <-read:
		t.Errorf("the read ends: %v", err)
	case err := <-opened:
		t.Errorf("the open ends: %v", err)
	case <-time.After(time.Second):
	}
}

// TestNoTmpfile holds still what the command's comment says of O_TMPFILE.
func TestNoTmpfile(t *testing.T) {
	m := start(t)
	fd, err := unix.Open(m.mount, unix.O_TMPFILE|unix.O_RDWR, 0o600)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("O_TMPFILE: %d, %v, want %v", fd, err, unix.EOPNOTSUPP)
	}
}

func TestUnknownCommands(t *testing.T) {
	for _, line := range []string{"", "hang", "fail", "fail ENOENT", "hold read"} {
		if err := newDisk(func(string) {}).command(line); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", line)) {
			t.Errorf("command %q: %v", line, err)
		}
	}
	if err := newDisk(func(string) {}).mute("fsync,sleep"); err == nil {
		t.Error("-mute takes anything")
	}
}
