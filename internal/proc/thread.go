package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/lifesign-go/lifesign/event"
)

// file is a file of /proc/PID/task/TID.
type file int

// The files that are read of a thread. Those from fileGuarded on wait for a lock
// that an execve of the process holds (exec_update_lock; before Linux 5.11
// cred_guard_mutex, through all of the execve and thus also while that reads its
// program from a disk that does not answer): they may hang. The others take no
// lock that anybody sleeps with.
const (
	fileSchedstat file = iota
	fileStatus         // before stat: a thread's SIGKILL goes from the one to the other
	fileStat
	fileWchan
	fileSyscall
	fileStack
	fileIO
	files

	fileGuarded = fileSyscall
)

var fileNames = [files]string{"schedstat", "status", "stat", "wchan", "syscall", "stack", "io"}

// maxText is how much is read of one file. A status has lists of processors and
// memory nodes; of all others it is a hundred times what there is.
const maxText = 16 << 10

// answer is what one file said.
type answer struct {
	text []byte
	err  error
}

// answers are what the files of a thread said.
type answers [files]answer

// gone reports whether an error says that the thread, or the process, is no
// more.
func gone(err error) bool { return errors.Is(err, errGone) || errors.Is(err, errAbsent) }

// note notes in th the first thing that could not be read of it.
func note(th *event.Thread, f file, err error) {
	if err != nil && th.Err == "" {
		th.Err = fmt.Sprintf("read %s of thread %d: %v", fileNames[f], th.ID, err)
	}
}

// memo has the texts that a thread showed last, so that the next look at one
// that shows the same need not make them anew.
type memo struct {
	comm, wchan string
	raw         []byte // of stack
	stack       []string
}

// keep returns old if it says the same as b.
func keep(old *string, b []byte) string {
	if *old != string(b) {
		*old = string(b)
	}
	return *old
}

// counters fills th's counters.
func (a *answers) counters(th *event.Thread) {
	s, err := schedstatText{}, a[fileSchedstat].err
	if err == nil {
		s, err = parseSchedstat(a[fileSchedstat].text)
	}
	th.RanNS, th.WaitedNS, th.Slices = s.ran, s.waited, s.slices
	note(th, fileSchedstat, err)
}

// state fills what th has at DepthState, and returns the system call that it is
// in. What could not be read is noted, but for the kernel's stack, which only
// root may read, and for what some kernels are built without.
func (a *answers) state(th *event.Thread, arch string, m *memo) systemCall {
	th.Depth = event.DepthState
	a.stat(th, m)
	s, err := statusText{}, a[fileStatus].err
	if err == nil {
		s, err = parseStatus(a[fileStatus].text)
	}
	th.Switches, th.Forced, th.Killed = s.own+s.forced, s.forced, th.Killed || s.killed
	note(th, fileStatus, err)

	if w := &a[fileWchan]; w.err == nil {
		// The kernel writes 0 for a thread that runs, and for one that may not be asked.
		if name, _ := word(w.text); string(name) != "0" {
			th.Wchan = keep(&m.wchan, name)
		}
	}
	a.stack(th, m)
	if f := &a[fileIO]; f.err == nil {
		th.ReadBytes, th.WroteBytes, err = parseIO(f.text)
		note(th, fileIO, err)
	} else if !errors.Is(f.err, errAbsent) {
		note(th, fileIO, f.err)
	}
	c := systemCall{number: -1, runs: true}
	if f := &a[fileSyscall]; f.err == nil {
		c, err = parseSyscall(f.text)
		note(th, fileSyscall, err)
	} else if !errors.Is(f.err, errAbsent) {
		note(th, fileSyscall, f.err)
	}
	th.Syscall, th.Call = c.number, calls[arch][c.number].name
	th.Fault = c.number < 0 && !c.runs && (th.State == "S" || th.State == "D") && !stopping[th.Wchan]
	return c
}

// stopping are the kernel functions in which a thread stands that is to stop or
// is frozen, on its way out of the kernel and so in no system call.
var stopping = map[string]bool{
	"do_signal_stop": true, "get_signal": true, "get_signal_to_deliver": true, "ptrace_stop": true,
	"do_jobctl_trap": true, "do_freezer_trap": true, "__refrigerator": true,
}

func (a *answers) stat(th *event.Thread, m *memo) {
	s, err := statText{}, a[fileStat].err
	if err == nil {
		s, err = parseStat(a[fileStat].text)
	}
	if note(th, fileStat, err); err != nil {
		return
	}
	th.Comm, th.State = keep(&m.comm, s.comm), letter(s.state)
	th.UserNS, th.SystemNS = int64(s.user)*tick, int64(s.system)*tick
	th.Faults, th.Nice, th.Killed = s.faults, s.nice, s.ends()
	if s.policy >= 0 && s.policy < len(policies) {
		th.Policy = policies[s.policy]
	}
	if th.State == "Z" || th.State == "X" {
		th.ExitCode = s.exit
	}
}

// policies are the scheduler's, by number (include/uapi/linux/sched.h). 4 was
// never used.
var policies = [...]string{0: "", 1: "fifo", 2: "rr", 3: "batch", 5: "idle", 6: "deadline", 7: "ext"}

// stack fills th's kernel stack.
func (a *answers) stack(th *event.Thread, m *memo) {
	if a[fileStack].err != nil {
		return
	}
	text := a[fileStack].text
	if m.stack == nil || string(m.raw) != string(text) {
		m.raw = append(m.raw[:0], text...)
		m.stack = m.stack[:0:0]
		for rest := text; len(rest) > 0; {
			var line []byte
			line, rest = nextLine(rest)
			if name := parseStackLine(line); name != nil {
				m.stack = append(m.stack, string(name))
			}
		}
	}
	th.Stack = m.stack
}

// Thread tells what a thread of the process is about, and what it waits for. A
// thread that is gone, or of which the kernel tells nothing, has an Err. It may
// hang; Patient gives it up.
func (k Kernel) Thread(tid int) event.Thread { return k.thread(tid, nil) }

func (k Kernel) thread(tid int, seen *peers) event.Thread {
	th := event.Thread{ID: tid, Syscall: -1}
	var a answers
	for f := file(0); f < files; f++ {
		a[f].text, a[f].err = os.ReadFile(k.path("task", strconv.Itoa(tid), fileNames[f]))
	}
	a.counters(&th)
	c := a.state(&th, k.Arch, &memo{})
	if th.State == "" || th.Err != "" && a[fileStatus].err != nil {
		return th
	}
	k.wait(&th, c, seen)
	if r := th.Resource; r != nil && r.Err == "" && !counted[r.Kind] {
		r.Err = errNotCounted.Error()
	}
	return th
}

// counted are the resources that count what they finish, as looks at goroutines
// need it: they are judged by nothing else.
var counted = map[event.ResourceKind]bool{event.OnFUSE: true, event.OnNFS: true, event.OnDevice: true}
