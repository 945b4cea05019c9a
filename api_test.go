package lifesign_test

import (
	"bytes"
	"go/ast"
	"go/build/constraint"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// oldest is the version that the root module's go.mod names: the last Go
// 1.minor whose library may be used.
const oldest = 18

// The compiler keeps the language to go.mod's version, and nothing keeps the
// library to it. A file that needs more says so with a build constraint.
func TestRootModuleUsesTheOldLibrary(t *testing.T) {
	since := apiSince(t)
	fset := token.NewFileSet()
	std := importer.ForCompiler(fset, "source", nil)
	for _, p := range packages(t) {
		if under(p.dir, "cmd") || under(p.dir, "etcd") || under(p.dir, "testbed") {
			continue
		}
		for _, cgo := range []bool{false, true} { // a package may have files for either
			for name, version := range newer(t, p, cgo, fset, std, since) {
				t.Errorf("%s came with Go %s, the root module says go 1.%d", name, version, oldest)
			}
			if !usesC(p) {
				break
			}
		}
	}
}

// The check must see what it is for.
func TestApiSinceKnowsFunctionsAndMethods(t *testing.T) {
	since := apiSince(t)
	for name, want := range map[string]string{
		"strings.CutPrefix":            "1.20",
		"sync/atomic.Uint64":           "1.19",
		"sync/atomic.(Uint64).Load":    "1.19",
		"sync.OnceFunc":                "1.21",
		"slices.Sort":                  "1.21",
		"strings.Cut":                  "",
		"sync/atomic.LoadUint64":       "",
		"sync.(RWMutex).TryRLock":      "",
		"sync.(WaitGroup).Go":          "1.25",
		"os.(Root).OpenFile":           "1.24",
		"syscall.SYS_CLOCK_GETTIME":    "",
		"runtime/debug.SetMemoryLimit": "1.19",
	} {
		if got := since[name]; got != want {
			t.Errorf("%s came with Go %q, want %q", name, got, want)
		}
	}
}

// newer returns what p uses of the library that is younger than oldest, by
// place and name, with its version, in a build with cgo or without it.
func newer(t *testing.T, p goPackage, cgo bool, fset *token.FileSet, std types.Importer, since map[string]string) map[string]string {
	t.Helper()
	var files []*ast.File
	for _, f := range p.files {
		if f.test || !builds(f, cgo) {
			continue
		}
		files = append(files, reparse(t, fset, f))
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: std, FakeImportC: true}
	if _, err := conf.Check(path.Join(module, p.dir), fset, files, info); err != nil {
		t.Fatalf("check %s: %v", p.dir, err)
	}
	found := map[string]string{}
	for id, obj := range info.Uses {
		if name := apiName(obj); since[name] != "" {
			found[fset.Position(id.Pos()).String()+": "+name] = since[name]
		}
	}
	return found
}

// usesC reports whether a file of p imports C.
func usesC(p goPackage) bool {
	for _, f := range p.files {
		for _, imp := range f.imports {
			if imp == "C" {
				return true
			}
		}
	}
	return false
}

// builds reports whether f is compiled here by the oldest version, with cgo or
// without it.
func builds(f *goFile, cgo bool) bool {
	stem := strings.TrimSuffix(filepath.Base(f.name), ".go")
	for _, other := range []string{"_darwin", "_windows", "_arm64"} {
		if strings.HasSuffix(stem, other) {
			return false
		}
	}
	for _, line := range strings.Split(string(f.src), "\n") {
		if strings.HasPrefix(line, "package ") {
			break
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		expr, err := constraint.Parse(line)
		return err == nil && expr.Eval(func(tag string) bool {
			switch tag {
			case "cgo":
				return cgo
			case "linux", "unix", "amd64", "gc", "go1.17", "go1.18":
				return true
			}
			return false
		})
	}
	return true
}

// apiName names obj as apiSince does, "" if it is no part of a package's API.
func apiName(obj types.Object) string {
	if obj.Pkg() == nil || !obj.Exported() {
		return ""
	}
	fn, ok := obj.(*types.Func)
	if ok && fn.Type().(*types.Signature).Recv() != nil {
		recv := fn.Type().(*types.Signature).Recv().Type()
		if p, ok := recv.(*types.Pointer); ok {
			recv = p.Elem()
		}
		named, ok := recv.(*types.Named)
		if !ok {
			return ""
		}
		return obj.Pkg().Path() + ".(" + named.Obj().Name() + ")." + obj.Name()
	}
	if obj.Parent() != obj.Pkg().Scope() {
		return "" // a field
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

// apiSince reads the lists of additions that Go ships, one a version, and
// returns the version of everything that came after oldest.
func apiSince(t *testing.T) map[string]string {
	t.Helper()
	root := strings.TrimSpace(goCommand(t, nil, "env", "GOROOT"))
	lists, err := filepath.Glob(filepath.Join(root, "api", "go1*.txt"))
	if err != nil || len(lists) == 0 {
		t.Fatalf("no lists of Go's API below %s: %v", root, err)
	}
	line := regexp.MustCompile(`(?m)^pkg (\S+?)(?: \(\S+\))?, (?:(?:func|type|const|var) (\w+)|method \(\*?(\w+)(?:\[[^)]*\])?\) (\w+))`)
	since := map[string]string{}
	old := map[string]bool{} // older versions may list a name for one system only
	for _, list := range lists {
		version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(list), "go"), ".txt")
		data, err := os.ReadFile(list)
		if err != nil {
			t.Fatalf("read Go's API: %v", err)
		}
		for _, m := range line.FindAllSubmatch(bytes.TrimSpace(data), -1) {
			name := string(m[1]) + "." + string(m[2])
			if len(m[3]) > 0 {
				name = string(m[1]) + ".(" + string(m[3]) + ")." + string(m[4])
			}
			if minor(version) <= oldest {
				old[name] = true
			} else if since[name] == "" || minor(version) < minor(since[name]) {
				since[name] = version
			}
		}
	}
	for name := range old {
		delete(since, name)
	}
	return since
}

// minor returns 18 for "1.18".
func minor(version string) int {
	_, after := split(version, ".")
	n, err := strconv.Atoi(after)
	if err != nil {
		return 0 // go1.txt, the first list
	}
	return n
}

// reparse reads f's source again, into a file set that is shared by what is
// checked together.
func reparse(t *testing.T, fset *token.FileSet, f *goFile) *ast.File {
	t.Helper()
	syntax, err := parser.ParseFile(fset, f.name, f.src, 0)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return syntax
}
