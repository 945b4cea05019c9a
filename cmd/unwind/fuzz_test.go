package unwind

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/arch/x86/x86asm"
)

// section returns a section of a program in binDir.
func section(t testing.TB, program, name string) (data []byte, addr uint64) {
	t.Helper()
	f, err := elf.Open(built(t, program))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(name)
	if data, err = s.Data(); err != nil {
		t.Fatal(err)
	}
	return data, s.Addr
}

func FuzzFrames(f *testing.F) {
	for _, program := range []string{"debug", "plain"} {
		data, addr := section(f, program, ".eh_frame")
		f.Add(data, addr)
	}
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 1, 'e', 'h', 0}, uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		fdes, _ := parseFrames(b, addr)
		for i := range fdes {
			d := &fdes[i]
			if d.start >= d.end {
				t.Fatalf("%v is no stretch", d)
			}
			if got, ok := find(fdes, d.start); !ok || got.start != d.start {
				t.Fatalf("%v is not found", d)
			}
			for _, pc := range []uint64{d.start, d.start + (d.end-d.start)/2, d.end - 1} {
				d.row(pc)
			}
		}
	})
}

func FuzzExpression(f *testing.F) {
	f.Add([]byte{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}) // of a .plt
	f.Add([]byte{0x77, 0xa0, 1, 6})                                           // of a signal's frame
	f.Add([]byte{0x2f, 0xfd, 0xff})                                           // a loop
	f.Fuzz(func(t *testing.T, b []byte) {
		var regs [registers]value
		regs[rsp] = value{0x7ffe1000, true}
		reads := 0
		compute(b, []uint64{1}, &regs, func(addr uint64) (uint64, error) {
			if reads++; reads > maxSteps {
				t.Fatal("it reads for ever")
			}
			if addr%3 == 0 {
				return 0, errors.New("not there")
			}
			return addr * 7, nil
		})
	})
}

func FuzzMaps(f *testing.F) {
	own, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own, uint64(0x400000))
	f.Add([]byte("400000-401000 r-xp 00000000 08:01 7 /a b (deleted)\n"), uint64(0x400010))
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		maps := parseMaps(b)
		if m, ok := mappingOf(maps, addr); ok {
			if addr < m.start || addr >= m.end || !m.exec {
				t.Fatalf("%#x is not in %+v", addr, m)
			}
			beginning(maps, m)
			if strings.Contains(m.name(), `\012`) {
				t.Fatalf("%q has a newline that is not one", m.name())
			}
		}
	})
}

// FuzzImage changes a program's file, in its headers mostly.
func FuzzImage(f *testing.F) {
	whole, err := os.ReadFile(built(f, "packed"))
	if err != nil {
		f.Fatal(err)
	}
	table := int(binary.LittleEndian.Uint64(whole[40:])) // of sections
	for _, at := range []int{0, 32, 40, 58, 64, 120, table + 64, table + 64*20, table + 64*28 + 32} {
		f.Add(at, []byte{0xff, 0xff}, uint64(0x1200))
	}
	f.Add(len(whole), []byte{}, uint64(0x1500))
	f.Fuzz(func(t *testing.T, at int, change []byte, pc uint64) {
		b := bytes.Clone(whole)
		if at >= 0 && at < len(b) {
			copy(b[at:], change)
		}
		done := make(slots, 1)
		im, err := readImage(bytes.NewReader(b), "packed", func(e *elf.File) *later[*lines] {
			return ask(done, func() (*lines, error) { return readLines(e) })
		})
		if err != nil {
			return
		}
		im.frames(pc, time.Minute)
		if d, ok := find(im.fdes, pc); ok {
			d.row(pc)
		}
		im.bias(mapping{start: 0x1000, end: 0x2000, offset: 0x1000, exec: true})
	})
}

func FuzzNames(f *testing.F) {
	f.Add("_ZN2ns3BoxImE4waitEi")
	f.Add("_RNvCs1234_7mycrate3foo")
	f.Fuzz(func(t *testing.T, name string) {
		if got := readable(name); name != "" && len(got) > 1<<16 {
			t.Fatalf("%d bytes for %d", len(got), len(name))
		}
	})
}

// FuzzCode follows any bytes as code.
func FuzzCode(f *testing.F) {
	text, _ := section(f, "plain", ".text")
	f.Add(text)
	f.Add([]byte{0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xe8, 0, 0, 0, 0, 0xc9, 0xc3})
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 4096 {
			code = code[:4096]
		}
		fl := flow{code: code, off: 16, depth: map[int]int64{}, ends: map[int]int64{}}
		fl.follow()
		for at := range fl.depth {
			if at < 0 || at >= len(code) {
				t.Fatalf("it has followed code at %d, of %d bytes", at, len(code))
			}
		}
	})
}

// TestDepths holds the way through code to the compiler's own description of it:
// where that counts from the stack pointer, both must agree, instruction by
// instruction.
func TestDepths(t *testing.T) {
	for _, program := range []string{"debug", "static"} {
		frames, addr := section(t, program, ".eh_frame")
		text, start := section(t, program, ".text")
		fdes, err := parseFrames(frames, addr)
		if err != nil {
			t.Fatal(err)
		}
		functions, compared := 0, 0
		for i := range fdes {
			d := &fdes[i]
			if d.start < start || d.end > start+uint64(len(text)) {
				continue
			}
			first, err := d.row(d.start)
			if err != nil {
				t.Fatal(err)
			}
			if first.cfa.how != inRegister || first.cfa.reg != rsp || first.cfa.off != 8 || first.regs[returnColumn].how == undefined {
				continue
			}
			if len(bytes.Trim(d.program, "\x00")) == 0 {
				continue // hand-written code, of which only the entry is described
			}
			fl := flow{code: text[d.start-start : d.end-start], off: 16, depth: map[int]int64{}, ends: map[int]int64{}}
			if !fl.follow() {
				continue
			}
			functions++
			for at, depth := range fl.depth {
				if _, filler := fl.length(at); filler {
					continue
				}
				row, err := d.row(d.start + uint64(at))
				if err != nil {
					t.Fatal(err)
				}
				if row.cfa.how != inRegister || row.cfa.reg != rsp || depth == unknown || row.regs[returnColumn].how == undefined {
					continue
				}
				if compared++; row.cfa.off != depth {
					t.Errorf("%s: %v at %#x: %d by its code, %d by its description", program, d, d.start+uint64(at), depth, row.cfa.off)
				}
			}
		}
		t.Logf("%s: %d of %d functions followed, %d places compared", program, functions, len(fdes), compared)
		if functions == 0 || compared < 10*functions {
			t.Errorf("%s: only %d places in %d functions compared", program, compared, functions)
		}
	}
}

func TestDecodesMarks(t *testing.T) {
	if inst, err := decode([]byte{0xf3, 0x0f, 0x1e, 0xfa, 0x55}); err != nil || inst.Len != 4 || inst.Op != x86asm.NOP {
		t.Errorf("endbr64: %v, %v", inst, err)
	}
}
