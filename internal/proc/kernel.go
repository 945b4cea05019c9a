package proc

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lifesign-go/lifesign/event"
)

// Kernel asks about a process. Its methods may be called concurrently.
type Kernel struct {
	Proc, Sys string // /proc and /sys, except in tests
	PID       int
	Arch      string // of the process, as Go calls it; system calls have no names without

	// Read fills buf from an address of the process, nil if nobody can: then
	// calls that take a path, and futexes, have no resource.
	Read func(addr uint64, buf []byte) error

	// Sockets knows more of sockets than /proc does, nil if nobody does.
	Sockets Sockets

	aside bool // it is asked about for another's sake, and asks about nobody further
}

// Sockets tells of the sockets of the process's network namespace, by their inodes.
type Sockets interface {
	// Refine sets InFlight and Moved of a TCP connection by the kernel's own counts.
	// It reports whether it could.
	Refine(r *event.Resource, inode uint64) bool
	// Peer returns the socket at the other end of a Unix socket, 0 if there is none
	// or it is not known.
	Peer(inode uint64) uint64
}

func (k Kernel) path(name ...string) string {
	return filepath.Join(append([]string{k.Proc, strconv.Itoa(k.PID)}, name...)...)
}

// of returns the kernel to ask about another process.
func (k Kernel) of(pid int) Kernel {
	return Kernel{Proc: k.Proc, Sys: k.Sys, PID: pid, Arch: k.Arch}
}

// Comm returns the name of the process, "" if it is gone.
func (k Kernel) Comm() string {
	b, err := os.ReadFile(k.path("comm"))
	if err != nil {
		return ""
	}
	return string(bytes.TrimSuffix(b, []byte("\n")))
}

// maxSummed bounds the threads whose CPU time is added up.
const maxSummed = 64

// Task tells about a thread of any process, or about a process if tid is 0. Its
// State is "gone" if there is no such task.
func (k Kernel) Task(pid, tid int) event.Task {
	t := event.Task{PID: pid, TID: tid}
	k = k.of(pid)
	dir := k.path()
	if tid != 0 {
		dir = k.path("task", strconv.Itoa(tid))
	}
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		if gone(err) {
			t.State = stateGone
		}
		return t
	}
	s, err := parseStat(b)
	if err != nil {
		return t
	}
	t.Comm, t.State, t.RanNS = string(s.comm), letter(s.state), s.ran()
	var tids []string
	switch {
	case tid != 0:
		tids = []string{strconv.Itoa(tid)}
	case s.threads <= maxSummed:
		tids = k.tids()
	}
	if exact, ok := k.ran(tids); ok {
		t.RanNS = exact
	}
	return t
}

// stateGone is the State of a task that there is not.
const stateGone = "gone"

// tids lists the threads of the process.
func (k Kernel) tids() []string {
	d, err := os.Open(k.path("task"))
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxSummed)
	return names
}

// ran adds up the CPU time of threads; ok is false if not all of them could be
// asked. Unlike that in stat it is exact to the nanosecond.
func (k Kernel) ran(tids []string) (sum int64, ok bool) {
	for _, tid := range tids {
		b, err := os.ReadFile(k.path("task", tid, "schedstat"))
		if err != nil {
			return 0, false
		}
		s, err := parseSchedstat(b)
		if err != nil {
			return 0, false
		}
		sum += s.ran
	}
	return sum, len(tids) > 0
}

// states are the letters of stat as strings, so that a look need not make one.
const states = "RSDTtZXxKWPI"

func letter(c byte) string {
	for i := 0; i < len(states); i++ {
		if states[i] == c {
			return states[i : i+1]
		}
	}
	return string(rune(c))
}
