package unwind

import (
	"errors"
	"fmt"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/look"
)

// Copied returns the functions of a thread that was stopped to see its
// registers, in their DWARF order, and a copy of its stack from base on. The
// thread may have gone on since. The error says why there are no more frames, as
// with Stack.
func (u *Unwinder) Copied(regs [registers]uint64, base uint64, stack []byte) ([]event.Frame, error) {
	u.checks = map[*loaded]bool{}
	f := frame{pc: regs[returnColumn], exact: true}
	for i, v := range regs {
		f.regs[i] = value{v, true}
	}
	if _, err := u.code(f.pc); err != nil {
		if err := u.readMaps(); err != nil {
			return nil, err
		}
		u.checks = map[*loaded]bool{}
		if _, err := u.code(f.pc); err != nil {
			return nil, fmt.Errorf("the thread stood at %#x: %w", f.pc, err)
		}
	}
	w := walk{code: u.code, mem: &held{u, base, stack}, pages: map[uint64][]byte{}, fails: map[uint64]error{}}
	frames, err := w.up(f)
	var named []event.Frame
	for _, f := range frames {
		named = append(named, u.names(place{f.pc, f.exact})...)
	}
	return named, err
}

// held is a process's memory, of which a stack is a copy. Beside it only code is
// read, which does not change.
type held struct {
	u     *Unwinder
	base  uint64
	stack []byte
}

var errNotCopied = errors.New("it lies beyond what was copied of the stack")

// Read implements look.Memory.
func (h *held) Read(parts []look.Part) {
	for i := range parts {
		p := &parts[i]
		size := uint64(len(h.stack))
		if off := p.Addr - h.base; p.Addr >= h.base && off <= size && uint64(len(p.Buf)) <= size-off {
			copy(p.Buf, h.stack[off:])
			p.Err = nil
		} else if _, ok := mappingOf(h.u.maps, p.Addr); ok {
			h.u.mem.Read(parts[i : i+1])
		} else {
			p.Err = errNotCopied
		}
	}
}
