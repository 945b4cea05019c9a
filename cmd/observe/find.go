package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// Named returns the processes whose program's name matches, ascending. Kernel
// threads, those that have ended and this very process are not among them.
func Named(m *Machine, name *regexp.Regexp) ([]int, error) {
	entries, err := os.ReadDir(m.root.Proc)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		k := m.root
		k.PID = pid
		if name.MatchString(programName(k)) && watchable(k) == nil {
			pids = append(pids, pid)
		}
	}
	sort.Ints(pids)
	return pids, nil
}

// maxComm is how many bytes of a name the kernel keeps.
const maxComm = 15

// programName is the name of a process's program: as the kernel has it, or,
// where it has cut that off, that of its file. The command line would tell more;
// but to read it can hang where the program does.
func programName(k proc.Kernel) string {
	comm := k.Comm()
	if len(comm) < maxComm {
		return comm
	}
	exe, err := os.Readlink(filepath.Join(k.Proc, strconv.Itoa(k.PID), "exe"))
	if base := filepath.Base(strings.TrimSuffix(exe, " (deleted)")); err == nil && strings.HasPrefix(base, comm) {
		return base
	}
	return comm
}

// watchable returns why a process cannot be watched, nil if it can.
func watchable(k proc.Kernel) error {
	b, err := os.ReadFile(filepath.Join(k.Proc, strconv.Itoa(k.PID), "status"))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH):
		return fmt.Errorf("there is no process %d%s", k.PID, hidden(k))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("process %d is not shown to this user (run lifesign as its user or as root)", k.PID)
	case err != nil:
		return fmt.Errorf("process %d: %w", k.PID, err)
	}
	s := parseStatus(b)
	switch {
	case s.tgid != k.PID && s.tgid != 0:
		return fmt.Errorf("%d is a thread of process %d: name that", k.PID, s.tgid)
	case s.kernel:
		return fmt.Errorf("process %d (%s) is a thread of the kernel's own, and no program", k.PID, s.name)
	case s.zombie && s.threads <= 1:
		return fmt.Errorf("process %d (%s) is a zombie: it %s, and its parent, process %d (%s), has not waited for it",
			k.PID, s.name, howEnded(k), s.parent, k.Task(s.parent, s.parent).Comm)
	}
	return nil
}

// hidden says, for a process that is not there, whether it may only be hidden:
// where /proc is mounted with hidepid=2, processes of others are not there.
func hidden(k proc.Kernel) string {
	if os.Geteuid() == 0 {
		return ""
	}
	if _, err := os.Stat(filepath.Join(k.Proc, "1")); err == nil {
		return ""
	}
	return ", or it is hidden from this user (run lifesign as its user or as root)"
}

// status is what counts in a /proc/PID/status.
type status struct {
	name           string
	tgid, parent   int
	threads        int
	zombie, kernel bool
}

func parseStatus(b []byte) (s status) {
	memory := false
	for _, line := range strings.Split(string(b), "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		n, _ := strconv.Atoi(value)
		switch field {
		case "Name":
			s.name = value
		case "State":
			s.zombie = strings.HasPrefix(value, "Z") || strings.HasPrefix(value, "X")
		case "Tgid":
			s.tgid = n
		case "PPid":
			s.parent = n
		case "Threads":
			s.threads = n
		case "VmSize":
			memory = true
		case "Kthread": // since Linux 6.8
			s.kernel = n == 1
		}
	}
	// On older kernels: it has no memory, and is or descends from kthreadd.
	const kthreadd = 2
	if !memory && !s.zombie && (s.parent == kthreadd || s.tgid == kthreadd && s.parent == 0) {
		s.kernel = true
	}
	return s
}

// How says how the process has ended, after Sample has returned proc.ErrGone.
func (p *Process) How() string {
	// The news of it may be on their way.
	for end := time.Now().Add(100 * time.Millisecond); ; time.Sleep(5 * time.Millisecond) {
		if exits, _ := p.machine.take(p.inbox); len(exits) > 0 {
			p.last = &exits[len(exits)-1]
		}
		if p.last != nil && p.last.TID == p.PID || time.Now().After(end) {
			break
		}
	}
	// The last thread's code is the process's: who ends a process ends all its
	// threads with the same.
	if p.last != nil {
		return ending(*p.last)
	}
	return howEnded(p.kernel)
}

// howEnded says how a process that its parent has not waited for has ended.
func howEnded(k proc.Kernel) string {
	stat, err := os.ReadFile(filepath.Join(k.Proc, strconv.Itoa(k.PID), "stat"))
	if err != nil {
		return "has ended; how is told to its parent alone"
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const exitCode = 52 - 3 // of proc_pid_stat(5), counted from the third; 0 to who may not trace it
	if len(f) <= exitCode || string(f[0]) != "Z" {
		return "has ended; how is not known"
	}
	code, err := strconv.Atoi(string(f[exitCode]))
	if err != nil {
		return "has ended; how is not known"
	}
	return ending(event.Exit{Code: code})
}

func ending(e event.Exit) string {
	if sig := syscall.Signal(e.Code & 0x7f); sig != 0 {
		return fmt.Sprintf("was ended by signal %d (%v)", int(sig), sig)
	}
	return fmt.Sprintf("has ended with status %d", e.Code>>8)
}
