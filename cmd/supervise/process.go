package supervise

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// process is one that runs, or has.
type process struct {
	pid   int
	start uint64 // in clock ticks after the boot, as in /proc: with pid the name of one process for good
	fd    int    // pidfd
	ready bool
	run   int

	waiting chan struct{} // closed when nobody waits for it any more
}

// newProcess returns process pid, by its pidfd.
func newProcess(pid, fd int) *process {
	return &process{pid: pid, fd: fd, start: startTime(pid)}
}

// openProcess returns the process that had this number and began then, nil if it is
// gone.
func openProcess(pid int, start uint64) *process {
	if pid <= 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	// Looked at after the descriptor is there: it cannot be another one's by now.
	if p := newProcess(pid, fd); start != 0 && p.start == start {
		return p
	}
	unix.Close(fd)
	return nil
}

// signal sends a signal. It fails only if the process has ended.
func (p *process) signal(sig syscall.Signal) {
	unix.PidfdSendSignal(p.fd, sig, nil, 0)
}

// close gives the descriptor back, once nobody waits on it.
func (p *process) close() {
	if p.waiting == nil {
		unix.Close(p.fd)
		return
	}
	go func() { <-p.waiting; unix.Close(p.fd) }()
}

// startTime is field 22 of /proc/PID/stat, 0 if there is no such process.
func startTime(pid int) uint64 {
	fields := statFields(pid)
	if len(fields) < 20 {
		return 0
	}
	n, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// statFields are the fields of /proc/PID/stat from the third on: the second is a name
// in brackets, with anything in it.
func statFields(pid int) [][]byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
}

// follow waits for a process, and tells of its end.
func (d *Driver) follow(p *process) {
	p.waiting = make(chan struct{})
	go func() {
		defer close(p.waiting)
		if !p.await(d.ending) {
			return
		}
		d.happen(supervise.Event{Kind: supervise.Exited, PID: p.pid, Exit: p.exit()})
	}()
}

// await waits for the process's end, or for done.
func (p *process) await(done <-chan struct{}) bool {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 1000)
		if n > 0 {
			return true
		}
		if err != nil && err != unix.EINTR {
			time.Sleep(100 * time.Millisecond)
		}
		select {
		case <-done:
			return false
		default:
		}
	}
}

// reaped is how long whoever has inherited a process may take to reap it. Only then
// does a pidfd tell its exit status.
const reaped = 5 * time.Second

// exit returns how a process that has ended has done so. Of one's own child wait4
// tells; of another's /proc, until it is reaped, and since Linux 6.15 its pidfd from
// then on (PIDFD_INFO_EXIT).
func (p *process) exit() supervise.Exit {
	var w unix.WaitStatus
	for {
		pid, err := unix.Wait4(p.pid, &w, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err == nil && pid == p.pid {
			return exitOf(w)
		}
		break
	}
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if e := p.zombie(); e.Known {
			return e
		}
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		err := unix.IoctlPidfdInfo(p.fd, &info)
		if err == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0 {
			return exitOf(unix.WaitStatus(info.Exit_code))
		}
		if err != nil && err != unix.ESRCH || time.Since(began) > reaped {
			return supervise.Exit{}
		}
	}
}

// zombie returns how the process has ended by what /proc says while nobody has reaped
// it. To those who must not know it says 0.
func (p *process) zombie() supervise.Exit {
	f := statFields(p.pid)
	const start, code = 22 - 3, 52 - 3 // of proc_pid_stat(5), counted from the third
	if len(f) <= code || f[0][0] != 'Z' || string(f[start]) != strconv.FormatUint(p.start, 10) {
		return supervise.Exit{}
	}
	n, err := strconv.ParseUint(string(f[code]), 10, 32)
	if err != nil || n == 0 && os.Geteuid() != 0 {
		return supervise.Exit{}
	}
	return exitOf(unix.WaitStatus(n))
}

// hand makes another process the main one, as the program says by MAINPID.
func (d *Driver) hand(pid int) {
	if d.child == nil || pid == d.child.pid || !d.tree.has(pid, d.child) {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	p := newProcess(pid, fd)
	p.ready, p.run = d.child.ready, d.child.run
	d.child.close()
	d.child = p
	d.current.Store(int64(pid))
	d.save()
	d.follow(p)
}

// mine reports whether a process is the one that is waited for anyhow.
func (d *Driver) mine(pid int) bool { return d.current.Load() == int64(pid) }
