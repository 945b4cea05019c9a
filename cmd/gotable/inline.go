package gotable

import "encoding/binary"

const (
	inlinedCallLen = 16
	maxInlined     = 32 // functions in one another
)

// call is a function that was put into another.
type call struct {
	name   string
	parent uint64 // an address whose line is that of the call
}

// at returns the inlined functions that the instruction at pc belongs to,
// innermost first.
func (in *functab) at(pc uint64) []call {
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

// tables returns the encoded indexes into a function's tree of inlined calls,
// by address, and the tree; nil if it has none.
func (in *functab) tables(fn []byte) (indexes, tree []byte) {
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
