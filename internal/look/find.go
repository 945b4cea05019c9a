package look

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// Range is a stretch of a program's memory.
type Range struct{ Addr, Size uint64 }

// maxData is how much of a program's data is searched.
const maxData = 256 << 20

// FindAll returns the address of runtime.allgs, the list of all goroutines. It
// is a private variable of the runtime: a symbol table tells where it is, and
// where there is none it is known by what is in it. hint is what the symbol
// table says, 0 if there is none; data is where the program keeps its variables;
// known are goroutines that must be in the list. Without any, the list must
// begin with goroutine 1.
//
// A search reads all of data once, some milliseconds for most programs.
func (l *Looker) FindAll(hint uint64, data []Range, known []Goroutine) (uint64, error) {
	if hint != 0 && l.isAll(hint, known) {
		return hint, nil
	}
	const piece, overlap = 1 << 20, 16 // a header may lie across two pieces
	buf := make([]byte, piece)
	searched := uint64(0)
	for _, r := range data {
		for off := uint64(0); off+24 <= r.Size; off += piece - overlap {
			n := r.Size - off
			if n > piece {
				n = piece
			}
			if searched += n; searched > maxData {
				return 0, fmt.Errorf("the list of goroutines is not in the first %d MB of the program's data", maxData>>20)
			}
			if Fill(l.mem, r.Addr+off, buf[:n]) != nil {
				continue
			}
			for _, addr := range l.candidates(r.Addr+off, buf[:n]) {
				if l.isAll(addr, known) {
					return addr, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("the list of goroutines is not in the program's data, of which %d kB were searched", searched>>10)
}

// candidates returns where in data, which was read at addr, the header of a
// slice is that may be the list of goroutines: its first entry leads to a g.
func (l *Looker) candidates(addr uint64, data []byte) []uint64 {
	var found []uint64
	var first []Part
	for off := uint64(0); off+24 <= uint64(len(data)); off += 8 {
		h := list{at(data, off), at(data, off+8), at(data, off+16)}
		if h.plausible() {
			found = append(found, addr+off)
			first = append(first, Part{Addr: h.at, Buf: make([]byte, 8)})
		}
	}
	l.mem.Read(first)
	gs := make([]Part, len(first))
	for i, p := range first {
		if p.Err == nil {
			gs[i] = Part{Addr: at(p.Buf, 0), Buf: make([]byte, l.layout.size)}
		}
	}
	l.mem.Read(gs)
	n := 0
	for i, g := range gs {
		if len(g.Buf) > 0 && g.Err == nil && l.isG(g.Buf) {
			found[n] = found[i]
			n++
		}
	}
	return found[:n]
}

// isG reports whether b can be a g.
func (l *Looker) isG(b []byte) bool {
	known := l.meaning(uint32(at(b, l.layout.status))) != event.Running ||
		uint64(uint32(at(b, l.layout.status)))&^l.layout.scan == l.layout.running
	return known && at(b, l.layout.goid) > 0 && at(b, l.layout.goid) < 1<<48 && at(b, l.layout.hi)%8 == 0
}

// isAll reports whether the list of goroutines is at addr.
func (l *Looker) isAll(addr uint64, known []Goroutine) bool {
	gs, err := l.all(addr)
	if err != nil {
		return false
	}
	if len(known) == 0 {
		id, err := word(l.mem, gs[0]+l.layout.goid)
		return err == nil && id == 1
	}
	missing := make(map[uint64]bool, len(known))
	for _, k := range known {
		missing[k.G] = true
	}
	for _, g := range gs {
		delete(missing, g)
	}
	return len(missing) == 0
}
