// Package gen writes woven source. It is a pure function of the bytes of the
// source and the model of it that package analyze made: it splices text into
// lines and never adds or removes one, so that every place in the program
// keeps its line number. It knows no syntax beyond what the model says.
package gen

import (
	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// File is a file of the woven program.
type File struct {
	Module  string // path of the module it belongs to, "" if it is outside of all
	Package string // import path
	Path    string // where it stands in the plain program, absolute
	Data    []byte
	Added   bool // there is no such file in the plain program
}

// Weave returns the woven files of m, by package and path; files in which
// nothing is woven are left out. It calls read for the content of the files at
// their paths, and refuses content other than that which was analysed.
func Weave(m *analyze.Model, read func(path string) ([]byte, error)) ([]File, error) {
	return nil, nil
}
