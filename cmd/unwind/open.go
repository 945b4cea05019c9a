package unwind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/proc"
)

// maxHanging is how many questions to the kernel may be open at a time. Each
// takes a thread while it hangs.
const maxHanging = 4

// slots holds one for each question that is open.
type slots chan struct{}

// later is an answer that may come late.
type later[T any] struct {
	helper *proc.Helper // nil if nobody was asked
	v      T
	err    error
}

var (
	errLate = errors.New("the kernel has not answered in time")
	errBusy = errors.New("earlier questions hang in the kernel")
)

// ask has f answer in a thread that can be given up.
func ask[T any](s slots, f func() (T, error)) *later[T] {
	l := &later[T]{}
	select {
	case s <- struct{}{}:
	default:
		l.err = errBusy
		return l
	}
	l.helper = proc.Ask(func() {
		defer func() { <-s }()
		l.v, l.err = f()
	})
	return l
}

// wait returns the answer, or errLate after the limit.
func (l *later[T]) wait(limit time.Duration) (v T, err error) {
	if l.helper == nil || l.helper.Wait(limit) {
		return l.v, l.err
	}
	return v, errLate
}

// openMapped opens the file of a mapping. sure says that it is that very file:
// the kernel itself has led there. Else it is what bears the file's name in the
// process's root directory now, and the caller has to compare.
func openMapped(pid int, m mapping) (f *os.File, sure bool, err error) {
	link := fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, m.start, m.end)
	if f, err := regular(unix.AT_FDCWD, link, nil); err == nil {
		return f, true, nil
	}
	if f, err = inRoot(pid, m.name()); err != nil {
		// A process in another root directory, but in the same mount namespace, has
		// its files named as lifesign sees them.
		f, err = regular(unix.AT_FDCWD, m.name(), nil)
	}
	return f, false, err
}

// inRoot opens a file by the name that it has for a process.
func inRoot(pid int, name string) (*os.File, error) {
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root directory of process %d: %w", pid, err)
	}
	defer unix.Close(root)
	return regular(root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// regular opens a file for reading if it is a regular one: to open a device or
// a pipe can do things.
func regular(dir int, name string, in *unix.OpenHow) (*os.File, error) {
	var fd int
	var err error
	if in != nil {
		fd, err = unix.Openat2(dir, name, in)
	} else {
		fd, err = unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	if errors.Is(err, unix.ENOSYS) { // openat2 came with Linux 5.6
		fd, err = unix.Openat(dir, "."+filepath.Clean("/"+name), unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &os.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}
