package observe

import (
	"bytes"
	"encoding/binary"
	"sort"
)

// inlining tells which functions the compiler has put into which, from the
// same tables that the runtime makes its stack traces of. debug/gosym reads
// the line table and leaves these out.
//
// Layout and names are those of Go 1.20 and later: runtime/symtab.go (pcHeader,
// step), runtime/runtime2.go (_func), runtime/symtabinl.go (inlinedCall). Other
// versions give no inlined frames. Every offset is checked: a table that makes
// no sense ends the search.
type inlining struct {
	table []byte // .gopclntab, which begins with the header
	calls []byte // from go:func.* on: where functions' data are
	text  uint64
	nfunc int
	names []byte
	pcs   []byte // pctab
	funcs []byte // functab and the functions
	unit  uint64 // an instruction's least size
}

const (
	go120Magic     = 0xfffffff1
	inlTreePCData  = 2  // abi.PCDATA_InlTreeIndex
	inlTreeData    = 3  // abi.FUNCDATA_InlTree
	funcFixed      = 44 // bytes of a _func before its tables
	funcNPCData    = 28
	funcNFuncData  = 43
	inlinedCallLen = 16
	maxInlined     = 32 // functions in one another
)

// newInlining returns nil if the tables are not of a form that it knows.
func newInlining(table, calls []byte, text uint64) *inlining {
	if len(table) < 72 || binary.LittleEndian.Uint32(table) != go120Magic || table[7] != 8 || len(calls) == 0 {
		return nil
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(table[8+8*i:]) }
	in := &inlining{table: table, calls: calls, text: text, unit: uint64(table[6])}
	in.names, in.pcs, in.funcs = in.from(word(3)), in.from(word(6)), in.from(word(7))
	if n := word(0); n < uint64(len(in.funcs)/8) {
		in.nfunc = int(n)
	}
	return in
}

func (in *inlining) from(off uint64) []byte {
	if off > uint64(len(in.table)) {
		return nil
	}
	return in.table[off:]
}

// call is a function that was put into another.
type call struct {
	name   string
	parent uint64 // an address whose line is that of the call
}

// at returns the inlined functions that the instruction at pc belongs to,
// innermost first.
func (in *inlining) at(pc uint64) []call {
	if in == nil || pc < in.text {
		return nil
	}
	entry, fn := in.function(pc - in.text)
	if fn == nil {
		return nil
	}
	indexes, tree := in.tables(fn)
	if indexes == nil || tree == nil {
		return nil
	}
	var calls []call
	for off := pc - in.text; len(calls) < maxInlined; {
		i := value(indexes, off-entry, in.unit)
		if i < 0 || (int(i)+1)*inlinedCallLen > len(tree) {
			break
		}
		c := tree[i*inlinedCallLen:]
		off = entry + uint64(binary.LittleEndian.Uint32(c[8:]))
		calls = append(calls, call{in.name(binary.LittleEndian.Uint32(c[4:])), in.text + off})
	}
	return calls
}

// function returns the entry of the function at the offset off, and its _func.
func (in *inlining) function(off uint64) (entry uint64, fn []byte) {
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

// tables returns the encoded indexes into a function's tree of inlined calls,
// by address, and the tree; nil if it has none.
func (in *inlining) tables(fn []byte) (indexes, tree []byte) {
	npc, ndata := uint64(binary.LittleEndian.Uint32(fn[funcNPCData:])), uint64(fn[funcNFuncData])
	if npc <= inlTreePCData || ndata <= inlTreeData || funcFixed+4*(npc+ndata) > uint64(len(fn)) {
		return nil, nil
	}
	pcOff := binary.LittleEndian.Uint32(fn[funcFixed+4*inlTreePCData:])
	dataOff := binary.LittleEndian.Uint32(fn[funcFixed+4*npc+4*inlTreeData:])
	if pcOff == 0 || uint64(pcOff) > uint64(len(in.pcs)) || uint64(dataOff) > uint64(len(in.calls)) {
		return nil, nil
	}
	return in.pcs[pcOff:], in.calls[dataOff:]
}

func (in *inlining) name(off uint32) string {
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
