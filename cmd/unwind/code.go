package unwind

import (
	"errors"
	"fmt"
	"maps"

	"golang.org/x/arch/x86/x86asm"
)

// maxFunction is how long a function may be whose instructions are followed.
const maxFunction = 256 << 10

var errCode = errors.New("its frame pointer cannot be seen, and its code does not tell how large its frame is")

// byCode returns how far the CFA is above the stack pointer in a function whose
// description counts from the frame pointer. off is from there to the CFA.
//
// It follows the function's instructions from the entry, where the return
// address is all that is on the stack, along every branch. Where the stack
// pointer moves by what is not in the code (alloca, alignment), or by different
// amounts on two ways to the same place, nothing is known.
func (w *walk) byCode(f frame, r region, d *fde, off int64) (uint64, error) {
	size := d.end - d.start
	if size > maxFunction {
		return 0, errCode
	}
	entry, err := d.row(d.start)
	if err != nil || entry.cfa.how != inRegister || entry.cfa.reg != rsp || entry.cfa.off != 8 {
		return 0, errCode // a part of a function, which begins somewhere in it
	}
	code := make([]byte, size)
	if err := w.fill(d.start+r.bias, code); err != nil {
		return 0, fmt.Errorf("%w (%v)", errCode, err)
	}
	fl := flow{code: code, off: off, depth: make(map[int]int64), ends: make(map[int]int64)}
	if !fl.follow() {
		return 0, errCode
	}
	at := int(f.pc - r.bias - d.start)
	known := fl.depth
	if !f.exact {
		known = fl.ends // the call's own, as what is behind it may be another function
	}
	depth, ok := known[at]
	if !ok || depth == unknown || depth < 16 {
		return 0, errCode
	}
	return uint64(depth), nil
}

// unknown is the depth where it depends on more than the code.
const unknown = -1 << 62

// flow follows the stack pointer through a function's instructions. A depth is
// how far the CFA is above it.
type flow struct {
	code  []byte
	off   int64         // of the CFA above the frame pointer
	depth map[int]int64 // before the instruction at an offset
	ends  map[int]int64 // after the instruction that ends at an offset

	work   []int
	jumped []int64 // depths at jumps to where the code does not say
}

// follow reports whether all instructions that can be reached were understood.
func (fl *flow) follow() bool {
	fl.reach(0, 8)
	if !fl.drain() {
		return false
	}
	// What nothing leads to is reached by jumps through tables. If these are all at
	// one depth, it is that; else nothing is known.
	for _, d := range fl.jumped {
		if d != fl.jumped[0] {
			return true
		}
	}
	depth, ends := maps.Clone(fl.depth), maps.Clone(fl.ends)
	for at := 0; at < len(fl.code) && len(fl.jumped) > 0; {
		n, filler := fl.length(at)
		if _, done := fl.depth[at]; !done && !filler {
			fl.reach(at, fl.jumped[0])
			if !fl.drain() {
				return false
			}
		}
		at += n
	}
	for _, d := range fl.jumped {
		if d != fl.jumped[0] {
			fl.depth, fl.ends = depth, ends
			break
		}
	}
	return true
}

// length returns the length of the instruction at an offset, and whether it does
// nothing, like those between blocks.
func (fl *flow) length(at int) (n int, filler bool) {
	inst, err := decode(fl.code[at:])
	if err != nil || inst.Len == 0 {
		return 1, true
	}
	return inst.Len, inst.Op == x86asm.NOP
}

// reach notes that the instruction at an offset is reached at a depth.
func (fl *flow) reach(at int, depth int64) {
	if at < 0 || at >= len(fl.code) {
		return // another function
	}
	old, seen := fl.depth[at]
	if seen && (old == depth || old == unknown) {
		return
	}
	if seen {
		depth = unknown
	}
	fl.depth[at] = depth
	fl.work = append(fl.work, at)
}

func (fl *flow) drain() bool {
	for len(fl.work) > 0 {
		at := fl.work[len(fl.work)-1]
		fl.work = fl.work[:len(fl.work)-1]
		inst, err := decode(fl.code[at:])
		if err != nil || inst.Len == 0 {
			return false
		}
		fl.step(at, inst)
	}
	return true
}

// step notes where an instruction leads.
func (fl *flow) step(at int, inst x86asm.Inst) {
	end := at + inst.Len
	depth := fl.after(inst, fl.depth[at])
	fl.ends[end] = depth
	target, direct := 0, false
	if rel, ok := inst.Args[0].(x86asm.Rel); ok {
		target, direct = end+int(rel), true
	}
	switch inst.Op {
	case x86asm.RET, x86asm.UD2, x86asm.HLT, x86asm.UD1:
	case x86asm.JMP:
		switch {
		case direct:
			fl.reach(target, depth)
		case depth != 8: // with nothing but the return address left, it goes to another function
			fl.jumped = append(fl.jumped, depth)
		}
	case x86asm.CALL:
		fl.reach(end, depth)
	default:
		if direct { // a jump on a condition
			fl.reach(target, depth)
		}
		fl.reach(end, depth)
	}
}

// after returns the depth after an instruction.
func (fl *flow) after(inst x86asm.Inst, depth int64) int64 {
	to := inst.Args[0] == x86asm.RSP
	switch inst.Op {
	case x86asm.LEAVE: // the frame pointer, less what it pops
		return fl.off - 8
	case x86asm.MOV:
		if to && inst.Args[1] == x86asm.RBP {
			return fl.off
		}
	case x86asm.LEA:
		if m, ok := inst.Args[1].(x86asm.Mem); ok && to && m.Index == 0 && m.Base == x86asm.RBP {
			return fl.off - m.Disp
		} else if ok && to && m.Index == 0 && m.Base == x86asm.RSP && depth != unknown {
			return depth - m.Disp
		}
	}
	if depth == unknown {
		return unknown
	}
	switch inst.Op {
	case x86asm.PUSH, x86asm.PUSHFQ:
		return depth + width(inst)
	case x86asm.POP, x86asm.POPFQ:
		if to {
			return unknown
		}
		return depth - width(inst)
	case x86asm.ENTER:
		return unknown
	case x86asm.SUB, x86asm.ADD:
		n, ok := inst.Args[1].(x86asm.Imm)
		switch {
		case !to:
			return depth
		case !ok:
			return unknown
		case inst.Op == x86asm.SUB:
			return depth + int64(n)
		}
		return depth - int64(n)
	case x86asm.CMP, x86asm.TEST:
		return depth
	case x86asm.XCHG, x86asm.CMPXCHG, x86asm.XADD:
		if inst.Args[1] == x86asm.RSP {
			return unknown
		}
	}
	if to || inst.Args[0] == x86asm.ESP || inst.Args[0] == x86asm.SP {
		return unknown
	}
	return depth
}

// width is how many bytes a push or pop moves.
func width(inst x86asm.Inst) int64 {
	if inst.DataSize == 16 {
		return 2
	}
	return 8
}

// decode decodes one instruction. What marks the targets of indirect branches,
// and of the flags, is newer than the decoder's tables.
func decode(code []byte) (x86asm.Inst, error) {
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa {
		return x86asm.Inst{Op: x86asm.NOP, Len: 4}, nil
	}
	return x86asm.Decode(code, 64)
}
