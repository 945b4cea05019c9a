package gotable

import (
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Table is the line table of one program.
type Table struct {
	*gosym.Table
	Allgs uint64 // address of runtime.allgs, 0 in a stripped program

	funcs *functab
}

// ErrNotGo is why a program without a line table has no Table.
var ErrNotGo = errors.New("no Go line table in it")

// maxTable bounds what is read of a file that may be anybody's. The line table
// of the largest programs has 100 MB.
const maxTable = 512 << 20

// Read reads the line table of a program.
func Read(f *elf.File) (t *Table, err error) {
	defer func() {
		// debug/elf and debug/gosym do not promise to bear files made in malice.
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("its Go line table makes no sense: %v", r)
		}
	}()
	lines, err := lineTable(f)
	if err != nil {
		return nil, err
	}
	addr := addresses(f, "runtime.text", "go:func.*", "runtime.allgs")
	text := textStart(f, lines.data, addr["runtime.text"])
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines.data, text))
	if err != nil {
		return nil, err
	}
	t = &Table{Table: table, Allgs: addr["runtime.allgs"]}
	t.funcs = newFunctab(lines.data, lines.after(addr["go:func.*"]), text)
	return t, nil
}

// Frames names the functions that the instruction at pc belongs to, those that
// were put into others first. It returns nil if pc is in none.
func (t *Table) Frames(pc uint64) []event.Frame {
	var frames []event.Frame
	for _, c := range t.funcs.at(pc) {
		if file, line, fn := t.PCToLine(pc); fn != nil {
			frames = append(frames, event.Frame{Func: c.name, File: file, Line: line})
		}
		pc = c.parent
	}
	if file, line, fn := t.PCToLine(pc); fn != nil {
		frames = append(frames, event.Frame{Func: fn.Name, File: file, Line: line})
	}
	return frames
}

// section is a part of a program's file, with the address it has there.
type section struct {
	addr uint64
	data []byte
}

// after returns what follows an address in the section, nothing if that lies
// elsewhere.
func (s section) after(addr uint64) []byte {
	if addr < s.addr || addr-s.addr > uint64(len(s.data)) {
		return nil
	}
	return s.data[addr-s.addr:]
}

func lineTable(f *elf.File) (section, error) {
	for _, s := range f.Sections {
		if !strings.HasSuffix(s.Name, ".gopclntab") {
			continue
		}
		if s.Size > maxTable {
			return section{}, fmt.Errorf("its Go line table has %d bytes", s.Size)
		}
		data, err := s.Data()
		return section{s.Addr, data}, err
	}
	return section{}, ErrNotGo
}

// addresses returns the addresses of symbols by name, none if the program is
// stripped.
func addresses(f *elf.File, names ...string) map[string]uint64 {
	found := make(map[string]uint64, len(names))
	syms, err := f.Symbols()
	if err != nil {
		return found
	}
	for _, s := range syms {
		for _, name := range names {
			if s.Name == name {
				found[name] = s.Value
			}
		}
	}
	return found
}

// textStart returns the address that the line table counts from. With an
// external linker .text begins with the C library's start-up code, so the
// symbol and the table's own header are asked first.
func textStart(f *elf.File, lines []byte, symbol uint64) uint64 {
	if symbol != 0 {
		return symbol
	}
	const headerText = 8 + 2*8 // runtime.pcHeader.textStart
	if len(lines) >= headerText+8 {
		if v := binary.LittleEndian.Uint64(lines[headerText:]); v != 0 && f.Type == elf.ET_EXEC {
			return v
		}
	}
	if s := f.Section(".text"); s != nil {
		return s.Addr
	}
	return 0
}
