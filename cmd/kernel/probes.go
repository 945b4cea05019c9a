package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Numbers of capabilities (linux/capability.h).
const (
	capSysPtrace = 19
	capSysAdmin  = 21
)

// processProbes are of what stands in a process's files and memory.
var processProbes = []probe{
	{"threads of all processes", (*Machine).hidden,
		"other users' processes: they are hidden", "mount /proc without hidepid, or join the group that its gid= names"},
	{"memory of your own processes", (*Machine).memoryOfOwn,
		"who holds a lock in user space, and the stacks of processes that lifesign has not started",
		"CAP_SYS_PTRACE (setcap cap_sys_ptrace+ep lifesign), or kernel.yama.ptrace_scope=0"},
	{"memory of all processes", (*Machine).memoryOfAll,
		"the same of other users' processes", "run as root, or setcap cap_sys_ptrace+ep lifesign"},
	{"ptrace", (*Machine).ptrace,
		"whether a busy thread's instruction pointer moves (-ptrace)", "CAP_SYS_PTRACE, and kernel.yama.ptrace_scope below 3"},
	{"system call of a thread", (*Machine).syscalls,
		"which call a thread stands in, and on what", "CAP_SYS_PTRACE, or kernel.yama.ptrace_scope=0; a kernel with /proc/PID/syscall (CONFIG_HAVE_ARCH_TRACEHOOK)"},
	{"kernel stack of a thread", func(m *Machine) (Answer, string) { return m.readable(m.proc("self", "stack")) },
		"what a thread that hangs in the kernel is about there; the function it sleeps in is seen all the same", "CAP_SYS_ADMIN; a kernel with CONFIG_STACKTRACE"},
	{"run time of a thread (schedstat)", (*Machine).schedstat,
		"CPU time to the nanosecond, and how long a thread has waited for a processor: starved is not told from idle", "a kernel with CONFIG_SCHED_INFO (any with CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT)"},
}

func (m *Machine) hidden() (Answer, string) {
	if os.Geteuid() == 0 && m.Proc == "/proc" {
		return Yes, ""
	}
	_, err := os.ReadFile(m.proc(strconv.Itoa(m.First), "stat"))
	return answer(err)
}

// memoryOfOwn is tried with the parent, if that is of the same user; else the
// kernel's rule is the answer (__ptrace_may_access, yama_ptrace_access_check).
func (m *Machine) memoryOfOwn() (Answer, string) {
	if owner, err := userOf(m.proc(strconv.Itoa(m.Parent))); err == nil && m.Parent > 0 && owner == os.Geteuid() {
		a, why := peek(m.Parent)
		if n, err := m.yama(); a == No && err == nil {
			why += fmt.Sprintf("; kernel.yama.ptrace_scope is %d", n)
		}
		return a, why
	}
	scope, err := m.yama()
	switch {
	case m.capable(capSysPtrace) == Yes:
		return Yes, ""
	case err != nil:
		return Unknown, err.Error()
	case scope > 0:
		return No, fmt.Sprintf("kernel.yama.ptrace_scope is %d", scope)
	}
	return Yes, ""
}

func userOf(dir string) (int, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return 0, err
	}
	return int(st.Uid), nil
}

func (m *Machine) memoryOfAll() (Answer, string) {
	a, why := peek(m.First)
	if a == No && m.capable(capSysPtrace) == Yes {
		why += ", although CAP_SYS_PTRACE is there: a security module may forbid it"
	}
	return a, why
}

// peek tries to read the memory of a process at an address where there is none.
// Rights are looked at before the address is.
func peek(pid int) (Answer, string) {
	buf := make([]byte, 1)
	local := []unix.Iovec{{Base: &buf[0], Len: 1}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 8, Len: 1}}, 0)
	if err == nil || errors.Is(err, unix.EFAULT) {
		return Yes, ""
	}
	return answer(fmt.Errorf("read memory of process %d: %w", pid, err))
}

// yama is what the security module of that name allows: 0, everything that the
// kernel does, also if there is no such module; 1, of children; 2, with
// CAP_SYS_PTRACE; 3, nothing (Documentation/admin-guide/LSM/Yama.rst).
func (m *Machine) yama() (int64, error) {
	n, err := number(m.proc("sys", "kernel", "yama", "ptrace_scope"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return n, err
}

func (m *Machine) ptrace() (Answer, string) {
	scope, err := m.yama()
	able := m.capable(capSysPtrace)
	switch {
	case err != nil:
		return Unknown, err.Error()
	case scope >= 3:
		return No, fmt.Sprintf("kernel.yama.ptrace_scope is %d: nobody may, until the machine is started anew", scope)
	case able == Yes:
		return Yes, "of all processes"
	case scope == 2:
		return able, "kernel.yama.ptrace_scope is 2: only with CAP_SYS_PTRACE"
	case scope == 1:
		return able, "kernel.yama.ptrace_scope is 1: only of processes that lifesign has started"
	}
	return Yes, "of your own processes"
}

// syscalls takes the file and the right to read another process's memory.
func (m *Machine) syscalls() (Answer, string) {
	if a, why := m.readable(m.proc("self", "syscall")); a != Yes {
		return a, why
	}
	return m.memoryOfOwn()
}

func (m *Machine) schedstat() (Answer, string) {
	b, err := os.ReadFile(m.proc("self", "schedstat"))
	if err != nil {
		return answer(err)
	}
	if f := strings.Fields(string(b)); len(f) != 3 || f[0] == "0" {
		return No, fmt.Sprintf("it says %q of this process, which has run", strings.TrimSpace(string(b)))
	}
	return Yes, ""
}

// kernelProbes are of what the kernel tells by itself.
var kernelProbes = []probe{
	{"exits of single threads (process connector)", (*Machine).connector,
		"what a thread has died of: one that the kernel has killed is not told from one that has ended", "CAP_NET_ADMIN, in the initial user, PID and network namespace; a kernel with CONFIG_PROC_EVENTS"},
	{"kernel's log", func(m *Machine) (Answer, string) {
		log, err := openMessages(m.Log)
		if err == nil {
			log.Close()
		}
		return answer(err)
	}, "what the kernel says of an oops, or of a task that hangs in it", "CAP_SYSLOG, or kernel.dmesg_restrict=0 and read access to /dev/kmsg; in a container, that device"},
	{"count of oopses", func(m *Machine) (Answer, string) { return counted(m.Sys + "/kernel/oops_count") },
		"how many oopses there were; the taint still tells whether there was one", "Linux 6.2"},
	{"taint", (*Machine).taint,
		"whether the kernel has oopsed", "a /proc that is mounted whole"},
	{"count of hung tasks", func(m *Machine) (Answer, string) {
		return counted(m.proc("sys", "kernel", "hung_task_detect_count"))
	}, "what the kernel's own detector has found; lifesign sees such threads by itself", "Linux 6.13 with CONFIG_DETECT_HUNG_TASK"},
	{"types of the kernel (BTF)", func(m *Machine) (Answer, string) {
		_, err := os.Stat(m.Sys + "/kernel/btf/vmlinux")
		return answer(err)
	}, "the next two", "a kernel with CONFIG_DEBUG_INFO_BTF"},
	{"threads from inside the kernel (eBPF iter/task)", (*Machine).iter,
		"nothing but the next", "CAP_BPF and CAP_PERFMON, or root; Linux 5.8; the initial PID namespace"},
	{"owner of a lock in the kernel", (*Machine).blockers,
		"whom a thread in D waits for, if that is another thread inside the kernel", "Linux 6.16 with CONFIG_DETECT_HUNG_TASK_BLOCKER"},
}

func (m *Machine) connector() (Answer, string) {
	e, err := NewExits(os.Getpid())
	if errors.Is(err, errNoAnswer) {
		return No, err.Error()
	}
	if err != nil {
		return answer(err)
	}
	return answer(e.Close())
}

// counted is a file that has a count in it.
func counted(name string) (Answer, string) {
	n, err := number(name)
	if err != nil {
		return answer(err)
	}
	return Yes, fmt.Sprintf("%d so far", n)
}

func (m *Machine) taint() (Answer, string) {
	n, err := number(m.proc("sys", "kernel", "tainted"))
	if err != nil {
		return answer(err)
	}
	if n>>7&1 == 1 { // TAINT_DIE
		return Yes, "this kernel has oopsed since it was started"
	}
	return Yes, ""
}

func (m *Machine) iter() (Answer, string) {
	it, err := NewIter()
	if err == nil {
		defer it.Close()
		err = it.Load()
	}
	if errors.Is(err, errNamespace) {
		return No, err.Error()
	}
	return answer(err)
}

func (m *Machine) blockers() (Answer, string) {
	it, err := NewIter()
	if err != nil {
		return Unknown, "the program over tasks cannot be run"
	}
	defer it.Close()
	if it.Load() != nil {
		return Unknown, "the program over tasks cannot be run"
	}
	return answer(it.Blockers())
}

// resourceProbes are of what threads wait for.
var resourceProbes = []probe{
	{"requests of FUSE file systems (fusectl)", (*Machine).fusectl,
		"whether a FUSE file system answers: a call on one that hangs stays unknown", "mount -t fusectl none /sys/fs/fuse/connections; of other users' file systems, root"},
	{"requests of block devices", (*Machine).devices,
		"whether a disk answers: a call on one that hangs stays unknown", "a /proc and a /sys that are mounted whole"},
	{"pressure (PSI)", func(m *Machine) (Answer, string) { return m.readable(m.proc("pressure", "io")) },
		"whether the whole machine waits for memory, devices or processors", "start the machine with psi=1; a kernel with CONFIG_PSI"},
	{"freezer of control groups", (*Machine).freezer,
		"whether a process is frozen: under v1 it looks as if it hung, under v2 as if it were idle", "mount the freezer controller (v1) or cgroup2"},
	{"connections (sock_diag)", func(m *Machine) (Answer, string) { return socketsOf(os.Getpid()) },
		"how many bytes a peer has acknowledged, and who is at the other end of a Unix socket; /proc/PID/net tells the rest", "a kernel with CONFIG_INET_DIAG and CONFIG_UNIX_DIAG"},
	{"the same in other network namespaces", (*Machine).otherNetworks,
		"the same, of processes in containers", "CAP_SYS_ADMIN"},
	{"pages that user space fills (userfaultfd)", (*Machine).userfaultfd,
		"nothing: programs here have none to wait for", ""},
}

func (m *Machine) fusectl() (Answer, string) {
	dir := m.Sys + "/fs/fuse/connections"
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return answer(&fs.PathError{Op: "statfs", Path: dir, Err: err})
	}
	if st.Type != fuseControl {
		return No, "nothing is mounted at " + dir
	}
	counts, err := filepath.Glob(dir + "/*/waiting")
	if err != nil || os.Geteuid() == 0 {
		return Yes, ""
	}
	for _, name := range counts {
		if unix.Access(name, unix.R_OK) != nil {
			return No, "of your own file systems only"
		}
	}
	return Yes, ""
}

// fuseControl is FUSE_CTL_SUPER_MAGIC.
const fuseControl = 0x65735543

func (m *Machine) devices() (Answer, string) {
	b, err := os.ReadFile(m.proc("diskstats"))
	if err != nil {
		return answer(err)
	}
	names, err := filepath.Glob(m.Sys + "/dev/block/*/inflight")
	if err != nil || len(names) == 0 {
		return No, "there is no block device below " + m.Sys + "/dev/block"
	}
	return Yes, fmt.Sprintf("of %d devices", strings.Count(string(b), "\n"))
}

func (m *Machine) freezer() (Answer, string) {
	c := m.cgroups()
	if c.failed != nil {
		return Unknown, c.failed.Error()
	}
	at, v1 := c.v1["freezer"]
	switch {
	case v1 && c.v2 != "":
		return Yes, fmt.Sprintf("v1 at %s, v2 at %s", at, c.v2)
	case v1:
		return Yes, "v1 at " + at
	case c.v2 != "":
		return Yes, "v2 at " + c.v2
	}
	return No, "control groups: " + c.kind()
}

func socketsOf(pid int) (Answer, string) {
	s, err := OpenSockets(pid)
	if err != nil {
		return answer(err)
	}
	defer s.Close()
	if _, err := s.TCP(0); err != nil && !errors.Is(err, ErrNoSocket) {
		return answer(err)
	}
	return Yes, ""
}

// otherNetworks cannot be tried without one; to enter it takes this right.
func (m *Machine) otherNetworks() (Answer, string) {
	if a, _ := socketsOf(os.Getpid()); a != Yes {
		return Unknown, "not even of this one"
	}
	return m.capable(capSysAdmin), ""
}

func (m *Machine) userfaultfd() (Answer, string) {
	const userModeOnly = 1 // UFFD_USER_MODE_ONLY, which takes no right since Linux 5.11
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|userModeOnly, 0, 0)
	if errno != 0 {
		return answer(fmt.Errorf("userfaultfd: %w", errno))
	}
	unix.Close(int(fd))
	return Yes, ""
}

// placeProbes are of where this process runs.
var placeProbes = []probe{
	{"initial PID namespace", func(m *Machine) (Answer, string) {
		ns, err := os.Readlink(m.proc("self", "ns", "pid"))
		if err == nil && ns != initialPIDs {
			return No, ns
		}
		return answer(err)
	}, "processes outside of this container, and what the kernel tells by their numbers", "in a container, run it with the host's PID namespace (docker run --pid=host; hostPID: true)"},
	{"CPU time that can be believed", (*Machine).believed,
		"whether utime and stime are right: before Linux 4.3 they can stand still and leap", "lifesign cpu goes by the run time instead"},
	{"files without a name here (O_TMPFILE)", (*Machine).nameless,
		"where mimics write, their files have names for a moment, and the directory's times change", "have the program's data on ext4, xfs, btrfs, overlay or tmpfs; nothing is wrong without"},
	{"other programs' places (setns)", (*Machine).elsewhere,
		"mimics of programs that have other mounts, another network or another root than lifesign itself", "run as root, or with the capabilities cap_sys_admin, cap_sys_chroot, cap_setuid and cap_setgid"},
}

func (m *Machine) believed() (Answer, string) {
	b, err := os.ReadFile(m.proc("sys", "kernel", "osrelease"))
	if err != nil {
		return answer(err)
	}
	var major, minor int
	release := strings.TrimSpace(string(b))
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return Unknown, fmt.Sprintf("the kernel's release is %q", release)
	}
	if major > 4 || major == 4 && minor >= 3 {
		return Yes, ""
	}
	return Unknown, "Linux " + release + " may have the fault or its repair (commit 9d7fb0427648); lifesign cpu finds out"
}
