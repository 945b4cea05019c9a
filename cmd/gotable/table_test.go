package gotable

import (
	"debug/gosym"
	"testing"
)

func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint16(8), []byte{0x80}, uint16(100))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, calls []byte, pc uint16) {
		table := make([]byte, 4096)
		copy(table, "\xf1\xff\xff\xff\x00\x00\x01\x08")
		for i, off := range []byte{4, 1, 0, 100, 120, 140, 160, 200} {
			table[8+8*i] = off
		}
		if int(at) < len(table) {
			copy(table[at:], b)
		}
		tab := &Table{Table: &gosym.Table{}, funcs: newFunctab(table, calls, 0)}
		if n := len(tab.funcs.at(uint64(pc))); n > maxInlined {
			t.Errorf("%d functions in one another", n)
		}
		if s, ok := tab.Stack(uint64(pc)); !ok && s.Size != 0 {
			t.Errorf("a size of %d that is not known", s.Size)
		}
	})
}
