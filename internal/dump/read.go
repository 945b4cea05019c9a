package dump

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

var errShort = errors.New("it ends too early")

// Read reads what Write has written, size bytes of it.
func Read(r io.ReaderAt, size int64) (*Dump, error) {
	d, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("read a dump: %w", err)
	}
	return d, nil
}

type reader struct {
	r    io.ReaderAt
	size int64
	left int64 // bytes that parts may still have: none is in the file twice
}

func read(r io.ReaderAt, size int64) (*Dump, error) {
	f := &reader{r, size, size}
	head, err := f.bytes(0, headerSize)
	switch {
	case err != nil || string(head[:4]) != "\x7fELF":
		return nil, errors.New("it is no ELF file")
	case head[4] != 2 || head[5] != 1:
		return nil, errors.New("it is not of 64 bits, little-endian")
	}
	le := binary.LittleEndian
	if le.Uint16(head[16:]) != typeCore {
		return nil, errors.New("it is an ELF file and no core")
	}
	if n := le.Uint16(head[54:]); n != programSize {
		return nil, fmt.Errorf("it has program headers of %d bytes", n)
	}
	programs, err := f.bytes(le.Uint64(head[32:]), uint64(le.Uint16(head[56:]))*programSize)
	if err != nil {
		return nil, fmt.Errorf("program headers: %w", err)
	}
	c := content{arch: archOf(le.Uint16(head[18:]))}
	for ; len(programs) > 0; programs = programs[programSize:] {
		if err := f.part(&c, programs); err != nil {
			return nil, err
		}
	}
	return c.dump()
}

// bytes reads a part of the file.
func (f *reader) bytes(at, n uint64) ([]byte, error) {
	if at > uint64(f.size) || n > uint64(f.size)-at || int64(n) > f.left {
		return nil, errShort
	}
	f.left -= int64(n)
	b := make([]byte, n)
	if _, err := f.r.ReadAt(b, int64(at)); err != nil && !(err == io.EOF && n == 0) {
		if err == io.EOF {
			err = errShort
		}
		return nil, err
	}
	return b, nil
}

// content is what was found in a file.
type content struct {
	arch     string
	own      *Dump
	status   [][]byte
	auxv     []byte
	mappings []Mapping
	memory   []Segment
}

// part reads what a program header leads to.
func (f *reader) part(c *content, header []byte) error {
	le := binary.LittleEndian
	at, addr, n := le.Uint64(header[8:]), le.Uint64(header[16:]), le.Uint64(header[32:])
	kind := le.Uint32(header)
	if kind != notes && kind != loadable || n == 0 {
		return nil
	}
	b, err := f.bytes(at, n)
	if err != nil {
		return fmt.Errorf("the part at %d: %w", at, err)
	}
	if kind == notes {
		return c.notes(b)
	}
	if addr+n < addr {
		return fmt.Errorf("the memory at %#x: there are no %d bytes", addr, n)
	}
	c.memory = append(c.memory, Segment{addr, b})
	return nil
}

func (c *content) notes(b []byte) error {
	le := binary.LittleEndian
	for len(b) >= noteHead {
		name, desc, kind := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), le.Uint32(b[8:])
		b = b[noteHead:]
		nameEnd := (name + 3) &^ 3
		end := nameEnd + (desc+3)&^3
		if end > uint64(len(b)) {
			return fmt.Errorf("a note: %w", errShort)
		}
		if err := c.note(string(bytes.TrimRight(b[:name], "\x00")), kind, b[nameEnd:][:desc]); err != nil {
			return err
		}
		b = b[end:]
	}
	return nil
}

func (c *content) note(by string, kind uint32, desc []byte) (err error) {
	switch {
	case by == ownOwner && kind == ntDump:
		var d Dump
		if err := json.Unmarshal(desc, &d); err != nil {
			return fmt.Errorf("its note %s: %w", ownOwner, err)
		}
		c.own = &d
	case by != owner:
	case kind == ntPrstatus:
		c.status = append(c.status, desc)
	case kind == ntAuxv:
		c.auxv = desc
	case kind == ntFile:
		c.mappings, err = parseFiles(desc)
	}
	return err
}

func parseFiles(b []byte) ([]Mapping, error) {
	if len(b) < 16 {
		return nil, fmt.Errorf("its note of files: %w", errShort)
	}
	le := binary.LittleEndian
	n, page := le.Uint64(b), le.Uint64(b[8:])
	b = b[16:]
	if n > uint64(len(b))/25 {
		return nil, fmt.Errorf("its note of files: %w", errShort)
	}
	names := bytes.SplitN(b[24*n:], []byte{0}, int(n)+1)
	if uint64(len(names)) <= n {
		return nil, fmt.Errorf("its note of files: %w", errShort)
	}
	list := make([]Mapping, n)
	for i := range list {
		e := b[24*i:]
		list[i] = Mapping{le.Uint64(e), le.Uint64(e[8:]), le.Uint64(e[16:]) * page, string(names[i])}
	}
	return list, nil
}

// dump puts what was found together.
func (c *content) dump() (*Dump, error) {
	d := c.own
	switch {
	case d == nil:
		return nil, errors.New("it is a core, and none of lifesign's: it has no note " + ownOwner)
	case d.Version < 1 || d.Version > Version:
		return nil, fmt.Errorf("it is of version %d, and this lifesign knows up to %d", d.Version, Version)
	}
	d.Auxv, d.Mappings, d.Memory = c.auxv, c.mappings, c.memory
	sort.SliceStable(d.Memory, func(i, j int) bool { return d.Memory[i].Addr < d.Memory[j].Addr })
	m := machines[c.arch]
	at := map[int]*Thread{}
	for i := range d.Threads {
		at[d.Threads[i].ID] = &d.Threads[i]
	}
	for _, s := range c.status {
		if m.registers == 0 || len(s) < statusRegisters+8*m.registers {
			continue
		}
		le := binary.LittleEndian
		t := at[int(int32(le.Uint32(s[statusPID:])))]
		if t == nil {
			continue
		}
		t.Registers = make([]uint64, m.registers)
		for i := range t.Registers {
			t.Registers[i] = le.Uint64(s[statusRegisters+8*i:])
		}
	}
	return d, nil
}
