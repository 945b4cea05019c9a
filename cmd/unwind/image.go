package unwind

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/lifesign-go/lifesign/cmd/gotable"
	"github.com/lifesign-go/lifesign/event"
)

// image is what a mapped file says of its code. Its addresses are the file's
// own.
type image struct {
	path   string
	head   []byte // how the file begins
	loads  []elf.ProgHeader
	fdes   []fde
	syms   symtab
	golang *gotable.Table // nil if it is no Go program
	lines  *later[*lines] // nil if the table of Go has all
	waited bool           // for lines, once
}

// headSize is how much of a file's beginning is compared with what is mapped:
// ELF and program headers, and mostly the build's identity.
const headSize = 4096

var errForeign = errors.New("it is not a 64-bit ELF file for x86-64")

// readImage reads a file. lines, if not nil, has its DWARF read later.
func readImage(r io.ReaderAt, path string, lines func(*elf.File) *later[*lines]) (im *image, err error) {
	defer func() {
		// debug/elf does not promise to bear files made in malice.
		if r := recover(); r != nil {
			im, err = nil, fmt.Errorf("read %s: it makes no sense: %v", path, r)
		}
	}()
	head := make([]byte, headSize)
	n, err := r.ReadAt(head, 0)
	if head = head[:n]; err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	const noSections = 60 // e_shnum, and then the number is elsewhere, and as large as one likes
	if n < 64 || head[noSections] == 0 && head[noSections+1] == 0 {
		return nil, fmt.Errorf("read %s: %w", path, errForeign)
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("read %s: %w", path, errForeign)
	}
	im = &image{path: path, head: head, syms: readSymtab(f)}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			im.loads = append(im.loads, p.ProgHeader)
		}
	}
	if s := f.Section(".eh_frame"); s != nil {
		// What is wrong in it is no worse than if it were not there.
		im.fdes, _ = parseFrames(sectionData(s), s.Addr)
	}
	if t, err := gotable.Read(f); err == nil {
		im.golang = t
	}
	if lines != nil && (im.golang == nil || len(im.fdes) > 0) {
		im.lines = lines(f)
	}
	return im, nil
}

// bias returns what has to be added to the file's addresses, if it is mapped
// like this.
func (im *image) bias(m mapping) (uint64, bool) {
	const page = 4096 - 1
	for _, p := range im.loads {
		if from := p.Off &^ page; p.Flags&elf.PF_X != 0 && m.offset >= from && m.offset < p.Off+p.Filesz {
			return m.start - m.offset + p.Off - p.Vaddr, true
		}
	}
	return 0, false
}

// begins reports whether memory that holds b could be the beginning of this
// file.
func (im *image) begins(b []byte) bool {
	n := min(len(b), len(im.head))
	return n > 0 && bytes.Equal(b[:n], im.head[:n])
}

// frames names the functions at pc, those that were put into others first. The
// last one stands for the frame of the stack. final is false if the lines were
// late, more than limit at the first time, so that there will be more to tell.
func (im *image) frames(pc uint64, limit time.Duration) (frames []event.Frame, final bool) {
	if im.golang != nil {
		if frames := im.golang.Frames(pc); len(frames) > 0 {
			return frames, true
		}
	}
	name := readable(im.syms.at(pc))
	final = true
	if im.lines != nil {
		if im.waited {
			limit = 0
		}
		l, err := im.lines.wait(limit)
		im.waited = true
		if final = err != errLate; err == nil {
			if frames := l.frames(pc, name); len(frames) > 0 {
				return frames, true
			}
		}
	}
	if name == "" {
		// By where it begins, so that one function has one name.
		begin := pc
		if d, ok := find(im.fdes, pc); ok {
			begin = d.start
		}
		name = fmt.Sprintf("%s+%#x", filepath.Base(im.path), begin)
	}
	return []event.Frame{{Func: name, File: im.path}}, final
}
