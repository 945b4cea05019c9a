// Package gen writes woven source. It is a pure function of the bytes of the
// source and of the model that package analyze made of it: it splices text into
// lines and never adds or removes one, so that every place in the program keeps
// its line number. It knows no more of the language than the model says, and
// checks that what it replaces is what the model expects there.
//
// All functions may be called by several goroutines.
package gen

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// What woven code imports, and, where gRPC methods are guarded, that of gRPC.
const (
	hookPackage   = "github.com/lifesign-go/lifesign/hook"
	unitPackage   = "github.com/lifesign-go/lifesign/guard/unit"
	statusPackage = "google.golang.org/grpc/status"
	codesPackage  = "google.golang.org/grpc/codes"
)

// File is a file of the woven program.
type File struct {
	Module  string // path of the module it belongs to, "" if it is outside of all
	Package string // import path
	Path    string // where it stands in the plain program, absolute
	Data    []byte
	Edits   []Edit // that make Data of the plain file
	Added   bool   // there is no such file in the plain program
	Checks  bool   // it has the checkers of its package, which the program works without
}

// Weave returns the woven files of m, by package and path; files in which
// nothing is woven are left out. It calls read for the content of the files at
// their paths, and refuses content other than that which was analysed.
func Weave(m *analyze.Model, read func(path string) ([]byte, error)) ([]File, error) {
	var out []File
	for i := range m.Packages {
		p := &m.Packages[i]
		for j := range p.Files {
			f := &p.Files[j]
			src, err := read(f.Path)
			if err != nil {
				return nil, fmt.Errorf("weave: %w", err)
			}
			edits, err := edits(src, p, f)
			if err != nil {
				return nil, fmt.Errorf("weave %s: %w", f.Path, err)
			}
			if len(edits) == 0 {
				continue // it has sites alone, which are of the table
			}
			out = append(out, File{p.Module, p.Path, f.Path, Apply(src, edits), edits, false, false})
		}
		out = append(out, File{p.Module, p.Path, p.Generated, Table(p, m.Runtime, m.Reach), nil, true, false})
		checkers, err := Checkers(p)
		if err != nil {
			return nil, fmt.Errorf("weave %s: %w", p.Path, err)
		}
		if checkers != nil {
			out = append(out, File{p.Module, p.Path, p.Words.File, checkers, nil, true, true})
		}
	}
	return out, nil
}

// Rewrite returns src, the content of the file f of package p, woven. It has as
// many lines as src, and what src has on a line it has there too.
func Rewrite(src []byte, p *analyze.Package, f *analyze.File) ([]byte, error) {
	edits, err := edits(src, p, f)
	if err != nil {
		return nil, err
	}
	return Apply(src, edits), nil
}

// edits returns what makes src woven.
func edits(src []byte, p *analyze.Package, f *analyze.File) ([]Edit, error) {
	if len(src) != f.Size || crc32.ChecksumIEEE(src) != f.Sum {
		return nil, fmt.Errorf("it has changed since it was analysed: try again")
	}
	w := weaver{src: src, hook: p.Hook, base: p.Base, guard: p.Guard}
	if len(f.Rewrites) == 0 {
		return nil, nil
	}
	imports := ""
	guards := 0
	for _, r := range f.Rewrites {
		if isGuard(r.Form) {
			guards++
		}
	}
	if guards < len(f.Rewrites) {
		imports = fmt.Sprintf("; import %s %q", p.Hook, hookPackage)
	}
	if guards > 0 {
		if p.Guard == nil {
			return nil, fmt.Errorf("the model has guards and no name for their package")
		}
		imports += fmt.Sprintf("; import %s %q", p.Guard.Unit, unitPackage)
	}
	w.insert(f.Clause, imports, 0, len(src))
	for i := range f.Rewrites {
		if err := w.rewrite(&f.Rewrites[i]); err != nil {
			return nil, err
		}
	}
	out, err := arrange(src, w.edits)
	if err != nil {
		return nil, err
	}
	if got, want := bytes.Count(Apply(src, out), []byte("\n")), bytes.Count(src, []byte("\n")); got != want {
		return nil, fmt.Errorf("woven it has %d lines where it had %d", got, want)
	}
	return out, nil
}
