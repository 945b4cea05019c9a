package weave

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/gen"
)

// covered is a file that is woven and that cover puts its counters into.
//
// Hooks must be in what the compiler gets and yet count for nothing: coverage
// is to be told of the user's statements, by the user's lines and columns. So
// cover reads the plain file, in which marks stand where there is something to
// weave, and the marks in what it makes are then exchanged for that. A mark is
// a comment that changes no position, not even of what follows it in its line:
// /*line :LINE:COLUMN*/ with the place where it stands.
//
// A counter goes before the statement that it counts, and so before all that
// weaving puts at the statement's beginning: lsrt.To(site, x).Send(v) is one
// statement. Therefore a mark stands behind the first token of what it is for.
type covered struct {
	plain string // its name in the build
	woven string
	read  string // what cover reads instead; the base name is the same
	src   []byte
	edits []gen.Edit // nil if cover reads the woven file as it is
}

// writeEdits keeps what makes the file woven of a plain one, beside it.
func writeEdits(woven string, edits []gen.Edit) error {
	data, err := json.Marshal(edits)
	if err != nil {
		return err
	}
	return os.WriteFile(editsOf(woven), data, 0o644)
}

func editsOf(woven string) string { return filepath.Join(filepath.Dir(woven), "edits.json") }

// prepareCover makes the file that cover is to read for the plain one. A file
// that weaving has added, and one that has line directives of its own, which
// marks would undo, is read woven.
func prepareCover(plain, woven string) (*covered, error) {
	c := &covered{plain: plain, woven: woven, read: woven}
	data, err := os.ReadFile(editsOf(woven))
	if os.IsNotExist(err) {
		return c, nil
	} else if err != nil {
		return nil, err
	}
	var edits []gen.Edit
	if err := json.Unmarshal(data, &edits); err != nil {
		return nil, fmt.Errorf("read %s: %w", editsOf(woven), err)
	}
	if c.src, err = os.ReadFile(plain); err != nil {
		return nil, err
	}
	if bytes.Contains(c.src, []byte("//line ")) || bytes.Contains(c.src, []byte("/*line ")) {
		return c, nil
	}
	dir, err := os.MkdirTemp(filepath.Dir(woven), "cover") // a package may be covered twice at a time
	if err != nil {
		return nil, err
	}
	c.edits, c.read = behindTokens(c.src, edits), filepath.Join(dir, filepath.Base(plain))
	return c, os.WriteFile(c.read, gen.Apply(c.src, c.marks()), 0o644)
}

// behindTokens returns edits that do the same and take away the token, if there
// is one, that begins where they insert something.
func behindTokens(src []byte, edits []gen.Edit) []gen.Edit {
	out := slices.Clone(edits)
	for i, e := range out {
		if e.Del > 0 {
			continue
		}
		n := tokenAt(src[e.Off:])
		if next := i + 1; next < len(out) && out[next].Off < e.Off+n {
			continue
		}
		out[i].Del, out[i].Text = n, e.Text+string(src[e.Off:e.Off+n])
	}
	return out
}

// tokenAt returns the length of the token that src begins with, 0 if it begins
// with none.
func tokenAt(src []byte) int {
	if len(src) == 0 || src[0] == ' ' || src[0] == '\t' || src[0] == '\n' || src[0] == '\r' || src[0] == '/' {
		return 0
	}
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, 0)
	_, tok, literal := s.Scan()
	if literal == "" {
		literal = tok.String()
	}
	if !bytes.HasPrefix(src, []byte(literal)) {
		return 0 // a raw string with carriage returns
	}
	return len(literal)
}

// marks are edits that put a mark behind what each of c's edits takes away.
func (c *covered) marks() []gen.Edit {
	var out []gen.Edit
	line, start, at := 1, 0, 0 // of the line that at is in
	for _, e := range c.edits {
		off := e.Off + e.Del
		if n := bytes.Count(c.src[at:off], []byte("\n")); n > 0 {
			line, start = line+n, bytes.LastIndexByte(c.src[:off], '\n')+1
		}
		at = off
		out = append(out, gen.Edit{Off: off, Text: fmt.Sprintf("/*line :%d:%d*/", line, off-start+1)})
	}
	return out
}

// exchange returns text, which cover made of what it read, with what is to be
// woven in the place of the marks.
func (c *covered) exchange(text []byte) ([]byte, error) {
	var out []byte
	for i, m := range c.marks() {
		e := c.edits[i]
		before, after, ok := bytes.Cut(text, []byte(m.Text))
		gone := c.src[e.Off : e.Off+e.Del]
		if !ok || !bytes.HasSuffix(before, gone) {
			return nil, fmt.Errorf("weave what cover made of %s: the place of byte %d is not found", c.plain, e.Off)
		}
		out = append(out, before[:len(before)-len(gone)]...)
		out = append(out, e.Text...)
		text = after
	}
	return append(out, text...), nil
}

// cover has cover put its counters into woven files, under the names of the
// plain ones.
func (m mapper) cover() (int, error) {
	list := ""
	args := slices.Clone(m.args)
	files := make(map[string]*covered) // by what cover reads
	for i, a := range args {
		if i > 0 && args[i-1] == "-outfilelist" {
			list = a
		}
		woven, ok := m.overlay[a]
		if !ok {
			continue
		}
		c, err := prepareCover(a, woven)
		if err != nil {
			return 0, err
		}
		args[i], files[c.read] = c.read, c
	}
	status, err := m.run(m.stdout, args)
	if err != nil || status != 0 || list == "" || len(files) == 0 {
		return status, err
	}
	data, err := os.ReadFile(list)
	if err != nil {
		return 0, err
	}
	for _, name := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if err := finishCover(name, files); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// finishCover weaves the file, which cover made. Its first line says of which
// one: "//line NAME:1:1".
func finishCover(name string, files map[string]*covered) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	const directive, place = "//line ", ":1:1"
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	read, ok := strings.CutPrefix(strings.TrimSuffix(string(line), place), directive)
	c := files[read]
	if !ok || c == nil {
		return nil // the counters, or a file in which nothing is woven
	}
	if c.edits != nil {
		if rest, err = c.exchange(rest); err != nil {
			return err
		}
	}
	return os.WriteFile(name, append([]byte(directive+c.plain+place+"\n"), rest...), 0o666)
}
