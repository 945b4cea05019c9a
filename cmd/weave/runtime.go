package weave

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"

	"golang.org/x/tools/txtar"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// The archive holds the files of the root module that woven code needs: hook, mimic,
// guard/unit and what they import. The tool is another module and cannot embed them from
// where they stand.
//
//go:generate go test -run ^TestRuntimeArchive$ . -update
//go:embed zz_runtime.txtar
var runtimeArchive []byte

const runtimeModule = "github.com/lifesign-go/lifesign"

// pageFile is the file that says which version of the vitals page a runtime
// module writes.
const pageFile = "internal/page/layout.go"

// runtimeFile is a file of the runtime module.
type runtimeFile struct {
	name string // with slashes, relative to the module's directory
	data []byte
}

// runtimeFiles unpacks the archive.
func runtimeFiles() (files []runtimeFile, hash string) {
	for _, f := range txtar.Parse(runtimeArchive).Files {
		files = append(files, runtimeFile{f.Name, f.Data})
	}
	return files, shortHash(runtimeArchive)
}

// compatible reports whether the program's own lifesign module, which woven
// code would then use, fits this tool. With guard woven code needs more of it.
func compatible(m *load.Module, guard bool) error {
	var ours []byte
	files, _ := runtimeFiles()
	for _, f := range files {
		if f.name == pageFile {
			ours = f.data
		}
	}
	want, err := pageVersion(pageFile, ours)
	if err != nil {
		return err
	}
	if m.Dir == "" {
		return fmt.Errorf("the program requires %s %s, which is not in the module cache: run go mod download", m.Path, m.Version)
	}
	got, err := pageVersion(filepath.Join(m.Dir, filepath.FromSlash(pageFile)), nil)
	if err != nil {
		return fmt.Errorf("the program requires %s %s, in which this lifesign finds no vitals page: %w; require the version of this tool", m.Path, m.Version, err)
	}
	if got != want {
		return fmt.Errorf("the program requires %s %s, which writes vitals page version %s; this lifesign reads version %s: require the version of this tool", m.Path, m.Version, got, want)
	}
	if hooks := filepath.Join(m.Dir, "hook"); !isDir(hooks) {
		return fmt.Errorf("the program vendors %s without its package hook, which woven code needs: build with GOFLAGS=-mod=mod", m.Path)
	}
	if units := filepath.Join(m.Dir, "guard", "unit"); guard && !isDir(units) {
		return fmt.Errorf("the program requires %s %s without its package guard/unit, which guards need: require the version of this tool, and build with GOFLAGS=-mod=mod if it is vendored", m.Path, m.Version)
	}
	return nil
}

// pageVersion returns the constant Version of the Go source src, or of the
// file called name if src is nil.
func pageVersion(name string, src []byte) (string, error) {
	var source any
	if src != nil {
		source = src
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	version := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 && v.Names[0].Name == "Version" && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				version = lit.Value
			}
		}
		return true
	})
	if version == "" {
		return "", fmt.Errorf("%s has no constant Version", name)
	}
	return version, nil
}
