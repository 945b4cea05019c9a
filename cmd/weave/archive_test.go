package weave

import (
	"bytes"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write zz_runtime.txtar anew")

// TestRuntimeArchive holds the archive against the root module's files.
func TestRuntimeArchive(t *testing.T) {
	want, err := collectRuntime(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("zz_runtime.txtar", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(runtimeArchive, want) {
		t.Error("zz_runtime.txtar is not made of the root module's files as they are now: run go generate ./weave in the cmd module")
	}
}

// collectRuntime makes the archive: go.mod, LICENSE, hook, mimic, guard/unit and the packages that they
// need, for every platform and without tests.
func collectRuntime(root fs.FS) ([]byte, error) {
	a := &txtar.Archive{Comment: []byte("The runtime of woven programs, made by go generate. DO NOT EDIT.\n")}
	names := []string{"go.mod"}
	if _, err := fs.Stat(root, "LICENSE"); err == nil {
		names = append(names, "LICENSE")
	}
	dirs := map[string]bool{}
	for todo := []string{"hook", "mimic", "guard/unit"}; len(todo) > 0; todo = todo[1:] {
		if dir := todo[0]; !dirs[dir] {
			dirs[dir] = true
			files, imports, err := packageFiles(root, dir)
			if err != nil {
				return nil, err
			}
			names, todo = append(names, files...), append(todo, imports...)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, err
		}
		a.Files = append(a.Files, txtar.File{Name: name, Data: data})
	}
	out := txtar.Format(a)
	for i, f := range txtar.Parse(out).Files {
		if i >= len(names) || f.Name != names[i] || !bytes.Equal(f.Data, a.Files[i].Data) {
			return nil, fmt.Errorf("%s does not survive the archive's format", f.Name)
		}
	}
	return out, nil
}

// packageFiles returns the files of the package in dir, and the directories of
// those packages of the same module that it imports on any platform.
func packageFiles(root fs.FS, dir string) (files, imports []string, err error) {
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		ext := path.Ext(name)
		if e.IsDir() || strings.HasSuffix(name, "_test.go") || ext != ".go" && ext != ".s" && ext != ".h" {
			continue
		}
		files = append(files, name)
		if ext != ".go" {
			continue
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return nil, nil, err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, nil, err
			}
			if p, ok := strings.CutPrefix(imported, runtimeModule+"/"); ok {
				imports = append(imports, p)
			} else if strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
				return nil, nil, fmt.Errorf("%s imports %s: the runtime requires nothing", name, imported)
			}
		}
	}
	return files, imports, nil
}
