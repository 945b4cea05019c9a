package unwind

import "fmt"

// The registers of x86-64 by their DWARF numbers.
const (
	rbx       = 3
	rbp       = 6
	rsp       = 7
	r12       = 12
	r15       = 15
	registers = 17 // with the return address
)

// how says how a register of the caller is got back.
type how uint8

const (
	unsaid     how = iota
	undefined      // not at all
	same           // the callee has not changed it
	atOffset       // it is in memory, off bytes from the CFA
	isOffset       // it is the CFA and off
	inRegister     // it is in register reg
	atExpr         // it is in memory, at what expr computes
	isExpr         // expr computes it
)

// rule is how one register, or the CFA (the stack pointer before the call), is
// got back. For the CFA, inRegister means reg and off.
type rule struct {
	how  how
	reg  uint64
	off  int64
	expr []byte
}

// row is the rules that hold at one instruction.
type row struct {
	cfa  rule
	regs [registers]rule
}

// maxRemembered is how many rows a program may have put aside. Compilers put
// aside one.
const maxRemembered = 64

// maxInstructions bounds how many instructions of a program are run. Those of
// the largest functions have some thousands.
const maxInstructions = 1 << 17

// row runs the programs of f and its cie up to pc.
func (f *fde) row(pc uint64) (row, error) {
	m := machine{cie: f.cie, at: f.start}
	if err := m.run(f.cie.program, ^uint64(0)); err != nil {
		return row{}, fmt.Errorf("the description of %v: %w", f, err)
	}
	m.initial = m.row
	m.at = f.start
	if err := m.run(f.program, pc); err != nil {
		return row{}, fmt.Errorf("the description of %v: %w", f, err)
	}
	return m.row, nil
}

// machine runs the program of an fde.
type machine struct {
	cie     *cie
	at      uint64 // the address from which on the row holds
	row     row
	initial row
	aside   []row
}

// run runs instructions up to the first that speaks of what is beyond pc.
func (m *machine) run(program []byte, pc uint64) error {
	c := cursor{b: program}
	for n := 0; c.left() > 0 && m.at <= pc; n++ {
		if n == maxInstructions {
			return fmt.Errorf("it has more than %d instructions", n)
		}
		op := c.u8()
		var err error
		switch op >> 6 {
		case 1:
			m.advance(uint64(op & 0x3f))
		case 2:
			m.set(uint64(op&0x3f), rule{how: atOffset, off: int64(c.uleb()) * m.cie.dataAlign})
		case 3:
			m.restore(uint64(op & 0x3f))
		default:
			err = m.extended(op, &c)
		}
		if err != nil {
			return err
		}
		if c.short {
			return fmt.Errorf("it ends within an instruction")
		}
	}
	return nil
}

func (m *machine) advance(n uint64) { m.at += n * m.cie.codeAlign }

// set sets a register's rule. Registers beyond the return address (of floating
// point, mostly) nobody asks for.
func (m *machine) set(reg uint64, r rule) {
	if reg < registers {
		m.row.regs[reg] = r
	}
}

func (m *machine) restore(reg uint64) {
	if reg < registers {
		m.row.regs[reg] = m.initial.regs[reg]
	}
}

// extended runs an instruction that has its whole first byte as its code.
func (m *machine) extended(op byte, c *cursor) error {
	switch op {
	case 0x00: // nop
	case 0x02:
		m.advance(uint64(c.u8()))
	case 0x03:
		m.advance(uint64(c.u16()))
	case 0x04:
		m.advance(uint64(c.u32()))
	case 0x0a:
		if len(m.aside) == maxRemembered {
			return fmt.Errorf("it remembers more than %d rows", maxRemembered)
		}
		m.aside = append(m.aside, m.row)
	case 0x0b:
		if len(m.aside) == 0 {
			return fmt.Errorf("it restores a row that it has not remembered")
		}
		m.row, m.aside = m.aside[len(m.aside)-1], m.aside[:len(m.aside)-1]
	case 0x2e: // DW_CFA_GNU_args_size, of no use for unwinding
		c.uleb()
	case 0x0c, 0x0d, 0x0e, 0x0f, 0x12, 0x13:
		return m.frame(op, c)
	default:
		return m.register(op, c)
	}
	return nil
}

// frame runs an instruction that defines the CFA.
func (m *machine) frame(op byte, c *cursor) error {
	switch op {
	case 0x0c: // DW_CFA_def_cfa
		m.row.cfa = rule{how: inRegister, reg: c.uleb(), off: int64(c.uleb())}
	case 0x12: // DW_CFA_def_cfa_sf
		m.row.cfa = rule{how: inRegister, reg: c.uleb(), off: c.sleb() * m.cie.dataAlign}
	case 0x0f: // DW_CFA_def_cfa_expression
		m.row.cfa = rule{how: isExpr, expr: c.bytes(c.uleb())}
	default:
		if m.row.cfa.how != inRegister {
			return fmt.Errorf("it changes a frame address that is in no register")
		}
		switch op {
		case 0x0d: // DW_CFA_def_cfa_register
			m.row.cfa.reg = c.uleb()
		case 0x0e: // DW_CFA_def_cfa_offset
			m.row.cfa.off = int64(c.uleb())
		case 0x13: // DW_CFA_def_cfa_offset_sf
			m.row.cfa.off = c.sleb() * m.cie.dataAlign
		}
	}
	return nil
}

// register runs an instruction that says where a register is.
func (m *machine) register(op byte, c *cursor) error {
	reg := c.uleb()
	switch op {
	case 0x05: // DW_CFA_offset_extended
		m.set(reg, rule{how: atOffset, off: int64(c.uleb()) * m.cie.dataAlign})
	case 0x11: // DW_CFA_offset_extended_sf
		m.set(reg, rule{how: atOffset, off: c.sleb() * m.cie.dataAlign})
	case 0x2f: // DW_CFA_GNU_negative_offset_extended
		m.set(reg, rule{how: atOffset, off: -int64(c.uleb()) * m.cie.dataAlign})
	case 0x06: // DW_CFA_restore_extended
		m.restore(reg)
	case 0x07:
		m.set(reg, rule{how: undefined})
	case 0x08:
		m.set(reg, rule{how: same})
	case 0x09:
		m.set(reg, rule{how: inRegister, reg: c.uleb()})
	case 0x10: // DW_CFA_expression
		m.set(reg, rule{how: atExpr, expr: c.bytes(c.uleb())})
	case 0x16: // DW_CFA_val_expression
		m.set(reg, rule{how: isExpr, expr: c.bytes(c.uleb())})
	case 0x14: // DW_CFA_val_offset
		m.set(reg, rule{how: isOffset, off: int64(c.uleb()) * m.cie.dataAlign})
	case 0x15: // DW_CFA_val_offset_sf
		m.set(reg, rule{how: isOffset, off: c.sleb() * m.cie.dataAlign})
	default:
		return fmt.Errorf("it has an instruction %#x that is not known", op)
	}
	return nil
}
