package unwind

import "errors"

// value is what is known of a register.
type value struct {
	v     uint64
	known bool
}

var (
	errExpression = errors.New("an expression that makes no sense")
	errRegister   = errors.New("a register that cannot be seen without stopping the thread")
)

// maxSteps bounds an expression's run: its jumps can make a loop.
const maxSteps = 1000

// operands is an expression's stack, all that it computes with.
type operands struct {
	vals []uint64
	bad  bool
}

func (s *operands) push(v uint64) {
	if len(s.vals) == 64 {
		s.bad = true
		return
	}
	s.vals = append(s.vals, v)
}

func (s *operands) pop() uint64 { return s.pick(0, true) }

// pick returns the value n below the top, and takes it away if it is told to.
func (s *operands) pick(n int, away bool) uint64 {
	i := len(s.vals) - 1 - n
	if i < 0 {
		s.bad = true
		return 0
	}
	v := s.vals[i]
	if away {
		s.vals = append(s.vals[:i], s.vals[i+1:]...)
	}
	return v
}

// compute runs a DWARF expression: initial is what is on its stack before, regs
// and word are the registers and the memory.
func compute(expr []byte, initial []uint64, regs *[registers]value, word func(addr uint64) (uint64, error)) (uint64, error) {
	s := operands{vals: append(make([]uint64, 0, 8), initial...)}
	c := cursor{b: expr}
	for steps := 0; c.left() > 0; steps++ {
		op := c.u8()
		var err error
		switch {
		case op >= 0x30 && op <= 0x4f: // lit
			s.push(uint64(op - 0x30))
		case op >= 0x70 && op <= 0x8f: // breg
			err = s.register(uint64(op-0x70), c.sleb(), regs)
		case op == 0x92: // bregx
			reg := c.uleb()
			err = s.register(reg, c.sleb(), regs)
		case op == 0x06: // deref
			var v uint64
			v, err = word(s.pop())
			s.push(v)
		case op == 0x2f: // skip
			c.jump(int16(c.u16()))
		case op == 0x28: // bra
			if to := int16(c.u16()); s.pop() != 0 {
				c.jump(to)
			}
		default:
			if !s.constant(op, &c) && !s.shuffle(op, &c) && !s.unary(op, &c) && !s.binary(op) {
				err = errExpression
			}
		}
		if err != nil {
			return 0, err
		}
		if c.short || s.bad || steps == maxSteps {
			return 0, errExpression
		}
	}
	v := s.pop()
	if s.bad {
		return 0, errExpression
	}
	return v, nil
}

func (c *cursor) jump(by int16) {
	if to := c.at + int(by); to >= 0 && to <= len(c.b) {
		c.at = to
		return
	}
	c.short = true
}

func (s *operands) register(reg uint64, off int64, regs *[registers]value) error {
	if reg >= registers || !regs[reg].known {
		return errRegister
	}
	s.push(regs[reg].v + uint64(off))
	return nil
}

func (s *operands) constant(op byte, c *cursor) bool {
	switch op {
	case 0x03, 0x0e, 0x0f: // addr, const8u, const8s
		s.push(c.u64())
	case 0x08:
		s.push(uint64(c.u8()))
	case 0x09:
		s.push(uint64(int8(c.u8())))
	case 0x0a:
		s.push(uint64(c.u16()))
	case 0x0b:
		s.push(uint64(int16(c.u16())))
	case 0x0c:
		s.push(uint64(c.u32()))
	case 0x0d:
		s.push(uint64(int32(c.u32())))
	case 0x10:
		s.push(c.uleb())
	case 0x11:
		s.push(uint64(c.sleb()))
	default:
		return false
	}
	return true
}

func (s *operands) shuffle(op byte, c *cursor) bool {
	switch op {
	case 0x12: // dup
		s.push(s.pick(0, false))
	case 0x13: // drop
		s.pop()
	case 0x14: // over
		s.push(s.pick(1, false))
	case 0x15: // pick
		s.push(s.pick(int(c.u8()), false))
	case 0x16: // swap
		s.push(s.pick(1, true))
	case 0x17: // rot: the third becomes the second, the second the first
		second, third := s.pick(1, true), s.pick(1, true)
		first := s.pop()
		s.push(first)
		s.push(third)
		s.push(second)
	case 0x96: // nop
	default:
		return false
	}
	return true
}

func (s *operands) unary(op byte, c *cursor) bool {
	switch op {
	case 0x19: // abs
		if v := int64(s.pop()); v < 0 {
			s.push(uint64(-v))
		} else {
			s.push(uint64(v))
		}
	case 0x1f: // neg
		s.push(-s.pop())
	case 0x20: // not
		s.push(^s.pop())
	case 0x23: // plus_uconst
		s.push(s.pop() + c.uleb())
	default:
		return false
	}
	return true
}

func (s *operands) binary(op byte) bool {
	if op == 0x1f || op == 0x20 || op == 0x23 || op < 0x1a || op > 0x2e || op == 0x28 {
		return false
	}
	b, a := s.pop(), s.pop()
	if op >= 0x29 {
		s.push(compare(op, int64(a), int64(b)))
		return true
	}
	switch op {
	case 0x1a:
		s.push(a & b)
	case 0x1b: // div
		if b == 0 {
			s.bad = true
			return true
		}
		s.push(uint64(int64(a) / int64(b)))
	case 0x1c:
		s.push(a - b)
	case 0x1d: // mod
		if b == 0 {
			s.bad = true
			return true
		}
		s.push(a % b)
	case 0x1e:
		s.push(a * b)
	case 0x21:
		s.push(a | b)
	case 0x22:
		s.push(a + b)
	case 0x24:
		s.push(a << b)
	case 0x25:
		s.push(a >> b)
	case 0x26:
		s.push(uint64(int64(a) >> b))
	case 0x27:
		s.push(a ^ b)
	}
	return true
}

func compare(op byte, a, b int64) uint64 {
	var holds bool
	switch op {
	case 0x29:
		holds = a == b
	case 0x2a:
		holds = a >= b
	case 0x2b:
		holds = a > b
	case 0x2c:
		holds = a <= b
	case 0x2d:
		holds = a < b
	case 0x2e:
		holds = a != b
	}
	if holds {
		return 1
	}
	return 0
}
