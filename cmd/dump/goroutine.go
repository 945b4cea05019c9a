package dump

import (
	"debug/elf"
	"encoding/binary"
	"errors"

	"github.com/lifesign-go/lifesign/cmd/gotable"
	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/internal/look"
)

// goroutines adds what the program's runtime and its vitals page tell, and the memory
// in which a debugger finds goroutines.
func (t *taker) goroutines(p *observe.Page, mem look.Memory) {
	if t.d.Build == nil && p == nil {
		return // it is no Go program
	}
	if err := t.vitals(p, mem, true); err != nil {
		t.miss("goroutines, operations in flight and locks", err)
	}
	if len(t.d.Memory) == 0 {
		return // which may not be read
	}
	wishes, err := t.runtime(mem)
	if err != nil {
		t.miss("memory of goroutines", err)
	}
	t.fetch(mem, wishes)
}

// Offsets in the runtime's structure g that have been the same since Go 1.5: the
// stack's bounds. The third has been so since 1.17, and is believed only if what is
// there lies in the stack.
const (
	gLow, gHigh, gSP = 0, 8, 56
)

// runtime wishes for what the runtime knows goroutines by: its list of them, each one's
// structure and the end of its stack that is in use, and the program's variables.
func (t *taker) runtime(mem look.Memory) (wishes []wish, err error) {
	if len(t.maps) == 0 {
		return nil, errors.New("it is not known what is mapped")
	}
	allgs, err := within(10*patience, func() (uint64, error) { return t.allgs() })
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	var head [24]byte
	if err := look.Fill(mem, allgs, head[:]); err != nil {
		return nil, err
	}
	at, n := le.Uint64(head[:]), min(le.Uint64(head[8:]), maxGs)
	list := make([]byte, 8*n)
	if err := look.Fill(mem, at, list); err != nil {
		return nil, err
	}
	wishes = append(wishes, wish{allgs, 24}, wish{at, uint64(len(list))})
	parts := make([]look.Part, n)
	for i := range parts {
		parts[i] = look.Part{Addr: le.Uint64(list[8*i:]), Buf: make([]byte, gSP+8)}
	}
	mem.Read(parts)
	var stacks []wish
	for _, p := range parts {
		if p.Err != nil {
			continue
		}
		wishes = append(wishes, wish{p.Addr, gBytes})
		low, high, sp := le.Uint64(p.Buf[gLow:]), le.Uint64(p.Buf[gHigh:]), le.Uint64(p.Buf[gSP:])
		if low <= sp && sp < high {
			stacks = append(stacks, wish{sp, min(gStack, high-sp)})
		}
	}
	data, err := look.Data("/proc", t.pid, mem)
	for _, d := range data {
		wishes = append(wishes, wish{d.Addr, min(d.Size, maxData)})
	}
	return append(wishes, stacks...), err
}

// allgs returns where the runtime's list of goroutines is, by the program's symbols.
func (t *taker) allgs() (uint64, error) {
	f, err := elf.Open(t.path("exe"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	table, err := gotable.Read(f)
	if err != nil {
		return 0, err
	}
	if table.Allgs == 0 {
		return 0, errors.New("the program has no symbol table")
	}
	const auxEntry = 9
	le := binary.LittleEndian
	for b := t.d.Auxv; len(b) >= 16; b = b[16:] {
		if le.Uint64(b) == auxEntry {
			return table.Allgs + le.Uint64(b[8:]) - f.Entry, nil
		}
	}
	return table.Allgs, nil
}
