package look

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Memory is the memory of a process.
type Memory interface {
	// Read fills the buffers of parts, as many in one go as it can. A part that
	// could not be read, or not whole, has its Err set; the others have it nil.
	Read(parts []Part)
}

// Part is a stretch of memory to be read.
type Part struct {
	Addr uint64
	Buf  []byte
	Err  error
}

// ErrNotPermitted is why nothing of another process can be read at all.
var ErrNotPermitted = errors.New("the kernel does not permit reading the program's memory (other user, not dumpable, or Yama's ptrace_scope)")

// unreadable is the error of a part that is not there.
func unreadable(p Part, why error) error {
	return fmt.Errorf("read %d bytes at %#x of the program: %w", len(p.Buf), p.Addr, why)
}

// Fill fills buf from addr.
func Fill(m Memory, addr uint64, buf []byte) error {
	parts := [1]Part{{Addr: addr, Buf: buf}}
	m.Read(parts[:])
	return parts[0].Err
}

// word reads eight bytes.
func word(m Memory, addr uint64) (uint64, error) {
	var buf [8]byte
	err := Fill(m, addr, buf[:])
	return binary.LittleEndian.Uint64(buf[:]), err
}

// half reads four bytes, with sign.
func half(m Memory, addr uint64) (int32, error) {
	var buf [4]byte
	err := Fill(m, addr, buf[:])
	return int32(binary.LittleEndian.Uint32(buf[:])), err
}
