package observe

import (
	"debug/elf"
	"fmt"

	"github.com/lifesign-go/lifesign/cmd/gotable"
	"github.com/lifesign-go/lifesign/event"
)

// symbols names the functions and lines of a Go program by its own line table,
// which is there in stripped programs too.
type symbols struct {
	table *gotable.Table
	bias  uint64 // run-time address less the address in the file
	allgs uint64 // run-time address of runtime.allgs, 0 in a stripped program

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
	table, err := gotable.Read(f)
	if err != nil {
		return nil, fmt.Errorf("read the program's symbols: %w", err)
	}
	s := &symbols{table: table}
	if fn := table.LookupFunc(anchorName); fn != nil && anchor != 0 {
		s.bias = anchor - fn.Entry
	}
	if table.Allgs != 0 {
		s.allgs = table.Allgs + s.bias
	}
	return s, nil
}

// Frames implements look.Symbols.
func (s *symbols) Frames(pc uint64) []event.Frame {
	frames := s.table.Frames(pc - s.bias - 1)
	for i := range frames {
		frames[i].File = s.rename(frames[i].File)
	}
	return frames
}
