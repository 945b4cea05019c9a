package reach

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Data is what a table is made of.
type Data struct {
	Needs       []string // each once
	Spontaneous []int    // indexes of Needs
	Main        int      // index of the signature of what the runtime starts the program with, -1 if it is not known
	Signatures  []Signature
	Files       []File // no two with the same package and name
}

// Signature is what some functions have in common.
type Signature struct {
	Reaches, Contains []int // indexes of Needs
}

// File is a file of the program and the functions in it.
type File struct {
	Package string // its path as the linker names it: main for a main package
	Name    string // without its directory
	Spans   []Span // by line
	Lines   []Span // of single lines: what is ahead there of what the function comes to
}

// Span begins at a line, counted from 1, and ends where the next one begins.
type Span struct {
	Line      int
	Signature int // index, -1 if nothing is known of the functions there
}

// magic is what an encoded table begins with. Its last byte is the version.
const magic = "lsreach\x02"

// maxSize bounds what an encoded table may grow to when it is decoded, and
// maxMembers the needs, signatures and files in it, which take more memory than
// bytes. Those of large programs have a megabyte, and thousands.
const (
	maxSize    = 16 << 20
	maxMembers = 1 << 18
)

// Encode returns the table of d, for Decode. The same data gives the same
// bytes.
func Encode(d Data) []byte {
	var e encoder
	e.count(len(d.Needs))
	for _, n := range d.Needs {
		e.text(n)
	}
	e.set(d.Spontaneous, len(d.Needs))
	e.count(d.Main + 1)
	e.count(len(d.Signatures))
	for _, s := range d.Signatures {
		e.set(s.Reaches, len(d.Needs))
		e.set(s.Contains, len(d.Needs))
	}
	e.count(len(d.Files))
	pkg := ""
	for _, f := range d.Files {
		if f.Package == pkg {
			e.text("")
		} else {
			pkg = f.Package
			e.text(pkg)
		}
		e.text(f.Name)
		e.spans(f.Spans)
		e.spans(f.Lines)
	}
	out := bytes.NewBufferString(magic)
	w, err := flate.NewWriter(out, flate.BestCompression)
	if err == nil {
		_, err = w.Write(e.out)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is right, and a buffer takes what it is given
	}
	return out.Bytes()
}

// encoder writes counts as varints, texts with their lengths before them, and
// sets as their bits.
type encoder struct{ out []byte }

func (e *encoder) spans(list []Span) {
	e.count(len(list))
	line := 0
	for _, s := range list {
		e.count(s.Line - line)
		e.count(s.Signature + 1)
		line = s.Line
	}
}

func (e *encoder) count(n int) {
	var buf [binary.MaxVarintLen64]byte
	e.out = append(e.out, buf[:binary.PutUvarint(buf[:], uint64(n))]...)
}

func (e *encoder) text(s string) {
	e.count(len(s))
	e.out = append(e.out, s...)
}

func (e *encoder) set(members []int, n int) {
	bits := make([]byte, (n+7)/8)
	for _, i := range members {
		bits[i/8] |= 1 << (uint(i) % 8)
	}
	e.out = append(e.out, bits...)
}

// Decode decodes a table that Encode made. Bytes that it did not make give an
// error, or a table that answers something; they do no harm.
func Decode(b []byte) (*Table, error) {
	if len(b) < len(magic) || string(b[:len(magic)-1]) != magic[:len(magic)-1] {
		return nil, errors.New("decode the table of who serves whom: it does not begin like one")
	}
	if v := b[len(magic)-1]; v != magic[len(magic)-1] {
		return nil, fmt.Errorf("decode the table of who serves whom: it is of version %d, this is version %d", v, magic[len(magic)-1])
	}
	body, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b[len(magic):])), maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("decode the table of who serves whom: %w", err)
	}
	if len(body) > maxSize {
		return nil, fmt.Errorf("decode the table of who serves whom: it has more than %d bytes", maxSize)
	}
	d := decoder{in: body}
	t := d.table()
	if d.bad || len(d.in) > 0 {
		return nil, errors.New("decode the table of who serves whom: it is damaged")
	}
	return t, nil
}

// decoder reads what an encoder wrote. bad is set where it did not; from there
// on everything is empty.
type decoder struct {
	in  []byte
	bad bool
}

func (d *decoder) table() *Table {
	t := &Table{needs: make(map[string]Need), files: make(map[fileKey]spans), named: make(map[string][]fileKey)}
	n := d.members(1)
	for i := 0; i < n; i++ {
		t.needs[d.text()] = Need(i)
	}
	t.spontaneous = d.set(n)
	first := d.number()
	t.signatures = make([]signature, d.members(2*((n+7)/8)))
	for i := range t.signatures {
		t.signatures[i] = signature{d.set(n), d.set(n)}
	}
	if first > len(t.signatures) {
		d.bad = true
	} else if first > 0 {
		s := t.signatures[first-1]
		t.main = Answer{true, s.reaches, s.contains}
	}
	files := d.members(4)
	key := fileKey{}
	for i := 0; i < files; i++ {
		if pkg := d.text(); pkg != "" {
			key.pkg = pkg
		}
		key.name = d.text()
		if _, twice := t.files[key]; twice {
			d.bad = true
		}
		t.files[key] = spans{d.spans(len(t.signatures)), d.spans(len(t.signatures))}
		t.named[key.name] = append(t.named[key.name], key)
	}
	return t
}

func (d *decoder) spans(signatures int) []span {
	list := make([]span, d.count(2))
	line := 0
	for i := range list {
		delta, sig := d.number(), d.number()
		line += delta
		if line > maxLine || i > 0 && delta == 0 || sig > signatures {
			d.bad = true
			return nil
		}
		list[i] = span{int32(line), int32(sig - 1)}
	}
	return list
}

// maxLine is more lines than a file has that Go compiles.
const maxLine = 1 << 30

// number reads a number that an int has room for.
func (d *decoder) number() int {
	n, size := binary.Uvarint(d.in)
	if size <= 0 || n > maxLine { // line numbers are the largest
		d.bad, d.in = true, nil
		return 0
	}
	d.in = d.in[size:]
	return int(n)
}

// members is count for what maxMembers bounds.
func (d *decoder) members(each int) int {
	n := d.count(each)
	if n > maxMembers {
		d.bad, d.in = true, nil
		return 0
	}
	return n
}

// count reads the number of things that follow, which take at least so many
// bytes each.
func (d *decoder) count(each int) int {
	n := d.number()
	if each < 1 {
		each = 1
	}
	if n > len(d.in)/each {
		d.bad, d.in = true, nil
		return 0
	}
	return n
}

func (d *decoder) text() string { return string(d.bytes(d.number())) }

func (d *decoder) bytes(n int) []byte {
	if n > len(d.in) {
		d.bad, d.in = true, nil
		return nil
	}
	b := d.in[:n]
	d.in = d.in[n:]
	return b
}

// set reads a set of numbers below n. Sets are empty slices where they are
// empty sets, which most are.
func (d *decoder) set(n int) set {
	var out set
	for i, b := range d.bytes((n + 7) / 8) {
		if b == 0 {
			continue
		}
		if out == nil {
			out = newSet(n)
		}
		out[i/8] |= uint64(b) << (uint(i) % 8 * 8)
	}
	return out
}
