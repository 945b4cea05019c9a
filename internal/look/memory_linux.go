//go:build linux && (amd64 || arm64)

package look

import (
	"errors"
	"syscall"
	"unsafe"
)

// Process returns the memory of the process pid, which may be the caller's own.
// It is read with process_vm_readv: no stop, no trace, and an address that is
// not mapped is an error and no fault.
func Process(pid int) Memory { return process(pid) }

type process int

// maxParts is what the kernel takes in one call (UIO_MAXIOV).
const maxParts = 1024

var errNotThere = errors.New("not mapped")

// remote is a struct iovec whose address is another process's, and so must not
// be a pointer here.
type remote struct{ base, len uintptr }

func (p process) Read(parts []Part) {
	n := len(parts)
	if n > maxParts {
		n = maxParts
	}
	if n == 1 {
		var l [1]syscall.Iovec
		var r [1]remote
		p.all(parts, l[:0], r[:0])
		return
	}
	p.all(parts, make([]syscall.Iovec, 0, n), make([]remote, 0, n))
}

// all reads parts, maxParts at a time. The kernel stops at the first one that
// is not there: then the rest is asked for again.
func (p process) all(parts []Part, local []syscall.Iovec, there []remote) {
	for len(parts) > 0 {
		local, there = local[:0], there[:0]
		n := 0
		for ; n < len(parts) && len(local) < maxParts; n++ {
			part := &parts[n]
			part.Err = nil
			if len(part.Buf) > 0 {
				l := syscall.Iovec{Base: &part.Buf[0]}
				l.SetLen(len(part.Buf))
				local = append(local, l)
				there = append(there, remote{uintptr(part.Addr), uintptr(len(part.Buf))})
			}
		}
		if len(local) == 0 {
			return
		}
		got, errno := p.readv(local, there)
		if errno == syscall.EPERM || errno == syscall.ESRCH || errno == syscall.ENOSYS {
			refuse(parts, errno)
			return
		}
		parts = parts[arrived(parts[:n], got, errno):]
	}
}

func (p process) readv(local []syscall.Iovec, there []remote) (n int, errno syscall.Errno) {
	r, _, errno := syscall.Syscall6(sysReadv, uintptr(p),
		uintptr(unsafe.Pointer(&local[0])), uintptr(len(local)),
		uintptr(unsafe.Pointer(&there[0])), uintptr(len(there)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// arrived settles the parts of one call that brought got bytes, and returns how
// many are settled: those that came, and the first one that did not.
func arrived(parts []Part, got int, errno syscall.Errno) int {
	for i := range parts {
		if got < len(parts[i].Buf) {
			why := error(errNotThere)
			if errno != 0 && errno != syscall.EFAULT {
				why = errno
			}
			parts[i].Err = unreadable(parts[i], why)
			return i + 1
		}
		got -= len(parts[i].Buf)
	}
	return len(parts)
}

// refuse settles parts when the process may not be read, or is gone.
func refuse(parts []Part, errno syscall.Errno) {
	for i := range parts {
		if errno == syscall.EPERM {
			parts[i].Err = ErrNotPermitted
		} else {
			parts[i].Err = unreadable(parts[i], errno)
		}
	}
}
