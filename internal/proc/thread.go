package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Kernel asks about a process. Its methods may be called concurrently.
type Kernel struct {
	Proc, Sys string // /proc and /sys, except in tests
	PID       int
	Arch      string // of the process, as Go calls it; system calls have no names without

	// Read fills buf from an address of the process, nil if nobody can: then
	// calls that take a path have no resource.
	Read func(addr uint64, buf []byte) error
}

func (k Kernel) path(name ...string) string {
	return filepath.Join(append([]string{k.Proc, strconv.Itoa(k.PID)}, name...)...)
}

// Thread tells what a thread of the process is about. A thread that is gone, or
// of which nothing can be read, has an Err.
func (k Kernel) Thread(tid int) event.Thread {
	t := event.Thread{ID: tid, Syscall: -1}
	task := func(name string) []byte {
		b, err := os.ReadFile(k.path("task", strconv.Itoa(tid), name))
		if err != nil && t.Err == "" {
			t.Err = err.Error()
		}
		return b
	}
	note := func(err error) {
		if err != nil && t.Err == "" {
			t.Err = fmt.Sprintf("thread %d: %v", tid, err)
		}
	}
	state, _, err := parseStat(task("stat"))
	if note(err); err == nil {
		t.State = string(state)
	}
	t.RanNS, err = parseSchedstat(task("schedstat"))
	note(err)
	t.Switches, err = parseSwitches(task("status"))
	note(err)
	if t.Err != "" {
		return t
	}
	// These two some kernels lack and some forbid; without them less is known.
	if b, err := os.ReadFile(k.path("task", strconv.Itoa(tid), "wchan")); err == nil && string(b) != "0" {
		t.Wchan = string(bytes.TrimSpace(b))
	}
	b, err := os.ReadFile(k.path("task", strconv.Itoa(tid), "syscall"))
	if err != nil {
		return t
	}
	if c, ok := parseSyscall(b); ok {
		t.Syscall = c.number
		if d, known := calls[k.Arch][c.number]; known {
			t.Call = d.name
			t.Resource = k.resource(d, c, t.Wchan)
		}
	}
	return t
}

// parseSchedstat returns the first figure of a schedstat: the CPU time in
// nanoseconds, which unlike utime and stime is exact.
func parseSchedstat(b []byte) (int64, error) {
	f := bytes.Fields(b)
	if len(f) == 0 {
		return 0, fmt.Errorf("no figures in its schedstat")
	}
	n, err := strconv.ParseInt(string(f[0]), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("schedstat begins with %.40q", f[0])
	}
	return n, nil
}

// parseSwitches adds up both kinds of context switch in a status.
func parseSwitches(b []byte) (uint64, error) {
	sum, found := uint64(0), 0
	for _, line := range strings.Split(string(b), "\n") {
		name, value, _ := strings.Cut(line, ":")
		if name != "voluntary_ctxt_switches" && name != "nonvoluntary_ctxt_switches" {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("status says %.60q", line)
		}
		sum += n
		found++
	}
	if found != 2 {
		return 0, fmt.Errorf("status has %d kinds of context switch, not 2", found)
	}
	return sum, nil
}

// syscall is a system call that a thread is in.
type syscall struct {
	number int64
	args   [6]uint64
}

// parseSyscall parses "74 0x5 0x0 …", number and six arguments. ok is false for
// a thread that runs, or that is in no system call.
func parseSyscall(b []byte) (c syscall, ok bool) {
	f := strings.Fields(string(b))
	if len(f) < 1+len(c.args) {
		return c, false
	}
	var err error
	if c.number, err = strconv.ParseInt(f[0], 10, 32); err != nil || c.number < 0 {
		return syscall{}, false
	}
	for i := range c.args {
		if c.args[i], err = strconv.ParseUint(strings.TrimPrefix(f[1+i], "0x"), 16, 64); err != nil {
			return syscall{}, false
		}
	}
	return c, true
}
