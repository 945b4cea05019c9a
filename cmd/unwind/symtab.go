package unwind

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"sort"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// symtab is a file's symbols of functions. Names stay where they are.
type symtab struct {
	syms  []symbol // by address
	names []byte
}

type symbol struct {
	addr, size uint64
	name       uint32
}

// maxSection bounds what is read of one section of a file. Sections of browsers
// come near.
const maxSection = 256 << 20

// readSymtab reads the file's full symbol table, or the dynamic linker's if that
// has been stripped away.
func readSymtab(f *elf.File) symtab {
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		s := f.SectionByType(kind)
		if s == nil || s.Link >= uint32(len(f.Sections)) {
			continue
		}
		entries, names := sectionData(s), sectionData(f.Sections[s.Link])
		if t := parseSymtab(entries, names); len(t.syms) > 0 {
			return t
		}
	}
	return symtab{}
}

// sectionData returns what is in a section, nil if there is none or too much.
func sectionData(s *elf.Section) []byte {
	if s == nil || s.Type == elf.SHT_NOBITS || s.Size > maxSection {
		return nil
	}
	b, err := s.Data()
	if err != nil {
		return nil
	}
	return b
}

func parseSymtab(entries, names []byte) symtab {
	const size = 24 // of an Elf64_Sym
	t := symtab{names: names}
	for ; len(entries) >= size; entries = entries[size:] {
		kind, section := elf.ST_TYPE(entries[4]), binary.LittleEndian.Uint16(entries[6:])
		if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || section == uint16(elf.SHN_UNDEF) {
			continue
		}
		t.syms = append(t.syms, symbol{
			addr: binary.LittleEndian.Uint64(entries[8:]),
			size: binary.LittleEndian.Uint64(entries[16:]),
			name: binary.LittleEndian.Uint32(entries),
		})
	}
	sort.SliceStable(t.syms, func(i, j int) bool { return t.syms[i].addr < t.syms[j].addr })
	return t
}

// maxNested is how many symbols back one is looked for that reaches further than
// those behind it.
const maxNested = 16

// at returns the name of the function at pc, "" if no symbol has it.
func (t symtab) at(pc uint64) string {
	best, first := "", uint64(0)
	i := sort.Search(len(t.syms), func(i int) bool { return t.syms[i].addr > pc })
	for back := 0; i > 0 && back < maxNested; back++ {
		i--
		s := t.syms[i]
		if best != "" && s.addr != first {
			break
		}
		// A symbol without a size, of hand-written code, reaches up to the next one.
		if pc-s.addr >= s.size && !(s.size == 0 && back == 0) {
			continue
		}
		if name := t.name(s); best == "" || better(name, best) {
			best, first = name, s.addr
		}
	}
	return best
}

// maxMangled is how long a name may be to be made readable.
const maxMangled = 4096

// readable returns the name of a function of C++ or Rust as its author has
// written it, without its parameters; other names as they are.
func readable(name string) (short string) {
	defer func() {
		// A symbol can be made in malice.
		if recover() != nil {
			short = name
		}
	}()
	if len(name) > maxMangled || !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") {
		return name
	}
	return demangle.Filter(name, demangle.NoParams, demangle.MaxLength(12))
}

// better says which of two names of the same function people know it by:
// read, rather than __libc_read.
func better(a, b string) bool {
	underscores := func(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
	if ua, ub := underscores(a), underscores(b); ua != ub {
		return ua < ub
	}
	return len(a) < len(b)
}

func (t symtab) name(s symbol) string {
	if uint64(s.name) >= uint64(len(t.names)) {
		return ""
	}
	name, _, _ := bytes.Cut(t.names[s.name:], []byte{0})
	return string(name)
}
