package observe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// memory reads another process's memory. Reading neither stops nor changes it.
type memory struct{ pid int }

// errNotPermitted is why a look is not to be had at all.
var errNotPermitted = errors.New("the kernel does not permit reading the program's memory (other user, not dumpable, or Yama's ptrace_scope)")

// read fills buf from addr.
func (m memory) read(addr uint64, buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	local := unix.Iovec{Base: &buf[0]}
	local.SetLen(len(buf))
	n, err := unix.ProcessVMReadv(m.pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(buf)}}, 0)
	switch {
	case err == unix.EPERM:
		return errNotPermitted
	case err != nil:
		return fmt.Errorf("read %d bytes at %#x of process %d: %w", len(buf), addr, m.pid, err)
	case n != len(buf):
		return fmt.Errorf("read %d bytes at %#x of process %d: only %d are there", len(buf), addr, m.pid, n)
	}
	return nil
}

func (m memory) word(addr uint64) (uint64, error) {
	var buf [8]byte
	err := m.read(addr, buf[:])
	return binary.LittleEndian.Uint64(buf[:]), err
}

// half reads four bytes, with sign.
func (m memory) half(addr uint64) (int32, error) {
	var buf [4]byte
	err := m.read(addr, buf[:])
	return int32(binary.LittleEndian.Uint32(buf[:])), err
}
