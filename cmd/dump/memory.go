package dump

import (
	"encoding/binary"
	"time"

	"github.com/lifesign-go/lifesign/internal/dump"
	"github.com/lifesign-go/lifesign/internal/look"
)

// How much memory is taken, in bytes.
const (
	pageSize    = 4096
	mainStack   = 64 << 10 // of the thread that matters
	leastStack  = 8 << 10  // of each of the others
	before      = 64       // of an address that a register has
	after       = 192      //
	maxData     = 1 << 20  // of the program's variables
	maxLinks    = 512      // libraries
	maxLinkName = 256      //
	gBytes      = 512      // of a goroutine's structure
	gStack      = 4 << 10  // of its stack
	maxGs       = 10_000   //
	maxList     = 1 << 20  // of the list of goroutines
	slow        = 200 * time.Millisecond
)

// wish is a stretch of memory that is wanted.
type wish struct{ addr, size uint64 }

// mapped returns what of a wish is mapped, readable. Without maps it is taken as it is.
func (t *taker) mapped(w wish) (parts []wish) {
	if len(t.maps) == 0 {
		return []wish{w}
	}
	end := w.addr + w.size
	for i := t.after(w.addr); i < len(t.maps) && t.maps[i].start < end; i++ {
		m := t.maps[i]
		from, to := max(w.addr, m.start), min(end, m.end)
		if m.read && m.name != "[vvar]" {
			parts = append(parts, wish{from, to - from})
		}
	}
	return parts
}

// fetch reads memory and adds what there is of it to the dump, in the order of the
// wishes, without overlap.
func (t *taker) fetch(mem look.Memory, wishes []wish) {
	var parts []look.Part
	for _, w := range wishes {
		for _, m := range t.mapped(w) {
			for _, w := range t.have.add(m) {
				if int64(w.size) > t.reserve {
					continue
				}
				t.reserve -= int64(w.size)
				parts = append(parts, look.Part{Addr: w.addr, Buf: make([]byte, w.size)})
			}
		}
	}
	mem.Read(parts)
	failed := 0
	for _, p := range parts {
		if p.Err != nil {
			failed++
			if failed == 1 {
				t.miss("some memory", p.Err)
			}
		} else {
			t.blank(p.Addr, p.Buf)
			t.d.Memory = append(t.d.Memory, dump.Segment{Addr: p.Addr, Data: p.Buf})
		}
	}
}

// blank takes the environment out of memory: rules are for the one that is read.
func (t *taker) blank(addr uint64, b []byte) {
	from, to := max(addr, t.env.from), min(addr+uint64(len(b)), t.env.to)
	if from < to {
		clear(b[from-addr : to-addr])
	}
}

// spans is what is wished for already, in steps of 64 bytes, to which wishes are
// rounded.
type spans map[uint64]bool

const step = 64

// add returns what of w is new.
func (s *spans) add(w wish) (fresh []wish) {
	if *s == nil {
		*s = spans{}
	}
	for at := w.addr &^ (step - 1); at < w.addr+w.size; at += step {
		if (*s)[at] {
			continue
		}
		(*s)[at] = true
		if n := len(fresh); n > 0 && fresh[n-1].addr+fresh[n-1].size == at {
			fresh[n-1].size += step
			continue
		}
		fresh = append(fresh, wish{at, step})
	}
	return fresh
}

// Of the auxiliary vector and of program headers (<elf.h>).
const (
	auxPhdr, auxPhnum         = 3, 5
	phdrSize                  = 56
	ptDynamic, ptPhdr         = 2, 6
	dtDebug                   = 21
	maxHeaders, maxDynamic    = 64, 4096
	linkSize, debugSize, word = 40, 40, 8
)

// links wishes for what debuggers find shared libraries by: the dynamic linker's list
// of them.
func (t *taker) links(mem look.Memory) (wishes []wish) {
	le := binary.LittleEndian
	aux := map[uint64]uint64{}
	for b := t.d.Auxv; len(b) >= 16; b = b[16:] {
		aux[le.Uint64(b)] = le.Uint64(b[8:])
	}
	n := aux[auxPhnum]
	if aux[auxPhdr] == 0 || n == 0 || n > maxHeaders {
		return nil
	}
	headers := make([]byte, n*phdrSize)
	if look.Fill(mem, aux[auxPhdr], headers) != nil {
		return nil
	}
	wishes = append(wishes, wish{aux[auxPhdr], uint64(len(headers))})
	var bias, dynamic, size uint64
	for h := headers; len(h) >= phdrSize; h = h[phdrSize:] {
		switch le.Uint32(h) {
		case ptPhdr:
			bias = aux[auxPhdr] - le.Uint64(h[16:])
		case ptDynamic:
			dynamic, size = le.Uint64(h[16:]), min(le.Uint64(h[40:]), maxDynamic)
		}
	}
	if dynamic == 0 {
		return wishes
	}
	b := make([]byte, size&^15)
	if look.Fill(mem, dynamic+bias, b) != nil {
		return wishes
	}
	wishes = append(wishes, wish{dynamic + bias, uint64(len(b))})
	for ; len(b) >= 16; b = b[16:] {
		if le.Uint64(b) == dtDebug && le.Uint64(b[8:]) != 0 {
			wishes = append(wishes, chain(mem, le.Uint64(b[8:]))...)
		}
	}
	return wishes
}

// chain follows the list of libraries.
func chain(mem look.Memory, debug uint64) (wishes []wish) {
	le := binary.LittleEndian
	head := make([]byte, debugSize)
	if look.Fill(mem, debug, head) != nil {
		return nil
	}
	wishes = append(wishes, wish{debug, debugSize})
	at := le.Uint64(head[word:])
	for i := 0; i < maxLinks && at != 0; i++ {
		link := make([]byte, linkSize)
		if look.Fill(mem, at, link) != nil {
			break
		}
		wishes = append(wishes, wish{at, linkSize})
		if name := le.Uint64(link[word:]); name != 0 {
			wishes = append(wishes, wish{name, maxLinkName})
		}
		at = le.Uint64(link[3*word:])
	}
	return wishes
}
