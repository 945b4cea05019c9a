package gen_test

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Woven packages must compile with the real hook package, and keep doing what
// they did.
func TestWovenBuilds(t *testing.T) {
	w := woven(t)
	dir := wovenModule(t)
	goRun(t, dir, "build", "./...")
	if _, ok := w.archives["old"]; !ok {
		t.Fatal("there is no archive of an old module")
	}
	goRun(t, dir, "build", "example.com/old")
	goRun(t, dir, "vet", "./checkers/...")

	for _, name := range []string{"./behaviour", "./guardbehaviour"} {
		plain, hooked := goRun(t, w.dir, "run", name), goRun(t, dir, "run", name)
		told := 0
		if name == "./guardbehaviour" {
			hooked, told = without(hooked, "a unit of work has crashed: ")
		}
		if plain == "" || plain != hooked {
			t.Errorf("%s differs:\n%s", name, difference(plain, hooked))
		}
		if name == "./guardbehaviour" && told > 2 { // the others it recovers itself, or they are none
			t.Errorf("%d crashes were told", told)
		}
	}
}

// without returns text without the lines that have word in them, and how many those were.
func without(text, word string) (rest string, n int) {
	lines := strings.SplitAfter(text, "\n")
	kept := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.Contains(l, word) })
	return strings.Join(kept, ""), len(lines) - len(kept)
}

// Every name and literal of the source must be on the line where it was: so
// stacks, panics and debuggers stay exact.
func TestLinesStay(t *testing.T) {
	w := woven(t)
	for _, f := range w.files {
		if f.Added {
			continue
		}
		src, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if moved := movedTokens(src, f.Data); len(moved) > 0 {
			t.Errorf("%s: %s", f.Path, strings.Join(moved, ", "))
		}
		if a, b := bytes.Count(src, []byte("\r\n")), bytes.Count(f.Data, []byte("\r\n")); a != b {
			t.Errorf("%s has %d lines that end in CR LF, had %d", f.Path, b, a)
		}
	}
}

// methods are the names that weaving replaces.
var methods = map[string]bool{
	"Lock": true, "Unlock": true, "RLock": true, "RUnlock": true, "TryLock": true, "TryRLock": true, "Wait": true,
}

// movedTokens returns the names and literals of src that are not on the same
// line of woven. A range that assigns does so behind its header.
func movedTokens(src, woven []byte) []string {
	var moved []string
	have := tokens(woven)
	for line, words := range tokens(src) {
		rest := have[line]
		for _, w := range words {
			if methods[w] {
				continue
			}
			i := slices.Index(rest, w)
			if i < 0 {
				moved = append(moved, fmt.Sprintf("line %d: %s", line, w))
				break
			}
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return moved
}

// tokens returns the names and literals of each line.
func tokens(src []byte) map[int][]string {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, 0)
	out := make(map[int][]string)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return out
		}
		if tok == token.IDENT || tok.IsLiteral() {
			line := file.PositionFor(pos, false).Line
			out[line] = append(out[line], lit)
		}
	}
}

// Weaving leaves nothing in the directories it reads.
func TestSourceUntouched(t *testing.T) {
	w := woven(t)
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(w.dir, path)
		name, rest, _ := strings.Cut(filepath.ToSlash(rel), "/")
		if rel == "go.mod" {
			return nil
		}
		for _, f := range w.archives[name].Files {
			if f.Name == rest {
				data, err := os.ReadFile(path)
				if err == nil && !bytes.Equal(data, disguise(f.Name, f.Data)) {
					t.Errorf("%s has changed", rel)
				}
				return err
			}
		}
		t.Errorf("%s was added", rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
