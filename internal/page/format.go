package page

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// View gives typed access to the memory of a page that has been checked. It
// is for the two writers; a reader uses Reader, which trusts nothing.
type View struct {
	Header  *Header
	Foreign []uint64
	Orphans []Orphan
	Sites   []byte
	Order   []uint32
	Cells   []Cell
	Workers []Worker
	Notes   []Note
	Mimics  []Mimic
	Done    []byte
}

// Format makes mem, which must be zero and at least Size bytes, an empty page
// whose clock is written every grain nanoseconds.
func Format(mem []byte, grain uint64) error {
	if len(mem) < Size {
		return fmt.Errorf("vitals page of %d bytes: %d are needed", len(mem), Size)
	}
	h := (*Header)(unsafe.Pointer(&mem[0]))
	h.Version = Version
	h.Size = uint64(Size)
	h.Foreign = Area{foreignAt, foreignCap}
	h.Orphans = Area{orphansAt, orphanCap}
	h.Sites = Area{uint64(sitesAt), siteSpace}
	h.Cells = Area{uint64(cellsAt), CellCap}
	h.Order = Area{uint64(orderAt), CellCap}
	h.Workers = Area{uint64(workersAt), workerCap}
	h.Notes = Area{uint64(notesAt), noteCap}
	h.Done = Area{uint64(doneAt), DoneCap}
	h.Mimics = Area{uint64(mimicsAt), mimicCap}
	h.Grain = grain
	copy(h.Magic[:], Magic)
	return nil
}

// Open returns a View of a formatted page. It checks the header first, so that
// foreign memory gives an error.
func Open(mem []byte) (*View, error) {
	h, err := check(mem)
	if err != nil {
		return nil, err
	}
	base := unsafe.Pointer(&mem[0])
	v := &View{Header: (*Header)(base), Sites: mem[h.Sites.At : h.Sites.At+h.Sites.Cap : h.Sites.At+h.Sites.Cap]}
	v.Foreign = (*[1 << 24]uint64)(unsafe.Pointer(&mem[h.Foreign.At]))[:h.Foreign.Cap:h.Foreign.Cap]
	v.Orphans = (*[1 << 20]Orphan)(unsafe.Pointer(&mem[h.Orphans.At]))[:h.Orphans.Cap:h.Orphans.Cap]
	v.Cells = (*[1 << 20]Cell)(unsafe.Pointer(&mem[h.Cells.At]))[:h.Cells.Cap:h.Cells.Cap]
	v.Order = (*[1 << 20]uint32)(unsafe.Pointer(&mem[h.Order.At]))[:h.Order.Cap:h.Order.Cap]
	v.Workers = (*[1 << 20]Worker)(unsafe.Pointer(&mem[h.Workers.At]))[:h.Workers.Cap:h.Workers.Cap]
	v.Notes = (*[1 << 20]Note)(unsafe.Pointer(&mem[h.Notes.At]))[:h.Notes.Cap:h.Notes.Cap]
	v.Mimics = (*[1 << 16]Mimic)(unsafe.Pointer(&mem[h.Mimics.At]))[:h.Mimics.Cap:h.Mimics.Cap]
	v.Done = mem[h.Done.At : h.Done.At+h.Done.Cap : h.Done.At+h.Done.Cap]
	return v, nil
}

// check validates the parts of the header that say where things are. The
// copy it returns stays valid whatever the program writes afterwards.
func check(mem []byte) (Header, error) {
	if len(mem) < headerSize {
		return Header{}, fmt.Errorf("not a vitals page: %d bytes are shorter than its header", len(mem))
	}
	h := *(*Header)(unsafe.Pointer(&mem[0]))
	if string(h.Magic[:]) != Magic {
		return Header{}, fmt.Errorf("not a vitals page: it begins with %q, not %q", h.Magic[:], Magic)
	}
	if h.Version != Version {
		return Header{}, fmt.Errorf("vitals page of version %d: this lifesign reads version %d; weave the program and read it with the same lifesign", h.Version, Version)
	}
	if h.Size > uint64(len(mem)) {
		return Header{}, fmt.Errorf("vitals page is damaged: its header says %d bytes, there are %d", h.Size, len(mem))
	}
	for _, t := range []struct {
		name  string
		area  Area
		entry uint64
		most  uint64
	}{
		{"foreign releases", h.Foreign, 8, 1 << 24},
		{"orphans", h.Orphans, uint64(unsafe.Sizeof(Orphan{})), 1 << 20},
		{"sites", h.Sites, 1, 1 << 30},
		{"cells", h.Cells, uint64(CellSize), 1 << 20},
		{"cells in use", h.Order, 4, 1 << 20},
		{"notes", h.Notes, uint64(NoteSize), 1 << 16},
		{"mimics", h.Mimics, uint64(MimicSize), 1 << 16},
		{"workers", h.Workers, uint64(WorkerSize), 1 << 20},
		{"sites that are done", h.Done, 1, 1 << 30},
	} {
		if err := t.area.check(h.Size, t.entry, t.most); err != nil {
			return Header{}, fmt.Errorf("vitals page is damaged: table of %s %w", t.name, err)
		}
	}
	return h, nil
}

func (a Area) check(size, entry, most uint64) error {
	switch {
	case a.Cap == 0:
		return fmt.Errorf("is empty")
	case a.Cap > most:
		return fmt.Errorf("claims %d entries, more than %d", a.Cap, most)
	case a.At%8 != 0 || a.At < headerSize:
		return fmt.Errorf("begins at %d", a.At)
	case a.At > size || a.Cap*entry > size-a.At:
		return fmt.Errorf("reaches beyond the page's end")
	}
	return nil
}

// SetClock writes the coarse clock, CLOCK_MONOTONIC nanoseconds.
func (v *View) SetClock(now int64) { atomic.StoreUint64(&v.Header.Clock, uint64(now)) }

// PID returns the process that has claimed the page, 0 if none has.
func (v *View) PID() int { return int(atomic.LoadUint64(&v.Header.PID)) }

// Claim makes pid the page's only writer. It reports false if another process
// was first, which then keeps it.
func (v *View) Claim(pid int) bool {
	return atomic.CompareAndSwapUint64(&v.Header.PID, 0, uint64(pid))
}

// Packages returns how many woven packages are in the program, and how many it
// ought to have, 0 if it has not said so yet.
func (v *View) Packages() (there, expected uint64) {
	h := v.Header
	expected = atomic.LoadUint64(&h.Expected)
	return atomic.LoadUint64(&h.Packages), expected
}
