package unwind

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	"github.com/lifesign-go/lifesign/event"
)

// lines names files, lines and inlined functions by a file's DWARF.
type lines struct {
	data  *dwarf.Data
	units []span // by address
}

// span is a stretch of code of one compilation unit.
type span struct {
	low, high uint64
	unit      *dwarf.Entry
}

// Bounds of what is read for one address: debug/dwarf does not promise to bear
// files made in malice, and large units of C++ take long.
const (
	maxUnits   = 1 << 17
	maxEntries = 1 << 20 // of one unit
	maxRows    = 1 << 22 // of its line table
	maxInlined = 32      // functions in one another
)

var errNoDWARF = errors.New("no DWARF in it")

// readLines reads the DWARF sections of a file.
func readLines(f *elf.File) (l *lines, err error) {
	defer func() {
		if r := recover(); r != nil {
			l, err = nil, fmt.Errorf("its DWARF makes no sense: %v", r)
		}
	}()
	total := uint64(0)
	section := func(name string) []byte {
		s := f.Section(name)
		if s == nil || total+s.Size > maxSection {
			return nil
		}
		total += s.Size
		return sectionData(s)
	}
	info := section(".debug_info")
	if info == nil {
		return nil, errNoDWARF
	}
	data, err := dwarf.New(section(".debug_abbrev"), nil, nil, info, section(".debug_line"), nil, section(".debug_ranges"), section(".debug_str"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
		if b := section(name); b != nil {
			if err := data.AddSection(name, b); err != nil {
				return nil, err
			}
		}
	}
	l = &lines{data: data}
	r := data.Reader()
	for len(l.units) < maxUnits {
		unit, err := r.Next()
		if err != nil || unit == nil {
			break // what came before is right
		}
		r.SkipChildren()
		if unit.Tag != dwarf.TagCompileUnit {
			continue
		}
		ranges, err := data.Ranges(unit)
		if err != nil {
			continue
		}
		for _, p := range ranges {
			l.units = append(l.units, span{p[0], p[1], unit})
		}
	}
	sort.Slice(l.units, func(i, j int) bool { return l.units[i].low < l.units[j].low })
	return l, nil
}

// frames returns the inlined functions at pc, innermost first, and then the one
// that they are in, whose name is outer if that is not "". It returns nil if the
// DWARF does not know.
func (l *lines) frames(pc uint64, outer string) (frames []event.Frame) {
	defer func() {
		if recover() != nil {
			frames = nil
		}
	}()
	i := sort.Search(len(l.units), func(i int) bool { return l.units[i].low > pc }) - 1
	if i < 0 || pc >= l.units[i].high {
		return nil
	}
	unit := l.units[i].unit
	rows, err := l.data.LineReader(unit)
	if err != nil || rows == nil {
		return nil
	}
	here, ok := rowOf(rows, pc)
	if !ok || here.File == nil {
		return nil
	}
	file, line := here.File.Name, here.Line
	chain := l.chain(unit, pc)
	for i := len(chain) - 1; i > 0; i-- {
		frames = append(frames, event.Frame{Func: l.name(chain[i]), File: whole(unit, file), Line: line})
		file, line = callOf(chain[i], rows.Files())
	}
	if outer == "" && len(chain) > 0 {
		outer = l.name(chain[0])
	}
	return append(frames, event.Frame{Func: outer, File: whole(unit, file), Line: line})
}

// whole makes a path whole that counts from where the compiler was run.
func whole(unit *dwarf.Entry, file string) string {
	dir, _ := unit.Val(dwarf.AttrCompDir).(string)
	if file == "" || filepath.IsAbs(file) || dir == "" {
		return file
	}
	return filepath.Join(dir, file)
}

// rowOf returns the row of a line table that pc belongs to. SeekPC of debug/dwarf
// wants the lowest code first, and compilers put main and cold code last.
func rowOf(rows *dwarf.LineReader, pc uint64) (here dwarf.LineEntry, ok bool) {
	var next dwarf.LineEntry
	for n, first := 0, true; n < maxRows; n++ {
		if rows.Next(&next) != nil {
			return here, false
		}
		if !first && here.Address <= pc && pc < next.Address {
			return here, true
		}
		here, first = next, next.EndSequence
	}
	return here, false
}

// chain returns the function at pc and the inlined ones in it, outermost first.
func (l *lines) chain(unit *dwarf.Entry, pc uint64) []*dwarf.Entry {
	var chain []*dwarf.Entry
	r := l.data.Reader()
	r.Seek(unit.Offset)
	if _, err := r.Next(); err != nil {
		return nil
	}
	for n, depth := 0, 1; n < maxEntries && depth > 0 && len(chain) <= maxInlined; n++ {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if e.Tag == 0 {
			if depth--; len(chain) > 0 {
				break // the end of the innermost that has pc
			}
			continue
		}
		enter := false
		switch e.Tag {
		case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
			if enter = l.has(e, pc); enter {
				chain = append(chain, e)
			}
		case dwarf.TagLexDwarfBlock:
			enter = len(chain) > 0 && l.has(e, pc)
		case dwarf.TagNamespace, dwarf.TagModule, dwarf.TagClassType, dwarf.TagStructType:
			enter = len(chain) == 0
		}
		switch {
		case e.Children && enter:
			depth++
		case e.Children:
			r.SkipChildren()
		case enter && len(chain) > 0 && e == chain[len(chain)-1]:
			return chain
		}
	}
	return chain
}

func (l *lines) has(e *dwarf.Entry, pc uint64) bool {
	ranges, err := l.data.Ranges(e)
	if err != nil {
		return false
	}
	for _, p := range ranges {
		if pc >= p[0] && pc < p[1] {
			return true
		}
	}
	return false
}

// name returns a function's name, which inlined ones have in what they are
// copies of.
func (l *lines) name(e *dwarf.Entry) string {
	for hops := 0; hops < 4; hops++ {
		if name, ok := e.Val(dwarf.AttrName).(string); ok {
			return name
		}
		off, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if off, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				break
			}
		}
		r := l.data.Reader()
		r.Seek(off)
		next, err := r.Next()
		if err != nil || next == nil {
			break
		}
		e = next
	}
	return "?"
}

// callOf returns where an inlined function is called.
func callOf(e *dwarf.Entry, files []*dwarf.LineFile) (file string, line int) {
	if i, ok := e.Val(dwarf.AttrCallFile).(int64); ok && i >= 0 && i < int64(len(files)) && files[i] != nil {
		file = files[i].Name
	}
	if n, ok := e.Val(dwarf.AttrCallLine).(int64); ok {
		line = int(n)
	}
	return file, line
}
