package proc

import (
	"syscall"
	"unsafe"
)

// These are the few system calls that reading by descriptors takes. Those of
// package os allocate, and keep descriptors for the network poller that have
// nothing to do there.

const (
	errGone    = syscall.ESRCH  // what a held descriptor of a thread's file says once the thread is gone
	errAbsent  = syscall.ENOENT //
	errTooMany = syscall.EMFILE
	errTooFull = syscall.ENFILE
	errDenied  = syscall.EACCES
	errForbid  = syscall.EPERM
)

func openFile(name string) (int, error) {
	for {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

func openDir(name string) (int, error) {
	for {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// openAt opens the file name, which ends with a zero byte, below a directory.
func openAt(dir int, name []byte) (int, error) {
	for {
		fd, _, errno := syscall.Syscall6(syscall.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), syscall.O_RDONLY|syscall.O_CLOEXEC, 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case syscall.EINTR:
		default:
			return -1, errno
		}
	}
}

// readStart reads a file from its beginning, so that what is in /proc is made
// anew.
func readStart(fd int, buf []byte) (int, error) {
	for {
		n, err := syscall.Pread(fd, buf, 0)
		if err == nil {
			return n, nil
		}
		if err != syscall.EINTR {
			return 0, err // n is -1
		}
	}
}

func closeFD(fd int) { syscall.Close(fd) }

func rewind(dir int) error {
	_, err := syscall.Seek(dir, 0, 0)
	return err
}

// readDir reads entries of a directory, as the kernel writes them.
func readDir(dir int, buf []byte) (int, error) {
	for {
		n, err := syscall.ReadDirent(dir, buf)
		if err == nil {
			return n, nil
		}
		if err != syscall.EINTR {
			return 0, err // n is -1
		}
	}
}

// entryName returns the name in the directory entry that b begins with, and
// what follows the entry. The name is nil in what is no entry. Of struct
// linux_dirent64 the length is at 16 and the name at 19.
func entryName(b []byte) (name, rest []byte) {
	const length, text = 16, 19
	if len(b) < text {
		return nil, nil
	}
	n := int(b[length]) | int(b[length+1])<<8
	if n < text || n > len(b) {
		return nil, nil
	}
	name = b[text:n]
	for i, c := range name {
		if c == 0 {
			name = name[:i]
			break
		}
	}
	return name, b[n:]
}

// maxDescriptors is how many descriptors this process may have open.
func maxDescriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 256
	}
	if limit.Cur > 1<<20 {
		return 1 << 20
	}
	return int(limit.Cur)
}
