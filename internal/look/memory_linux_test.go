//go:build linux && (amd64 || arm64)

package look

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"unsafe"
)

func address(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }

func TestOwnMemory(t *testing.T) {
	m := Process(os.Getpid())
	words := [4]uint64{1, 2, 3, 4}
	parts := make([]Part, 3000)
	for i := range parts {
		parts[i] = Part{Addr: address(unsafe.Pointer(&words[i%4])), Buf: make([]byte, 8), Err: errors.New("of an earlier try")}
	}
	bad := map[int]bool{0: true, 1: true, 500: true, 1023: true, 1024: true, 2999: true}
	for i := range bad {
		parts[i].Addr = 8
	}
	parts[7].Buf = nil
	m.Read(parts)
	for i, p := range parts {
		switch {
		case bad[i]:
			if p.Err == nil {
				t.Errorf("part %d at address 8 was read", i)
			}
		case p.Err != nil:
			t.Errorf("part %d: %v", i, p.Err)
		case i != 7 && binary.LittleEndian.Uint64(p.Buf) != words[i%4]:
			t.Errorf("part %d is %v", i, p.Buf)
		}
	}
}

func TestMemoryOfNobody(t *testing.T) {
	parts := []Part{{Addr: 4096, Buf: make([]byte, 8)}, {Addr: 4096, Buf: make([]byte, 8)}}
	Process(1 << 30).Read(parts)
	if parts[0].Err == nil || parts[1].Err == nil {
		t.Errorf("%+v", parts)
	}
}
