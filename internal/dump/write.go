package dump

import (
	"encoding/json"
	"fmt"
	"io"
)

// Write writes d as a file of no more than limit bytes, which must be at least Least.
// It does not change d.
//
// The JSON part and the notes have the room that memory leaves, and a half in any
// case. What has no room goes, in this order: memory, that which comes last first;
// the middle of the text; the oldest lines of the log, modules and settings of the
// build, mapped files, mimics, regions, workers, goroutines, operations, locks,
// findings, the environment, arguments, threads. First no list is cut below a few
// entries. What was cut is in Cuts.
func Write(w io.Writer, d *Dump, limit int64) error {
	if limit < Least {
		return fmt.Errorf("write a dump of %d bytes: the least limit is %d", limit, Least)
	}
	image, err := encode(d, limit)
	if err != nil {
		return fmt.Errorf("write a dump: %w", err)
	}
	for _, part := range image {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write a dump: %w", err)
		}
	}
	return nil
}

// encode returns the parts of a file.
func encode(d *Dump, limit int64) ([][]byte, error) {
	c := bound(d)
	fixed := int64(headerSize + 2*programSize + reserved + 2*align)
	room := limit - fixed
	memory := int64(0)
	for _, s := range d.Memory {
		memory += int64(len(s.Data)) + programSize
	}
	share := room - memory
	if share < room/2 {
		share = room / 2
	}
	cuts := fit(c, share)
	core := coreNotes(c)
	segments, lost := choose(d.Memory, room-jsonSize(c)-int64(len(core)))
	if lost > 0 {
		cuts = append(cuts, Cut{What: "memory", Kept: sum(segments), Lost: lost})
	}
	c.Cuts = join(d.Cuts, cuts)
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	parts := lay(c.Process.Arch, core, appendNote(nil, ownOwner, ntDump, text), segments)
	size := int64(0)
	for _, p := range parts {
		size += int64(len(p))
	}
	if size > limit {
		return nil, fmt.Errorf("it takes %d bytes of %d", size, limit)
	}
	return parts, nil
}

func sum(segments []Segment) (n int64) {
	for _, s := range segments {
		n += int64(len(s.Data))
	}
	return n
}

// align is what parts of the file are aligned to.
const align = 8

// lay puts a file together: headers, the notes of any core, lifesign's own, memory.
// Lifesign's has a segment of its own, for readers that pass over owners of notes.
func lay(arch string, core, own []byte, segments []Segment) [][]byte {
	n := 2 + len(segments)
	at := uint64(headerSize + n*programSize)
	head := header(arch, n)
	put := func(kind, flags uint32, addr uint64, data []byte) []byte {
		p := program{kind: kind, flags: flags, offset: at, addr: addr, size: uint64(len(data)), alignment: 1}
		if kind == loadable {
			p.inMemory = p.size
		} else {
			p.alignment = 4
		}
		head = p.append(head)
		at += p.size
		return data
	}
	parts := [][]byte{nil, put(notes, 0, 0, core), put(notes, 0, 0, own)}
	for _, s := range segments {
		parts = append(parts, put(loadable, readWrite, s.Addr, s.Data))
	}
	parts[0] = head
	return parts
}
