// Package lifesign_test holds the rules of the house: what is true of the
// whole repository and that no single package can check. They are ordinary
// tests; CONTRIBUTING.md lists them. They read the source and run the go
// command; they change nothing.
package lifesign_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lifesign-go/lifesign"

// goFile is one Go source file of the repository.
type goFile struct {
	name      string // with slashes, relative to the repository's root
	src       []byte
	fset      *token.FileSet
	syntax    *ast.File
	imports   []string
	test      bool
	generated bool // it says so itself, in the words that the go command knows
}

func (f *goFile) place(p token.Pos) string {
	return f.name + ":" + strconv.Itoa(f.fset.Position(p).Line)
}

// goPackage is the files of one directory.
type goPackage struct {
	dir   string // with slashes, relative to the repository's root
	files []*goFile
}

// packages returns all packages of all modules, by directory.
func packages(t *testing.T) []goPackage {
	t.Helper()
	var ps []goPackage
	for _, name := range repository(t) {
		if filepath.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		f := parse(t, name)
		dir := filepath.ToSlash(filepath.Dir(name))
		if n := len(ps); n == 0 || ps[n-1].dir != dir {
			ps = append(ps, goPackage{dir: dir})
		}
		last := &ps[len(ps)-1]
		last.files = append(last.files, f)
	}
	if len(ps) == 0 {
		t.Fatal("there is no Go package here: are the tests run from the repository's root?")
	}
	return ps
}

func parse(t *testing.T, name string) *goFile {
	t.Helper()
	f := &goFile{name: name, fset: token.NewFileSet(), test: strings.HasSuffix(name, "_test.go")}
	f.src = read(t, name)
	var err error
	f.syntax, err = parser.ParseFile(f.fset, name, f.src, parser.ParseComments)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	for _, spec := range f.syntax.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", name, spec.Path.Value, err)
		}
		f.imports = append(f.imports, imp)
	}
	head := strings.SplitN(string(f.src), "\npackage ", 2)[0]
	f.generated = strings.Contains(head, "// Code generated ") && strings.Contains(head, " DO NOT EDIT.")
	return f
}

// repository returns the names of all files of the repository, sorted by
// directory, less what .gitignore leaves out.
func repository(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".git" || name == "bin" || name == "tmp":
			return skip(d)
		case d.Type().IsRegular() && !strings.HasSuffix(name, ".test") && !strings.HasSuffix(name, ".prof"):
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the repository: %v", err)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := filepath.Dir(names[i]), filepath.Dir(names[j])
		return a < b || a == b && names[i] < names[j]
	})
	return names
}

// skip leaves out a directory, or, as .git is in a linked work tree, a file.
func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read a file of the repository: %v", err)
	}
	return data
}
