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
	table *gosym.Table
	bias  uint64 // run-time address less the address in the file

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
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, textStart(f, lines)))
	if err != nil {
		return nil, fmt.Errorf("read the program's symbols: %w", err)
	}
	s := &symbols{table: table}
	if fn := table.LookupFunc(anchorName); fn != nil && anchor != 0 {
		s.bias = anchor - fn.Entry
	}
	return s, nil
}

func lineTable(f *elf.File) ([]byte, error) {
	for _, s := range f.Sections {
		if strings.HasSuffix(s.Name, ".gopclntab") {
			return s.Data()
		}
	}
	return nil, fmt.Errorf("no Go line table in it")
}

// textStart returns the address that the line table counts from. With an
// external linker .text begins with the C library's start-up code, so the
// symbol and the table's own header are asked first.
func textStart(f *elf.File, lines []byte) uint64 {
	if syms, err := f.Symbols(); err == nil {
		for _, s := range syms {
			if s.Name == "runtime.text" {
				return s.Value
			}
		}
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

// frames names pcs, which are return addresses: the line is that of the call.
func (s *symbols) frames(pcs []uint64) []event.Frame {
	frames := make([]event.Frame, 0, len(pcs))
	for _, pc := range pcs {
		file, line, fn := s.table.PCToLine(pc - s.bias - 1)
		if fn == nil {
			continue
		}
		frames = append(frames, event.Frame{Func: fn.Name, File: s.rename(file), Line: line})
	}
	return frames
}
