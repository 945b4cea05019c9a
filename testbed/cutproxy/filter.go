package main

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// nothing is a filter of classic BPF that keeps no byte of any packet. The
// kernel asks it before TCP sees the packet: who has sent it never hears of it.
var nothing = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}

// The most that who writes to a slow connection and to another may be ahead of
// who reads, in bytes.
const (
	narrow = 4 << 10
	wide   = 1 << 30
)

// window sets that. A buffer's size could not be made large again.
func window(s syscall.Conn, bytes int) {
	if raw, err := s.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_WINDOW_CLAMP, bytes)
		})
	}
}

// deaf makes a socket lose all packets that come to it, or hear again.
func deaf(s syscall.Conn, yes bool) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if yes {
			failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
				&unix.SockFprog{Len: uint16(len(nothing)), Filter: &nothing[0]})
			return
		}
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		if errors.Is(failed, unix.ENOENT) { // it had none
			failed = nil
		}
	})
	return errors.Join(err, failed)
}
