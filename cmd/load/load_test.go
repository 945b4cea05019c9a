package load_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// lay writes the files of an archive and returns their directory.
func lay(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// env is the environment of the go command, without the workspace of this
// repository.
func env(more ...string) []string {
	return append(append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off"), more...)
}

const program = `
-- go.mod --
module example.com/prog

go 1.21

require example.com/dep v1.2.3

replace example.com/dep v1.2.3 => ./dep
-- main.go --
package main

import "example.com/dep"

func main() { dep.F() }
-- main_test.go --
package main

func broken() { undefined }
-- tagged.go --
//go:build special

package main

const special = true
-- asm/asm.go --
package asm

func F()
-- asm/asm_amd64.s --
-- asm/asm_arm64.s --
-- dep/go.mod --
module example.com/dep
-- dep/dep.go --
package dep

import _ "sync"

func F() {}
`

func TestLoad(t *testing.T) {
	dir := lay(t, program)
	prog, err := load.Load(context.Background(), load.Config{Dir: dir, Env: env(), Main: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(prog.Roots) != 1 || prog.Roots[0].Path != "example.com/prog" || prog.Roots[0].Name != "main" {
		t.Fatalf("roots %v, want example.com/prog", prog.Roots)
	}
	main := prog.Roots[0]
	if len(main.Files) != 1 || main.Files[0].Path != filepath.Join(dir, "main.go") {
		t.Fatalf("files of main: %v, want main.go", main.Files)
	}
	src, err := os.ReadFile(main.Files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if f := main.Files[0]; f.Size != len(src) || f.Sum != crc32.ChecksumIEEE(src) {
		t.Errorf("main.go has size %d and sum %x, want %d and %x", f.Size, f.Sum, len(src), crc32.ChecksumIEEE(src))
	}
	if m := main.Module; m == nil || !m.Main || m.GoVersion != "1.21" || m.Dir != dir {
		t.Errorf("module of main: %+v", m)
	}
	dep := find(t, prog, "example.com/dep")
	if m := dep.Module; m == nil || m.Main || m.Version != "v1.2.3" || m.Dir != filepath.Join(dir, "dep") || m.GoVersion != "" || !m.Replaced {
		t.Errorf("module of dep: %+v", m)
	}
	if s := find(t, prog, "sync"); !s.Standard || s.Types == nil || len(s.Syntax) == 0 || main.Standard || dep.Standard {
		t.Errorf("sync.Standard %v, want true; main %v, dep %v, want false", s.Standard, main.Standard, dep.Standard)
	}
	if !slices.IsSortedFunc(prog.Packages, func(a, b *load.Package) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("packages are not in order")
	}
	if len(prog.Runtime) != 3 || prog.Sizes == nil || !strings.HasPrefix(prog.GoVersion, "go1.") || prog.GOARCH == "" {
		t.Errorf("runtime %d packages, sizes %v, version %q for %q", len(prog.Runtime), prog.Sizes, prog.GoVersion, prog.GOARCH)
	}
}

func find(t *testing.T, prog *load.Program, path string) *load.Package {
	t.Helper()
	for _, p := range prog.Packages {
		if p.Path == path {
			return p
		}
	}
	t.Fatalf("package %s is not loaded", path)
	return nil
}

func TestTags(t *testing.T) {
	dir := lay(t, program)
	prog, err := load.Load(context.Background(), load.Config{Dir: dir, Env: env(), BuildFlags: []string{"-tags=special"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(prog.Roots[0].Files) != 2 {
		t.Errorf("%d files with the tag, want 2", len(prog.Roots[0].Files))
	}
}

// Without sync in the program there is still a runtime to look at.
func TestRuntimeOfBareProgram(t *testing.T) {
	dir := lay(t, "-- go.mod --\nmodule example.com/bare\n\ngo 1.21\n-- main.go --\npackage main\n\nfunc main() {}\n")
	prog, err := load.Load(context.Background(), load.Config{Dir: dir, Env: env()})
	if err != nil {
		t.Fatal(err)
	}
	if len(prog.Runtime) != 3 || !prog.Runtime[0].Standard {
		t.Errorf("%d runtime packages, want 3 of the standard library", len(prog.Runtime))
	}
}

// A workspace has several main modules.
func TestWorkspace(t *testing.T) {
	dir := lay(t, `
-- go.work --
go 1.21

use (
	./a
	./b
)
-- a/go.mod --
module example.com/a

go 1.21
-- a/a.go --
package main

import "example.com/b"

func main() { b.F() }
-- b/go.mod --
module example.com/b

go 1.21
-- b/b.go --
package b

func F() {}
`)
	prog, err := load.Load(context.Background(), load.Config{Dir: filepath.Join(dir, "a"), Env: env("GOWORK=")})
	if err != nil {
		t.Fatal(err)
	}
	if b := find(t, prog, "example.com/b"); b.Module == nil || !b.Module.Main {
		t.Errorf("module of b: %+v, want a main module", b.Module)
	}
}

// Loading changes nothing, not even a go.mod or go.sum that lacks something.
func TestLoadChangesNothing(t *testing.T) {
	dir := lay(t, strings.Replace(program, "require example.com/dep v1.2.3\n", "", 1))
	before := snapshot(t, dir)
	if _, err := load.Load(context.Background(), load.Config{Dir: dir, Env: env()}); err == nil {
		t.Error("no error for an import that no required module provides")
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the directory was\n%s\nand is\n%s", before, after)
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&out, "%s\n%s\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name    string
		files   string // added to a module
		pattern string
		main    bool
		want    string // what the error says; lines in this order, each once
		typ     any
	}{
		{"type error", "-- a.go --\npackage a\n\nfunc f() { undefined() }\n", ".", false,
			"./a.go:3:12: undefined: undefined", new(*load.CompileError)},
		{"syntax error", "-- a.go --\npackage a\n\nfunc f( {\n", ".", false,
			"a.go:3:9: syntax error: unexpected {", new(*load.CompileError)},
		{"in a dependency", "-- a.go --\npackage a\n\nimport _ \"example.com/m/b\"\n-- b/b.go --\npackage b\n\nvar x int = nil\n-- c/c.go --\npackage c\n\nimport _ \"example.com/m/b\"\n", "./...", false,
			"b/b.go:3:13: cannot use nil as int value", new(*load.CompileError)},
		{"missing import", "-- a.go --\npackage a\n\nimport _ \"example.com/none\"\n", ".", false,
			"a.go:3:8: no required module provides package example.com/none", new(*load.CompileError)},
		{"no such directory", "-- a.go --\npackage a\n", "./none", false,
			"none: directory not found", new(*load.CompileError)},
		{"no main", "-- a.go --\npackage a\n", ".", true,
			"package . is not a main package", new(*load.NoMainError)},
		{"no main in several", "-- a.go --\npackage a\n-- b/b.go --\npackage b\n", "./...", true,
			"./... matches no main package", new(*load.NoMainError)},
		{"nothing matches", "-- a.go --\npackage a\n", "example.com/m/none/...", false,
			"example.com/m/none/... matches no packages", new(*load.NoMatchError)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := lay(t, "-- go.mod --\nmodule example.com/m\n\ngo 1.21\n"+tt.files)
			_, err := load.Load(context.Background(), load.Config{Dir: dir, Patterns: []string{tt.pattern}, Env: env(), Main: tt.main})
			if err == nil {
				t.Fatal("no error")
			}
			if n := strings.Count(err.Error(), tt.want); n != 1 {
				t.Errorf("error says it %d times, want once:\n%v\nwant %s", n, err, tt.want)
			}
			if !errors.As(err, tt.typ) {
				t.Errorf("error is a %T", err)
			}
		})
	}
}

func TestNoDirectory(t *testing.T) {
	_, err := load.Load(context.Background(), load.Config{Dir: filepath.Join(t.TempDir(), "none"), Env: env()})
	if err == nil {
		t.Error("no error for a directory that does not exist")
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := load.Load(ctx, load.Config{Dir: lay(t, program), Env: env()})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
