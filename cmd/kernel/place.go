package kernel

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// nameless makes a file without a name in the working directory, and closes it.
func (m *Machine) nameless() (Answer, string) {
	dir, err := os.Getwd()
	if err != nil {
		return answer(err)
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(fd)
		return Yes, ""
	}
	if err == unix.EISDIR { // a kernel before 3.11
		err = unix.EOPNOTSUPP
	}
	a, why := answer(err)
	return a, fmt.Sprintf("in %s: %s", dir, why)
}

// elsewhere enters the namespaces that it is in already, which takes the same right as
// to enter others, in a thread that ends then.
func (m *Machine) elsewhere() (Answer, string) {
	told := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_FS)
		for _, ns := range []struct {
			name string
			kind int
		}{{"net", unix.CLONE_NEWNET}, {"mnt", unix.CLONE_NEWNS}} {
			if err == nil {
				err = enter(m.proc("thread-self", "ns", ns.name), ns.kind)
			}
		}
		told <- err
	}()
	return answer(<-told)
}

func enter(name string, kind int) error {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, kind); err != nil {
		return fmt.Errorf("enter %s: %w", name, err)
	}
	return nil
}
