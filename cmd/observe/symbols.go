package observe

import (
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// symbols names the functions and lines of a Go program by its own line table,
// which is there in stripped programs too.
type symbols struct {
	table  *gosym.Table
	inline *inlining
	bias   uint64 // run-time address less the address in the file
	allgs  uint64 // run-time address of runtime.allgs, 0 in a stripped program

	rename func(file string) string
}

// anchorName is the function whose run-time address the program leaves in the
// page.
const anchorName = "github.com/lifesign-go/lifesign/hook.Enter"

// loadSymbols reads the line table of the program in the file exe. anchor is
// the run-time address of anchorName.
func loadSymbols(exe string, anchor uint64) (*symbols, error) {
	f, err := elf.Open(exe)
	if err != nil {
		return nil, fmt.Errorf("read the program's symbols: %w", err)
	}
	defer f.Close()
	lines, err := lineTable(f)
	if err != nil {
		return nil, fmt.Errorf("read the program's symbols: %w", err)
	}
	addr := addresses(f, "runtime.text", "go:func.*", "runtime.allgs")
	text := textStart(f, lines.data, addr["runtime.text"])
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines.data, text))
	if err != nil {
		return nil, fmt.Errorf("read the program's symbols: %w", err)
	}
	s := &symbols{table: table, inline: newInlining(lines.data, lines.after(addr["go:func.*"]), text)}
	if fn := table.LookupFunc(anchorName); fn != nil && anchor != 0 {
		s.bias = anchor - fn.Entry
	}
	if a := addr["runtime.allgs"]; a != 0 {
		s.allgs = a + s.bias
	}
	return s, nil
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
		if strings.HasSuffix(s.Name, ".gopclntab") {
			data, err := s.Data()
			return section{s.Addr, data}, err
		}
	}
	return section{}, fmt.Errorf("no Go line table in it")
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

// Frames implements look.Symbols.
func (s *symbols) Frames(pc uint64) []event.Frame {
	var frames []event.Frame
	pc = pc - s.bias - 1
	for _, c := range s.inline.at(pc) {
		if file, line, fn := s.table.PCToLine(pc); fn != nil {
			frames = append(frames, event.Frame{Func: c.name, File: s.rename(file), Line: line})
		}
		pc = c.parent
	}
	if file, line, fn := s.table.PCToLine(pc); fn != nil {
		frames = append(frames, event.Frame{Func: fn.Name, File: s.rename(file), Line: line})
	}
	return frames
}
