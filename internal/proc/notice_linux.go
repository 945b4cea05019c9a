package proc

import (
	"os"
	"syscall"
)

// notices counts what happens to files of control groups, by inotify: in version 2
// the kernel tells of each change of cgroup.events, in version 1 freezer.state is
// changed by writing to it. So a process that was frozen sees it afterwards.
type notices struct {
	fd    int // 0 if there is none: descriptor 0 is never ours
	names []string
	seen  int64
	buf   [4096]byte
}

// watch watches the files and no others.
func (n *notices) watch(names []string) {
	same := len(n.names) == len(names)
	for i := 0; same && i < len(names); i++ {
		same = n.names[i] == names[i]
	}
	if same {
		return
	}
	n.count() // what has come so far counts
	n.close()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return
	}
	watched := 0
	for _, name := range names {
		if _, err := syscall.InotifyAddWatch(fd, name, syscall.IN_MODIFY); err == nil {
			watched++
		}
	}
	if watched == 0 {
		syscall.Close(fd)
		return
	}
	n.fd, n.names = fd, append([]string(nil), names...)
}

// count returns how often one of the files has changed, several changes in a row
// being one; -1 if none is watched.
func (n *notices) count() int64 {
	if n.fd == 0 {
		return -1
	}
	if got, err := syscall.Read(n.fd, n.buf[:]); err == nil && got > 0 {
		n.seen++
	}
	return n.seen
}

func (n *notices) close() {
	if n.fd != 0 {
		syscall.Close(n.fd)
		n.fd, n.names = 0, nil
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
