package dump

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/dump"
)

// maxFile bounds what is read of a file in /proc.
const maxFile = 16 << 20

// taker takes one dump.
type taker struct {
	pid     int
	d       *dump.Dump
	maps    []mapping
	env     span   // where the environment lies in memory, which is in no dump
	have    spans  // memory that was taken already
	linked  []wish // what leads to libraries
	reserve int64  // bytes of memory that may still be taken
}

type span struct{ from, to uint64 }

func (t *taker) miss(what string, err error) {
	t.d.Missing = append(t.d.Missing, fmt.Sprintf("%s: %v", what, err))
}

func (t *taker) path(name ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(t.pid)}, name...)...)
}

// file reads a file in /proc that may hang.
func (t *taker) file(name string) ([]byte, error) {
	return within(patience, func() ([]byte, error) { return readFile(t.path(name)) })
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(&limited{f, maxFile})
	return b.Bytes(), err
}

// process asks what the process is. The error is that there is none.
func (t *taker) process() error {
	status, err := t.file("status")
	if err != nil {
		if os.IsNotExist(err) {
			return fmt.Errorf("there is no process %d", t.pid)
		}
		return fmt.Errorf("read what process %d is: %w", t.pid, err)
	}
	p := &t.d.Process
	p.PID, p.Arch, p.OS = t.pid, runtime.GOARCH, kernelName()
	for _, line := range strings.Split(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":")
		f := strings.Fields(value)
		if len(f) == 0 {
			continue
		}
		n, _ := strconv.Atoi(f[0])
		switch name {
		case "Name":
			p.Program = strings.TrimSpace(value)
		case "State":
			p.State = f[0]
		case "Tgid":
			if n != t.pid {
				return fmt.Errorf("%d is a thread of process %d: name that", t.pid, n)
			}
		case "PPid":
			p.Parent = n
		case "Uid":
			p.UID = n
		case "Gid":
			p.GID = n
		}
	}
	if p.State == "Z" || p.State == "X" {
		return fmt.Errorf("process %d (%s) has ended", t.pid, p.Program)
	}
	t.stat()
	t.texts()
	return nil
}

// stat reads when the process was started, and where its environment is.
func (t *taker) stat() {
	b, err := t.file("stat")
	if err != nil {
		t.miss("when it was started", err)
		return
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const start, envStart, envEnd = 22 - 3, 50 - 3, 51 - 3 // of proc_pid_stat(5), from the third on
	if len(f) <= envEnd {
		return
	}
	ticks, _ := strconv.ParseInt(string(f[start]), 10, 64)
	var boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) == nil && ticks > 0 {
		const hertz = 100 // USER_HZ, of every architecture that Go knows
		t.d.Process.Started = time.Now().Add(-time.Duration(boot.Nano()) + time.Duration(ticks)*time.Second/hertz).Round(10 * time.Millisecond).UTC()
	}
	t.env.from, _ = strconv.ParseUint(string(f[envStart]), 10, 64)
	t.env.to, _ = strconv.ParseUint(string(f[envEnd]), 10, 64)
}

// texts reads the command line, the environment, the program's name and what the
// toolchain has left in it.
func (t *taker) texts() {
	if b, err := t.file("cmdline"); err != nil {
		t.miss("its command line", err)
	} else {
		t.d.Args = words(b)
	}
	if b, err := t.file("environ"); err != nil {
		t.miss("its environment", err)
	} else {
		t.d.Env = words(b)
	}
	if exe, err := os.Readlink(t.path("exe")); err != nil {
		t.miss("its file", err)
	} else {
		t.d.Process.Exe = exe
	}
	// On a disk that hangs it is not waited for.
	info, err := within(5*patience, func() (*dump.Build, error) {
		info, err := buildinfo.ReadFile(t.path("exe"))
		if err != nil {
			return nil, err
		}
		return dump.BuildOf(info), nil
	})
	if err == nil {
		t.d.Build = info
	} // else it is no Go program
	if b, err := t.file("auxv"); err != nil {
		t.miss("its auxiliary vector", err)
	} else {
		t.d.Auxv = b
	}
}

func words(b []byte) (list []string) {
	for _, w := range bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0}) {
		if len(w) > 0 {
			list = append(list, string(w))
		}
	}
	return list
}

func kernelName() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// limited reads no more than left bytes.
type limited struct {
	f    *os.File
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	n, err := l.f.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}
