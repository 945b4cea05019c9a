package weave

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/cmd/load"
)

// TestRefused gives builds that cannot be done, each with what its one line
// must say.
func TestRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	const readOnly = "/sys/lifesign" // not even the superuser can make a directory there
	for _, tt := range []struct {
		name   string
		change func(dir string, cfg *Config)
		want   []string
	}{
		{"no such package", func(_ string, c *Config) { c.Patterns = []string{"./nowhere"} }, []string{"nowhere: directory not found"}},
		{"not a program", func(_ string, c *Config) { c.Patterns = []string{"./lib"} }, []string{"example.com/faulty/lib is not a program", "name a main package"}},
		{"several programs", func(_ string, c *Config) { c.Patterns = []string{"./good/..."} }, []string{"./good/... means several programs, example.com/faulty/good and example.com/faulty/good/more", "name one"}},
		{"no go.mod", func(dir string, _ *Config) { os.Remove(filepath.Join(dir, "go.mod")) }, []string{"no go.mod in ", "or above it"}},
		{"another compiler", func(_ string, c *Config) { c.BuildFlags = []string{"-compiler=gccgo"} }, []string{"-compiler=gccgo: lifesign knows"}},
		{"-linkshared", func(_ string, c *Config) { c.BuildFlags = []string{"-linkshared"} }, []string{"-linkshared: ", "build without it"}},
		{"several packages into a file", func(_ string, c *Config) { c.Main, c.Patterns, c.Output = false, []string{"./good/..."}, "new" }, []string{"/new is not a directory, and there are 2 packages"}},
		{"-overlay", func(_ string, c *Config) { c.Env = append(c.Env, "GOFLAGS=-overlay=x.json") }, []string{"a flag -overlay of its own"}},
		{"scope without a match", func(_ string, c *Config) { c.Scope = []string{"example.org/..."} }, []string{`"example.org/..." matches no package`}},
		{"output's directory", func(_ string, c *Config) { c.Output = "/sys/" }, []string{"/sys", "name another file with -o"}},
		{"output is a package", func(_ string, c *Config) { c.Output = "" }, []string{"/good is a directory: name a file with -o"}},
		{"output is a source", func(_ string, c *Config) { c.Output = "go.mod" }, []string{"is not an object file; name another file with -o"}},
		{"cache is a file", func(_ string, c *Config) { c.CacheDir = file }, []string{"lifesign's cache, " + file + ", cannot be written", "set XDG_CACHE_HOME"}},
		{"cache is read-only", func(_ string, c *Config) { c.CacheDir = readOnly }, []string{"lifesign's cache, " + readOnly + ", cannot be written", "set XDG_CACHE_HOME"}},
		{"temporary directory", func(_ string, c *Config) { c.Env = append(c.Env, "GOTMPDIR="+readOnly) }, []string{"temporary directory, " + readOnly, "set GOTMPDIR"}},
		{"no go command", func(_ string, c *Config) { t.Setenv("PATH", "/nowhere") }, []string{"the go command is not in PATH"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := program(t, "faulty")
			cfg := shared.config(dir)
			cfg.Patterns = []string{"./good"}
			cfg.Env = append([]string(nil), cfg.Env...)
			tt.change(dir, &cfg)
			before := treeSum(t, dir)
			_, err := Build(context.Background(), cfg)
			if err == nil {
				t.Fatal("the build succeeds")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want in it %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("got more than one line: %q", err)
			}
			if after := treeSum(t, dir); after != before {
				t.Errorf("the tree changed from\n%s\nto\n%s", before, after)
			}
			checkTemp(t)
		})
	}
}

// TestCompileErrors holds what Build says of faulty programs against what go
// build says.
func TestCompileErrors(t *testing.T) {
	for _, pkg := range []string{"./types", "./syntax", "./imports", "./unused", "./csource"} {
		t.Run(pkg, func(t *testing.T) {
			dir := program(t, "faulty")
			cfg := shared.config(dir)
			cfg.Patterns = []string{pkg}
			before := treeSum(t, dir)
			_, err := Build(context.Background(), cfg)
			_, want := goTool{dir, append(shared.env, "PWD="+dir)}.output(context.Background(), "build", "-o", os.DevNull, pkg)
			if err == nil || want == nil || err.Error() != want.Error() {
				t.Errorf("got\n%v\nwant\n%v", err, want)
			}
			if after := treeSum(t, dir); after != before {
				t.Errorf("the tree changed from\n%s\nto\n%s", before, after)
			}
			checkTemp(t)
		})
	}
}

// TestFaultOfWeaving builds a plain program that compiles from woven files that
// do not.
func TestFaultOfWeaving(t *testing.T) {
	b := &builder{cfg: shared.config(program(t, "whole")), ctx: context.Background()}
	if err := b.prepare(); err != nil {
		t.Fatal(err)
	}
	defer removeAll(b.temp)
	dir := filepath.Join(shared.modCache, escape("example.com/Dep@v1.2.3"))
	m := &load.Module{Path: "example.com/Dep", Version: "v1.2.3", Dir: dir, GoMod: filepath.Join(dir, "go.mod")}
	file := gen.File{Module: m.Path, Path: filepath.Join(dir, "zz_lifesign.go"), Data: []byte("package dep\n\nvar x int = nothing\n")}
	w, err := b.place([]gen.File{file}, map[string]*load.Module{m.Path: m})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.addModule(w, false), b.finish(w)); err != nil {
		t.Fatal(err)
	}
	err = b.compile(w, filepath.Join(b.cfg.Dir, "woven"))
	var failed *GoError
	if !errors.As(err, &failed) || !failed.Woven {
		t.Fatalf("got %v, want a fault of weaving", err)
	}
	want := "# example.com/Dep\n" + file.Path + ":3:13: undefined: nothing"
	if failed.Output != want {
		t.Errorf("got\n%s\nwant\n%s", failed.Output, want)
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, "<nil>"},
		{&os.PathError{Op: "open", Path: "/t/x", Err: syscall.ENOSPC}, "the disk of the directory is full: open /t/x: no space left on device; free some space, or set VAR to a directory on another disk"},
		{&os.PathError{Op: "open", Path: "/t/x", Err: syscall.EROFS}, "the directory, /t, cannot be written: open /t/x: read-only file system; make it writable, or set VAR to another directory"},
		{&os.PathError{Op: "open", Path: "/t/x", Err: syscall.EACCES}, "the directory, /t, cannot be written: open /t/x: permission denied; make it writable, or set VAR to another directory"},
		{errors.New("other"), "other"},
	} {
		if got := fmt.Sprint(explainWrite("the directory", "/t", "VAR", tt.err)); got != tt.want {
			t.Errorf("explain %v:\ngot  %s\nwant %s", tt.err, got, tt.want)
		}
	}
	full := explainDisk(&GoError{Output: "# example.com/x\nwrite $WORK/b001/x.a: no space left on device"})
	if full == nil || !strings.HasSuffix(full.Error(), "set GOCACHE and TMPDIR to directories on another disk") {
		t.Errorf("explain a full disk of the go command: %v", full)
	}
	if err := explainDisk(&GoError{Output: "# example.com/x\nx.go:1:1: no space"}); err != nil {
		t.Errorf("explain a compiler's message: %v", err)
	}
}
