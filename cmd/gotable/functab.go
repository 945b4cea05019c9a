package gotable

import (
	"bytes"
	"encoding/binary"
	"sort"
)

// functab is the runtime's own table of functions, of which its stack traces
// are made. debug/gosym reads the line table and leaves the rest out.
//
// Layout and names are those of Go 1.20 and later: runtime/symtab.go (pcHeader,
// step), runtime/runtime2.go (_func), runtime/symtabinl.go (inlinedCall). Other
// versions have none. Every offset is checked: a table that makes no sense ends
// the search.
type functab struct {
	table []byte // .gopclntab, which begins with the header
	calls []byte // from go:func.* on: where functions' data are; empty in a stripped program
	text  uint64
	nfunc int
	names []byte
	pcs   []byte // pctab
	funcs []byte // functab and the functions
	unit  uint64 // an instruction's least size
}

const (
	go120Magic    = 0xfffffff1
	inlTreePCData = 2  // abi.PCDATA_InlTreeIndex
	inlTreeData   = 3  // abi.FUNCDATA_InlTree
	funcFixed     = 44 // bytes of a _func before its tables
	funcPCSP      = 16
	funcNPCData   = 28
	funcFlag      = 41
	funcNFuncData = 43
	flagTopFrame  = 1 // abi.FuncFlagTopFrame
	flagSPWrite   = 2 // abi.FuncFlagSPWrite
)

// newFunctab returns nil if the table is not of a form that it knows.
func newFunctab(table, calls []byte, text uint64) *functab {
	if len(table) < 72 || binary.LittleEndian.Uint32(table) != go120Magic || table[7] != 8 {
		return nil
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(table[8+8*i:]) }
	in := &functab{table: table, calls: calls, text: text, unit: uint64(table[6])}
	in.names, in.pcs, in.funcs = in.from(word(3)), in.from(word(6)), in.from(word(7))
	if n := word(0); n < uint64(len(in.funcs)/8) {
		in.nfunc = int(n)
	}
	return in
}

func (in *functab) from(off uint64) []byte {
	if off > uint64(len(in.table)) {
		return nil
	}
	return in.table[off:]
}

// Stack tells how the stack stands at an instruction.
type Stack struct {
	Size     uint64 // bytes between the stack pointer and the return address
	Last     bool   // the function is the first of its stack: nobody has called it
	Switches bool   // the function changes to another stack, so Size means nothing
}

// Stack returns how the stack stands at pc. ok is false if the table does not
// say, as in programs older than Go 1.20.
func (t *Table) Stack(pc uint64) (s Stack, ok bool) {
	in := t.funcs
	if in == nil || pc < in.text {
		return s, false
	}
	entry, fn := in.function(pc - in.text)
	if fn == nil {
		return s, false
	}
	s.Last, s.Switches = fn[funcFlag]&flagTopFrame != 0, fn[funcFlag]&flagSPWrite != 0
	if in.name(binary.LittleEndian.Uint32(fn[4:])) == "runtime.mcall" {
		// It leaves the goroutine for the scheduler, on the thread's own stack, and
		// never returns.
		s.Last = true
	}
	at := binary.LittleEndian.Uint32(fn[funcPCSP:])
	if at == 0 || uint64(at) > uint64(len(in.pcs)) {
		return s, s.Last || s.Switches
	}
	size := value(in.pcs[at:], pc-in.text-entry, in.unit)
	if size < 0 {
		return s, s.Last || s.Switches
	}
	s.Size = uint64(size)
	return s, true
}

// function returns the entry of the function at the offset off, and its _func.
func (in *functab) function(off uint64) (entry uint64, fn []byte) {
	at := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(in.funcs[8*i:])) }
	i := sort.Search(in.nfunc, func(i int) bool { return at(i) > off }) - 1
	if i < 0 {
		return 0, nil
	}
	start := uint64(binary.LittleEndian.Uint32(in.funcs[8*i+4:]))
	if start+funcFixed > uint64(len(in.funcs)) {
		return 0, nil
	}
	return at(i), in.funcs[start:]
}

func (in *functab) name(off uint32) string {
	if uint64(off) > uint64(len(in.names)) {
		return "?"
	}
	name, _, _ := bytes.Cut(in.names[off:], []byte{0})
	return string(name)
}

// value decodes a table of values by address: pairs of a zigzag difference of
// the value and a difference of the address up to which it holds.
func value(table []byte, target, unit uint64) int32 {
	v, pc := int32(-1), uint64(0)
	for first := true; ; first = false {
		dv, n := binary.Uvarint(table)
		if n <= 0 || dv == 0 && !first {
			return -1
		}
		table = table[n:]
		d := uint32(dv)
		v += int32(-(d & 1) ^ d>>1)
		dpc, n := binary.Uvarint(table)
		if n <= 0 {
			return -1
		}
		table = table[n:]
		if pc += dpc * unit; target < pc {
			return v
		}
	}
}
