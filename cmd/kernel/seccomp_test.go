package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func setSeccomp(prog *unix.SockFprog) error {
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(prog)), 0, 0)
}
