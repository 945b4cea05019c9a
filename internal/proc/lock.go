package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

var errNoHolder = errors.New("it is held by an open file, and no process was found that has it open")

// lockLine is a line of /proc/locks (proc_locks(5)).
type lockLine struct {
	id    string // of the lock that is held; those that wait for it have the same
	waits bool
	kind  string // FLOCK, POSIX, OFDLCK, LEASE
	pid   int    // -1 for a lock of an open file description, which has no process
	file  string // its device and inode, 08:02:1234
}

// parseLock parses
//
//	1: POSIX  ADVISORY  WRITE 3568 08:02:2531452 0 EOF
//	1: -> POSIX  ADVISORY  WRITE 3590 08:02:2531452 0 EOF
func parseLock(line string) (l lockLine, ok bool) {
	f := strings.Fields(line)
	if len(f) > 1 && f[1] == "->" {
		l.waits = true
		f = append(f[:1], f[2:]...)
	}
	if len(f) < 8 {
		return lockLine{}, false
	}
	l.id, l.kind, l.file = f[0], f[1], f[5]
	pid, err := strconv.Atoi(f[4])
	if l.pid = pid; err != nil || pid < -1 || strings.Count(l.file, ":") != 2 {
		return lockLine{}, false
	}
	return l, true
}

// blockers returns the locks that waiting requests for which match says yes
// wait for.
func blockers(text string, match func(lockLine) bool) (list []lockLine) {
	var head lockLine
	for _, line := range strings.Split(text, "\n") {
		l, ok := parseLock(line)
		switch {
		case !ok:
		case !l.waits:
			head = l
		case l.id == head.id && match(l):
			if n := len(list); n == 0 || list[n-1] != head {
				list = append(list, head)
			}
		}
	}
	return list
}

// locking reports whether a call of the kind that locks files waits for a lock.
// fcntl does much else.
func (q *inquiry) locking() bool {
	const setLockWait, ofdSetLockWait = 7, 38 // F_SETLKW, F_OFD_SETLKW
	cmd := q.in.args[1]
	return q.call.name == "flock" || cmd == setLockWait || cmd == ofdSetLockWait
}

// onLock is for a call that waits for the lock of a file: who has it, /proc/locks
// says.
func (q *inquiry) onLock(r *event.Resource) error {
	fd := int(int32(q.in.args[0]))
	if !q.locking() || q.th.Wchan == "request_wait_answer" || strings.HasPrefix(q.th.Wchan, "rpc_") {
		return q.onDescriptor(fd, r)
	}
	link, err := os.Readlink(q.path("fd", strconv.Itoa(fd)))
	if err != nil {
		q.th.What = fmt.Sprintf("%s(%d)", q.call.name, fd)
		return err
	}
	q.th.What = fmt.Sprintf("%s(%d → %s)", q.call.name, fd, link)
	r.Kind, r.Name = event.OnLockFile, "the lock of "+link
	text, err := os.ReadFile(filepath.Join(q.Proc, "locks"))
	if err != nil {
		return err
	}
	file, err := q.fileOf(fd)
	if err != nil {
		return err
	}
	held := blockers(string(text), func(l lockLine) bool {
		return (l.pid == q.PID || l.pid == -1) && (file == "" || l.file == file)
	})
	if len(held) == 0 {
		return fmt.Errorf("process %d waits for no lock in %s", q.PID, filepath.Join(q.Proc, "locks"))
	}
	for _, l := range held {
		if file == "" && l.file != held[0].file {
			return fmt.Errorf("process %d waits for several locks, and this kernel does not tell of which file descriptor %d is", q.PID, fd)
		}
	}
	var pids []int
	for _, l := range held {
		pids = append(pids, q.lockers(link, l)...)
	}
	r.Holders = q.holders(pids)
	if len(pids) == 0 {
		return errNoHolder
	}
	if len(r.Holders) == 1 && !q.aside {
		return q.behind(r.Holders[0].PID, r)
	}
	return nil
}

// maxBehind limits the threads of a lock's holder that are asked about.
const maxBehind = 32

// behind takes over what the process that has a lock waits for itself, where the
// kernel counts that: so does who waits for the lock. Which thread of several has
// the lock the kernel does not tell: it is known to be at rest only if all are.
func (q *inquiry) behind(pid int, r *event.Resource) error {
	k := q.of(pid)
	k.aside = true
	names, err := os.ReadDir(k.path("task"))
	if err != nil {
		return nil // it is gone, as its state says
	}
	if len(names) > maxBehind {
		return fmt.Errorf("process %d, which has it, has %d threads", pid, len(names))
	}
	for _, name := range names {
		tid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		th := k.thread(tid, q.seen)
		at := th.Resource
		switch {
		case th.State != "S" && th.State != "D":
			// It runs, is stopped or has ended.
		case len(names) == 1 && at != nil && at.Err == "" && counted[at.Kind] && at.InFlight > 0:
			r.Name += ", whose holder waits on " + at.Name
			r.InFlight, r.Completed, r.Moved, r.Throttled = at.InFlight, at.Completed, at.Moved, at.Throttled
		case th.State == "S" && !atRest(&th):
			return fmt.Errorf("process %d, which has it, may not be at rest: thread %d is in %s", pid, tid, firstOf(th.What, th.Call, th.Wchan))
		}
	}
	return nil
}

// atRest reports whether a thread that sleeps waits for what anybody may send, or
// for a time to come. Of a futex of another process more is not known.
func atRest(th *event.Thread) bool {
	if th.Call == "futex" {
		return true
	}
	r := th.Resource
	if r == nil || r.InFlight > 0 {
		return false
	}
	switch r.Kind {
	case event.OnWork, event.OnTime, event.OnPipe, event.OnSocket, event.OnChild:
		return true
	}
	return false
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return "a wait that is not known"
}

// fileOf returns the device and inode of a descriptor's file as /proc/locks has
// them, "" if this kernel does not tell the inode.
func (q *inquiry) fileOf(fd int) (string, error) {
	info, err := q.info(q.PID, fd)
	if err != nil || info.inode == 0 {
		return "", err
	}
	m, err := q.mountOf(fd)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%02x:%02x:%d", m.major, m.minor, info.inode), nil
}

// lockers returns the processes that have a lock. One of an open file is with
// all that have that open, and so is one of flock, whose process may be gone.
func (q *inquiry) lockers(link string, l lockLine) (pids []int) {
	if l.pid > 0 {
		if s := q.Task(l.pid, 0).State; l.kind == "POSIX" || s != stateGone && s != "Z" {
			return []int{l.pid}
		}
	}
	list, _ := q.openers(link)
	for _, o := range list {
		info, err := q.info(o.pid, o.fd)
		if err != nil {
			continue
		}
		for _, has := range info.locks {
			if has.kind == l.kind && has.file == l.file {
				pids = append(pids, o.pid)
			}
		}
	}
	return pids
}
