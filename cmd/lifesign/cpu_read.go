package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/cputime"
	"github.com/lifesign-go/lifesign/internal/proc"
	"golang.org/x/sys/unix"
)

var errEnded = errors.New("the process has ended")

// cpuInterval is what a process has done between two readings.
type cpuInterval struct {
	cputime.Interval
	time time.Time // of its end
}

// cpuProcess reads the CPU time of one process and keeps account of it.
type cpuProcess struct {
	pid     int
	comm    string
	start   uint64 // with the number, who it is
	clock   cpuClock
	threads *cpuThreads // nil if they are not read

	account cputime.Account
	stat    int64            // utime and stime together, nanoseconds
	sum     cputime.Interval // of all intervals so far
}

// openCPU begins the account of a process. The threads are read if that was
// asked for, or if the process's clock cannot be read. The error is errEnded if
// there is no such process.
func openCPU(pid int, threads bool) (*cpuProcess, error) {
	return openCPUBy(proc.ProcessTime, pid, threads)
}

func openCPUBy(clock cpuClock, pid int, threads bool) (*cpuProcess, error) {
	stat, err := readStat(pid)
	if err != nil {
		return nil, err
	}
	if stat.Ended() {
		return nil, fmt.Errorf("process %d (%s): %w, and its parent has not taken note", pid, printable(stat.Comm), errEnded)
	}
	p := &cpuProcess{pid: pid, comm: stat.Comm, start: stat.Start, clock: clock}
	if _, err := clock(pid); err != nil {
		if group, err := threadGroup(pid); err == nil && group != pid {
			return nil, fmt.Errorf("%d is a thread of process %d", pid, group)
		}
		threads = true
	}
	if threads {
		if p.threads, err = openCPUThreads(pid); err != nil {
			return nil, err
		}
	}
	if _, _, err = p.step(); err != nil {
		return nil, err
	}
	return p, nil
}

// cpuClock reads a process's CPU-time clock, in nanoseconds.
type cpuClock func(pid int) (int64, error)

// step reads the process. ok says whether there was a reading before, and the
// process was still there to be read. With errEnded there can be a last interval,
// if the parent has not taken note yet.
func (p *cpuProcess) step() (i cpuInterval, ok bool, err error) {
	s, ended, err := p.read()
	if err != nil {
		return cpuInterval{}, false, err
	}
	p.stat = s.Stat
	if i.Interval, ok = p.account.Step(s); ok {
		i.time = time.Now()
		if p.sum.To == 0 {
			p.sum = cputime.Interval{From: i.From, Exact: true}
		}
		p.sum.To = i.To
		p.sum.Ran += i.Ran
		p.sum.Stat += i.Stat
		p.sum.Exact = p.sum.Exact && i.Exact
	}
	if ended {
		err = errEnded
	}
	return i, ok, err
}

// read takes a sample. A reading in which others had the processor for long is
// taken again, so that clock and time belong together; the last try counts.
func (p *cpuProcess) read() (s cputime.Sample, ended bool, err error) {
	for try := 0; try < 4; try++ {
		from := clock.Monotonic()
		// Who has the number is certain only while its start is the same. That the
		// number changes hands between that and the clock's reading would take the
		// kernel giving away all the others first.
		s.Before, _ = p.clock(p.pid)
		stat, err := readStat(p.pid)
		if err != nil {
			return s, false, err
		}
		if stat.Start != p.start {
			return s, false, errEnded
		}
		s.After, _ = p.clock(p.pid)
		s.At = clock.Monotonic()
		s.Stat, p.comm, ended = stat.CPU, stat.Comm, stat.Ended()
		if s.At-from < int64(time.Millisecond) {
			break
		}
	}
	if p.threads == nil || ended {
		return s, ended, nil
	}
	s.Threads, err = p.threads.read()
	if errors.Is(err, proc.ErrGone) {
		return s, true, nil
	}
	if !s.Clock() {
		s.At = clock.Monotonic()
	}
	return s, false, err
}

// cpuThreads reads the threads of a process.
type cpuThreads struct {
	kernel proc.Kernel
	tasks  *proc.Tasks
	buf    []event.Thread
}

func openCPUThreads(pid int) (*cpuThreads, error) {
	t := &cpuThreads{kernel: proc.Kernel{Proc: "/proc", Sys: "/sys", PID: pid}}
	var err error
	if t.tasks, err = proc.OpenTasks(t.kernel); errors.Is(err, proc.ErrGone) {
		err = errEnded
	}
	return t, err
}

func (t *cpuThreads) read() (threads []event.Thread, err error) {
	t.buf, err = t.tasks.Counters(t.buf)
	return t.buf, err
}

// comm returns a thread's name, "" if it is gone.
func (t *cpuThreads) comm(tid int) string { return t.kernel.Task(t.kernel.PID, tid).Comm }

// close lets go of what is held of the process.
func (p *cpuProcess) close() {
	if p.threads != nil {
		p.threads.tasks.Close()
	}
}

func readStat(pid int) (cputime.Stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return cputime.Stat{}, errEnded
	}
	if err != nil {
		return cputime.Stat{}, err
	}
	s, err := cputime.ParseStat(b)
	if err != nil {
		return s, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	return s, nil
}

// threadGroup returns the process that a thread belongs to.
func threadGroup(tid int) (int, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return 0, err
	}
	_, after, ok := strings.Cut(string(b), "\nTgid:")
	line, _, _ := strings.Cut(after, "\n")
	if !ok {
		return 0, fmt.Errorf("read /proc/%d/status: it has no Tgid", tid)
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

// ownProc makes sure that /proc counts processes as clocks do: it shows those of
// the PID namespace that it was mounted in.
func ownProc() error {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return fmt.Errorf("read /proc: %w", err)
	}
	if self != strconv.Itoa(os.Getpid()) {
		return errors.New("/proc belongs to another PID namespace: mount one of this namespace there")
	}
	return nil
}

// processes returns the numbers of all processes that /proc shows.
func processes() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// openCPUs opens the processes that were named, by number or name, each once.
func openCPUs(o cpuOptions) ([]*cpuProcess, error) {
	pids := o.pids
	if o.name != nil {
		var err error
		if pids, err = named(o.name); err != nil {
			return nil, err
		}
	}
	var procs []*cpuProcess
	seen := map[int]bool{}
	for _, pid := range pids {
		if seen[pid] {
			continue
		}
		seen[pid] = true
		p, err := openCPU(pid, o.threads)
		switch {
		case err == nil:
			procs = append(procs, p)
		case errors.Is(err, errEnded) && o.name != nil: // since it was found
		case err == errEnded:
			return nil, fmt.Errorf("there is no process %d", pid)
		default:
			return nil, err
		}
	}
	if len(procs) == 0 {
		return nil, fmt.Errorf("no process has a name that matches %q", o.name)
	}
	return procs, nil
}

// named returns the processes whose names match, but for this one.
func named(name *regexp.Regexp) ([]int, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, pid := range all {
		if stat, err := readStat(pid); err == nil && pid != os.Getpid() && !stat.Ended() && name.MatchString(stat.Comm) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
