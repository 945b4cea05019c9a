package errands

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The helper's share. Its threads are of the usual class of the scheduler, a little
// less weighty than others (weight 335 of 1024): a helper that is starved, as
// SCHED_IDLE would have it on a busy machine, tells of a slow disk where there is none,
// and with the half percent of time that it takes nobody notices it. For the same
// reason its I/O is of the usual class (best effort), at its lowest level.
const (
	niceness  = 5
	ioPrio    = 2<<13 | 7 // IOPRIO_CLASS_BE, level 7; linux/ioprio.h
	ioProcess = 1         // IOPRIO_WHO_PROCESS: with 0, the calling thread
)

// gate holds what a thread needs to go to where the program is. It is opened while
// the helper is still where the agent is.
type gate struct {
	setup
	mounts, network, root int // descriptors; -1 if not needed
}

func openGate(s setup) (gate, error) {
	g := gate{s, -1, -1, -1}
	dir := filepath.Join("/proc", strconv.Itoa(s.PID))
	for _, one := range []struct {
		need  bool
		name  string
		flags int
		fd    *int
	}{
		{s.Mounts, "ns/mnt", unix.O_RDONLY, &g.mounts},
		{s.Network, "ns/net", unix.O_RDONLY, &g.network},
		{s.Root, "root", unix.O_PATH | unix.O_DIRECTORY, &g.root},
	} {
		if !one.need {
			continue
		}
		fd, err := unix.Open(filepath.Join(dir, one.name), one.flags|unix.O_CLOEXEC, 0)
		if err != nil {
			return g, fmt.Errorf("open %s of the program: %w", one.name, err)
		}
		*one.fd = fd
	}
	return g, nil
}

// close closes what was opened: what a namespace holds would else be held with it.
func (g gate) close() {
	for _, fd := range []int{g.mounts, g.network, g.root} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// enter takes the calling thread, and no other, to where the program is. The thread
// belongs to its goroutine for ever.
func (g gate) enter() error {
	// A thread can have a root and a mount namespace of its own once it shares
	// neither with the others (setns(2)).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("have a root of its own: %w", err)
	}
	if g.network >= 0 {
		if err := unix.Setns(g.network, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the program's network namespace: %w", err)
		}
	}
	if g.mounts >= 0 {
		if err := unix.Setns(g.mounts, unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter the program's mount namespace: %w", err)
		}
	}
	if g.root >= 0 {
		if err := unix.Fchdir(g.root); err != nil {
			return fmt.Errorf("go to the program's root: %w", err)
		}
		if err := unix.Chroot("."); err != nil {
			return fmt.Errorf("take the program's root: %w", err)
		}
	}
	// Paths are absolute. To be in the program's working directory would keep its
	// file system from being unmounted after the program has left it.
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("go to the root: %w", err)
	}
	_, _, _ = unix.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioProcess, 0, ioPrio)
	return nil
}

// become gives the whole process the program's user and groups.
func (g gate) become() error {
	if !g.Become {
		return nil
	}
	// By package syscall, which does it in all threads.
	if err := syscall.Setgroups(g.As.Groups); err != nil {
		return fmt.Errorf("take the program's groups: %w", err)
	}
	if err := syscall.Setresgid(int(g.As.GID), int(g.As.GID), int(g.As.GID)); err != nil {
		return fmt.Errorf("take the program's group %d: %w", g.As.GID, err)
	}
	if err := syscall.Setresuid(int(g.As.UID), int(g.As.UID), int(g.As.UID)); err != nil {
		return fmt.Errorf("take the program's user %d: %w", g.As.UID, err)
	}
	return nil
}

// restrict takes from the calling thread what the program is not permitted. What the
// program is permitted beyond its user (ambient capabilities) the helper lacks; then
// it is told that something is not permitted.
func (g gate) restrict() error {
	if !g.Become {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read its capabilities: %w", err)
	}
	for i := range data {
		data[i].Permitted &= uint32(g.As.Caps >> (32 * i))
		data[i].Effective = data[i].Permitted
		data[i].Inheritable = 0
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	return nil
}

// alone closes what was inherited besides the standard streams, and has the helper
// killed before anybody else if there is no memory. The descriptors of the Go runtime's
// own poller stay.
func alone() {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, n := range names {
		fd, err := strconv.Atoi(n.Name())
		if err != nil || fd <= 2 {
			continue
		}
		link, err := os.Readlink("/proc/self/fd/" + n.Name())
		if err != nil || strings.HasPrefix(link, "anon_inode:[event") {
			continue
		}
		unix.Close(fd)
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}

// follow has the kernel end the helper when the agent does, if it has not ended
// already. The calling thread must be the process's for ever.
func follow(agent int) error {
	if _, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0); errno != 0 {
		return fmt.Errorf("end with the agent: %w", errno)
	}
	if got := os.Getppid(); got != agent {
		return fmt.Errorf("the agent, process %d, is not its parent, which is %d", agent, got)
	}
	return nil
}

// waited returns how long a thread has waited for a processor so far, 0 if that is not
// known. fd is of its schedstat.
func waited(fd int) int64 {
	var buf [96]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if err != nil {
		return 0
	}
	f := strings.Fields(string(buf[:n]))
	if len(f) != 3 {
		return 0
	}
	ns, _ := strconv.ParseInt(f[1], 10, 64)
	return ns
}

// aligned returns n bytes at an address that O_DIRECT takes.
func aligned(n int) []byte {
	const page = 4096
	b := make([]byte, n+page)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & (page - 1))
	return b[off : off+n]
}
