package look

import (
	"encoding/binary"
	"reflect"
	"testing"
)

// crowd makes an image of n goroutines, the first four bytes of whose list are
// at 0x5000, and whose header is at 0x4010.
func crowd(n uint64) image {
	m := image{}
	m[0x4000], m[0x4008] = 0x77, 0x88
	m[0x4010], m[0x4018], m[0x4020] = 0x5000, n, n+2
	m[0x4028], m[0x4030] = 0x5000, n
	for i := uint64(0); i < n; i++ {
		g := 0x100000 * (i + 1)
		m[0x5000+8*i] = g
		m.goroutine(g, i+1, 4, 1, 0)
	}
	return m
}

func TestCensus(t *testing.T) {
	m := crowd(300)
	m[0x100000*7+8] = 6     // the seventh has ended
	delete(m, 0x100000*9+8) // the ninth cannot be read
	c := looker(t, m).Census(0x4010)
	if len(c.Goroutines) != 298 || c.Err != "1 goroutines could not be read" {
		t.Errorf("%d goroutines, %q", len(c.Goroutines), c.Err)
	}
	for _, r := range c.Goroutines {
		if r.ID == 7 || r.ID == 0 || len(r.Look.Stack) != 2 {
			t.Errorf("%+v", r)
		}
	}
	if c := looker(t, m).Census(0x4000); c.Err == "" || len(c.Goroutines) > 0 {
		t.Errorf("a census by a list that is none: %+v", c)
	}
	if c := looker(t, crowd(maxResident+5)).Census(0x4010); len(c.Goroutines) != maxResident || c.Err == "" {
		t.Errorf("%d goroutines, %q", len(c.Goroutines), c.Err)
	}
}

func TestFindAll(t *testing.T) {
	data := []Range{{0x3000, 0}, {0x4000, 0x38}}
	known := []Goroutine{{0x100000 * 3, 3}, {0x100000 * 5, 5}}
	for name, test := range map[string]struct {
		hint  uint64
		known []Goroutine
		spoil func(image)
		want  uint64
	}{
		"by the symbol table":      {0x4010, known, nil, 0x4010},
		"by what is in it":         {0, known, nil, 0x4010},
		"by goroutine 1":           {0, nil, nil, 0x4010},
		"a symbol table that errs": {0x4000, known, nil, 0x4010},
		"a known one is missing":   {0, []Goroutine{{0x777000, 1}}, nil, 0},
		"goroutine 1 is missing":   {0, nil, func(m image) { m[0x100000] = 2 }, 0},
		"goroutine 1 has ended":    {0, known, func(m image) { m[0x100000+8] = 6 }, 0x4010},
		"an entry that is no g":    {0, known, func(m image) { m[0x100000+8] = 77 }, 0},
		"more than there can be":   {0, known, func(m image) { m[0x4018], m[0x4020] = 1<<40, 1<<41 }, 0},
	} {
		m := crowd(10)
		if test.spoil != nil {
			test.spoil(m)
		}
		got, err := looker(t, m).FindAll(test.hint, data, test.known)
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("%s: %#x, %v", name, got, err)
		}
	}
}

// header makes a program header.
func header(kind, flags uint32, off, vaddr, size uint64) []byte {
	b := make([]byte, phdrSize)
	binary.LittleEndian.PutUint32(b, kind)
	binary.LittleEndian.PutUint32(b[4:], flags)
	binary.LittleEndian.PutUint64(b[8:], off)
	binary.LittleEndian.PutUint64(b[16:], vaddr)
	binary.LittleEndian.PutUint64(b[40:], size)
	return b
}

func TestWritableSegments(t *testing.T) {
	const load, phdr, r, rw = 1, 6, 4, 6
	rest := append(header(load, r, 0, 0x400000, 0x1000), header(load, rw, 0x2000, 0x500000, 0x300)...)
	for name, test := range map[string]struct {
		headers []byte
		at      uint64
		want    []Range
	}{
		"at its own address":            {rest, 0x400040, []Range{{0x500000, 0x300}}},
		"elsewhere":                     {rest, 0x7f0000400040, []Range{{0x7f0000500000, 0x300}}},
		"headers with one of their own": {append(header(phdr, r, 0x40, 0x40, 0x150), header(load, rw, 0x2000, 0x3000, 8)...), 0x1000040, []Range{{0x1003000, 8}}},
		"nothing writable":              {header(load, r, 0, 0x400000, 0x1000), 0x400040, nil},
		"half a header":                 {rest[:30], 0x400040, nil},
	} {
		if got := writable(test.headers, test.at); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %x, want %x", name, got, test.want)
		}
	}
}

func FuzzSegments(f *testing.F) {
	f.Add(header(1, 6, 0, 4096, 1<<60), []byte{3, 0, 0, 0, 0, 0, 0, 0, 1}, uint64(64))
	f.Fuzz(func(t *testing.T, headers, aux []byte, addr uint64) {
		auxiliary(aux)
		if n := len(writable(headers, addr)); n > len(headers)/phdrSize {
			t.Errorf("%d segments in %d bytes", n, len(headers))
		}
	})
}
