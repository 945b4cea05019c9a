package unwind

import (
	"errors"
	"fmt"
	"sort"
)

// cie is what the descriptions of several functions have in common (a Common
// Information Entry of .eh_frame).
type cie struct {
	codeAlign uint64
	dataAlign int64
	encoding  byte // of the addresses in its fdes
	augmented bool // its fdes have augmentation data
	signal    bool // of a signal's frame: its return address is where the thread was, not behind a call
	program   []byte
}

// fde describes how to unwind a stretch of code (a Frame Description Entry).
// Addresses are those in the file.
type fde struct {
	start, end uint64
	cie        *cie
	program    []byte
}

// maxFDEs bounds how many stretches a file may have. The largest programs have
// half a million.
const maxFDEs = 4 << 20

// returnColumn is the column of the return address, by the psABI of x86-64.
const returnColumn = 16

// parseFrames reads a whole .eh_frame section that is loaded at addr, by
// address. Entries that it does not understand are left out: their code has no
// description then. What comes with an error is right, and not all.
func parseFrames(section []byte, addr uint64) (fdes []fde, err error) {
	cies := map[int]*cie{}
	c := cursor{b: section}
	for c.left() >= 4 {
		begin := c.at
		length := uint64(c.u32())
		if length == 0 {
			continue // the end of one object's part
		}
		if length == 0xffffffff {
			length = c.u64()
		}
		at := c.at // from here an fde counts back to its cie
		entry := cursor{b: c.bytes(length)}
		if c.short || length < 4 {
			err = errors.New("an entry of .eh_frame is longer than the section")
			break
		}
		if id := entry.u32(); id == 0 {
			cies[begin] = parseCIE(&entry)
			continue
		} else if owner := cies[at-int(id)]; owner != nil {
			if f, ok := parseFDE(&entry, owner, addr+uint64(at)); ok {
				fdes = append(fdes, f)
			}
		}
		if len(fdes) > maxFDEs {
			return nil, errors.New(".eh_frame has more entries than any program needs")
		}
	}
	sort.Slice(fdes, func(i, j int) bool { return fdes[i].start < fdes[j].start })
	return fdes, err
}

// parseCIE returns nil if the entry is of a kind that it does not know.
func parseCIE(c *cursor) *cie {
	e := &cie{}
	version := c.u8()
	augmentation := c.text()
	if version != 1 && version != 3 {
		return nil
	}
	e.codeAlign, e.dataAlign = c.uleb(), c.sleb()
	column := uint64(0)
	if version == 1 {
		column = uint64(c.u8())
	} else {
		column = c.uleb()
	}
	if c.short || column != returnColumn {
		return nil
	}
	if augmentation != "" {
		if augmentation[0] != 'z' {
			return nil
		}
		e.augmented = true
		data := cursor{b: c.bytes(c.uleb())}
		if !e.augment(augmentation[1:], &data) || data.short {
			return nil
		}
	}
	e.program = c.b[c.at:]
	if c.short {
		return nil
	}
	return e
}

func (e *cie) augment(letters string, data *cursor) bool {
	for _, letter := range letters {
		switch letter {
		case 'R':
			e.encoding = data.u8()
		case 'P': // the personality routine, which exceptions need
			if _, ok := data.pointer(data.u8(), 0); !ok {
				return false
			}
		case 'L':
			data.u8()
		case 'S':
			e.signal = true
		default:
			return false
		}
	}
	return true
}

func parseFDE(c *cursor, e *cie, addr uint64) (fde, bool) {
	start, ok := c.pointer(e.encoding, addr)
	if !ok {
		return fde{}, false
	}
	size, ok := c.pointer(e.encoding&0x0f, 0)
	if !ok || size == 0 || start+size < start {
		return fde{}, false
	}
	if e.augmented {
		c.bytes(c.uleb())
	}
	if c.short {
		return fde{}, false
	}
	return fde{start, start + size, e, c.b[c.at:]}, true
}

// pointer reads an address in one of the encodings of the Linux Standard Base
// (DW_EH_PE). base is the address of the cursor's beginning. What is relative to
// anything but its own place, or indirect, it reads past and says so, except
// that a personality routine (base 0) may be either.
func (c *cursor) pointer(encoding byte, base uint64) (v uint64, ok bool) {
	if encoding == 0xff {
		return 0, true
	}
	place := base + uint64(c.at)
	switch encoding & 0x0f {
	case 0x00, 0x04, 0x0c:
		v = c.u64()
	case 0x01:
		v = c.uleb()
	case 0x02:
		v = uint64(c.u16())
	case 0x03:
		v = uint64(c.u32())
	case 0x09:
		v = uint64(c.sleb())
	case 0x0a:
		v = uint64(int16(c.u16()))
	case 0x0b:
		v = uint64(int32(c.u32()))
	default:
		return 0, false
	}
	switch {
	case c.short:
		return 0, false
	case base == 0:
		return v, true
	case encoding&0xf0 == 0x10:
		return place + v, true
	}
	return v, encoding&0xf0 == 0
}

// find returns the description of the code at pc.
func find(fdes []fde, pc uint64) (*fde, bool) {
	i := sort.Search(len(fdes), func(i int) bool { return fdes[i].start > pc }) - 1
	if i < 0 || pc >= fdes[i].end {
		return nil, false
	}
	return &fdes[i], true
}

func (f *fde) String() string { return fmt.Sprintf("[%#x, %#x)", f.start, f.end) }
