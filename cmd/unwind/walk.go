package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lifesign-go/lifesign/internal/look"
)

// frame is one function's, on its way.
type frame struct {
	pc    uint64
	exact bool // pc is where the thread stands, not what a call returns to
	regs  [registers]value
}

// lookup is an address within the instruction that the frame is at: a call can
// be the last instruction of its function.
func (f frame) lookup() uint64 {
	if f.exact {
		return f.pc
	}
	return f.pc - 1
}

// Bounds of one stack.
const (
	maxFrames = 256
	maxPages  = 256
	pageSize  = 4096
)

var errNoCode = errors.New("no code is mapped there")

// walk is one way up a stack.
type walk struct {
	code  func(addr uint64) (region, error)
	mem   look.Memory
	pages map[uint64][]byte // by address; nil if it could not be read
	fails map[uint64]error
}

// region is the code around an address.
type region struct {
	mapping mapping
	image   *image // nil if it is of no file
	bias    uint64
}

// up returns the frames from f on, innermost first. The error says why there are
// no more of them, nil at the thread's first function.
func (w *walk) up(f frame) ([]frame, error) {
	frames := []frame{f}
	for {
		next, last, err := w.caller(f)
		if err != nil {
			return frames, fmt.Errorf("the stack ends at %#x: %w", f.pc, err)
		}
		if last {
			return frames, nil
		}
		if len(frames) == maxFrames {
			return frames, fmt.Errorf("the stack has more than %d functions", maxFrames)
		}
		if _, err := w.code(next.lookup()); err != nil {
			return frames, fmt.Errorf("the stack ends at %#x, which seems to return to %#x: %w", f.pc, next.pc, err)
		}
		frames, f = append(frames, next), next
	}
}

// caller returns the frame that has called f. last says that there is none.
func (w *walk) caller(f frame) (next frame, last bool, err error) {
	r, err := w.code(f.lookup())
	if err != nil {
		return next, false, err
	}
	if r.image != nil {
		if d, ok := find(r.image.fdes, f.lookup()-r.bias); ok {
			return w.byDescription(f, r, d)
		}
		if t := r.image.golang; t != nil {
			if s, ok := t.Stack(f.lookup() - r.bias); ok {
				return w.byTable(f, s.Size, s.Last, s.Switches)
			}
		}
	}
	return w.byFramePointer(f, r)
}

// byTable goes up from a Go function.
func (w *walk) byTable(f frame, size uint64, first, switches bool) (next frame, last bool, err error) {
	switch {
	case first:
		return next, true, nil
	case switches:
		return next, false, errors.New("the function changes to another stack")
	case !f.regs[rsp].known:
		return next, false, errRegister
	}
	sp := f.regs[rsp].v + size
	if next.pc, err = w.word(sp); err != nil {
		return next, false, err
	}
	// Go code saves no registers but the frame pointer, which has its place above
	// all that the function itself keeps.
	next.regs[rsp] = value{sp + 8, true}
	if size >= 8 {
		if bp, err := w.word(sp - 8); err == nil {
			next.regs[rbp] = value{bp, true}
		}
	}
	return next, next.pc == 0, nil
}

// byDescription goes up by .eh_frame.
func (w *walk) byDescription(f frame, r region, d *fde) (next frame, last bool, err error) {
	rules, err := d.row(f.lookup() - r.bias)
	if err != nil {
		return next, false, err
	}
	if rules.regs[returnColumn].how == undefined {
		return next, true, nil
	}
	cfa, err := w.address(f, r, d, rules.cfa)
	if err != nil {
		return next, false, err
	}
	for i := range rules.regs {
		next.regs[i] = w.restore(uint64(i), rules.regs[i], f, cfa)
	}
	if rules.regs[rsp].how == unsaid {
		next.regs[rsp] = value{cfa, true}
	}
	ra := next.regs[returnColumn]
	if !ra.known {
		_, err := w.word(cfa + uint64(rules.regs[returnColumn].off))
		return next, false, fmt.Errorf("where it returns to is not known (%v)", err)
	}
	next.pc, next.exact = ra.v, d.cie.signal
	// Equal they are in vfork, which has its return address in a register.
	at, to := f.regs[rsp], next.regs[rsp]
	if !d.cie.signal && at.known && to.known && (to.v < at.v || to.v == at.v && !f.exact) {
		return next, false, errors.New("its caller's stack lies below it")
	}
	return next, next.pc == 0, nil
}

// address returns the CFA. A thread that is not stopped shows no frame pointer,
// and if no function further in has saved it, the code itself is asked.
func (w *walk) address(f frame, r region, d *fde, cfa rule) (uint64, error) {
	switch cfa.how {
	case inRegister:
		if cfa.reg < registers && f.regs[cfa.reg].known {
			return f.regs[cfa.reg].v + uint64(cfa.off), nil
		}
		if cfa.reg == rbp && f.regs[rsp].known {
			size, err := w.byCode(f, r, d, cfa.off)
			return f.regs[rsp].v + size, err
		}
		return 0, errRegister
	case isExpr:
		return compute(cfa.expr, nil, &f.regs, w.word)
	}
	return 0, errors.New("its description has no frame address")
}

// restore returns a register of the caller, unknown if it cannot be had.
func (w *walk) restore(reg uint64, r rule, f frame, cfa uint64) value {
	var v uint64
	var err error
	switch r.how {
	case unsaid:
		// By the psABI a function leaves these as it has found them.
		if kept := reg == rbx || reg == rbp || reg >= r12 && reg <= r15; kept {
			return f.regs[reg]
		}
		return value{}
	case same:
		return f.regs[reg]
	case atOffset:
		v, err = w.word(cfa + uint64(r.off))
	case isOffset:
		v = cfa + uint64(r.off)
	case inRegister:
		if r.reg < registers {
			return f.regs[r.reg]
		}
		return value{}
	case atExpr:
		if v, err = compute(r.expr, []uint64{cfa}, &f.regs, w.word); err == nil {
			v, err = w.word(v)
		}
	case isExpr:
		v, err = compute(r.expr, []uint64{cfa}, &f.regs, w.word)
	default:
		return value{}
	}
	return value{v, err == nil}
}

// byFramePointer goes up where code has no description: its frame pointer has
// to lead to a saved one, above which is an address behind a call.
func (w *walk) byFramePointer(f frame, r region) (next frame, last bool, err error) {
	none := errors.New("the code has no description of its frames")
	bp, sp := f.regs[rbp], f.regs[rsp]
	const farthest = 1 << 20
	switch {
	case f.exact:
		// Whether it has set up its frame already cannot be told.
		return next, false, none
	case !bp.known || !sp.known:
		return next, false, fmt.Errorf("%w, and its frame pointer cannot be seen", none)
	case bp.v < sp.v || bp.v-sp.v > farthest || bp.v%8 != 0:
		return next, false, fmt.Errorf("%w, and no frame pointer", none)
	}
	up, err := w.word(bp.v)
	if err == nil {
		next.pc, err = w.word(bp.v + 8)
	}
	if err != nil {
		return next, false, err
	}
	if up != 0 && up <= bp.v || !w.behindCall(next.pc) {
		return next, false, fmt.Errorf("%w, and what its frame pointer leads to is no frame", none)
	}
	next.regs[rbp], next.regs[rsp] = value{up, true}, value{bp.v + 16, true}
	return next, false, nil
}

// behindCall reports whether addr is right behind a call instruction: near and
// direct, or indirect with any of its operands' lengths.
func (w *walk) behindCall(addr uint64) bool {
	if _, err := w.code(addr - 1); err != nil {
		return false
	}
	var b [7]byte
	if w.fill(addr-uint64(len(b)), b[:]) != nil {
		return false
	}
	if b[2] == 0xe8 {
		return true
	}
	for _, length := range []int{2, 3, 4, 6, 7} {
		i := len(b) - length
		if b[i] == 0xff && b[i+1]>>3&7 == 2 {
			return true
		}
	}
	return false
}

// word reads eight bytes.
func (w *walk) word(addr uint64) (uint64, error) {
	var b [8]byte
	if err := w.fill(addr, b[:]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// fill reads a few bytes, by whole pages that it keeps.
func (w *walk) fill(addr uint64, b []byte) error {
	for len(b) > 0 {
		at := addr &^ (pageSize - 1)
		page, known := w.pages[at]
		if !known {
			if len(w.pages) == maxPages {
				return fmt.Errorf("it would take more than %d pages", maxPages)
			}
			page = make([]byte, pageSize)
			if err := look.Fill(w.mem, at, page); err != nil {
				page, w.fails[at] = nil, err
			}
			w.pages[at] = page
		}
		if page == nil {
			return w.fails[at]
		}
		n := copy(b, page[addr-at:])
		addr, b = addr+uint64(n), b[n:]
	}
	return nil
}
