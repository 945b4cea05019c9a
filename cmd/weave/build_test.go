package weave

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestWhole builds a program with embedding, assembly, cgo, generics, a module
// without go.mod and replaced modules, woven and plain, and holds what both do
// and say against each other.
func TestWhole(t *testing.T) {
	dir := program(t, "whole")
	plain := filepath.Join(t.TempDir(), "plain")
	goRun(t, dir, "build", "-o", plain, ".")
	cfg := shared.config(dir)
	cfg.Scope = []string{"example.com/whole", "example.com/Dep/...", "example.com/old", "example.com/orig", "example.com/side"}
	r := build(t, cfg)
	if r.Counts.Packages != 6 {
		t.Errorf("%d packages are woven, want 6; not woven: %v", r.Counts.Packages, r.Model.Skipped)
	}
	unlinked := func(s string) string {
		for link, target := range r.Links {
			s = strings.ReplaceAll(s, link, target)
		}
		return s
	}
	if got, want := unlinked(run(t, r.Binary)), run(t, plain); got != want {
		t.Errorf("the woven program prints\n%s\nthe plain one\n%s", got, want)
	}
	for _, where := range []string{"main", "dep"} {
		got, want := unlinked(places(run(t, r.Binary, where))), places(run(t, plain, where))
		if got != want || want == "" {
			t.Errorf("crash in %s: the woven program's places are\n%s\nthe plain one's\n%s", where, got, want)
		}
	}
	sameDependencies(t, plain, r.Binary)
}

// sameDependencies compares what two binaries are built from. Woven may have
// the runtime besides, and directories in the place of versions.
func sameDependencies(t *testing.T, plain, woven string) {
	t.Helper()
	settings := func(binary string) string {
		var out []string
		for _, line := range strings.Split(goRun(t, ".", "version", "-m", binary), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) >= 2 && f[0] != "=>" && f[1] != runtimeModule {
				out = append(out, strings.Join(f[:min(len(f), 3)], " "))
			}
		}
		return strings.Join(out, "\n")
	}
	if got, want := settings(woven), settings(plain); got != want || want == "" {
		t.Errorf("the woven program is built from\n%s\nthe plain one from\n%s", got, want)
	}
}

// TestRebuild holds the build cache against a second build of the same sources:
// nothing may be compiled again.
func TestRebuild(t *testing.T) {
	dir := program(t, "whole")
	log := filepath.Join(t.TempDir(), "log")
	tool := filepath.Join(t.TempDir(), "tool")
	write(t, tool, "#!/bin/sh\ncase \"$*\" in *-V=full*|gcc\\ -###*) ;; *) echo \"${1##*/}\" >>"+log+";; esac\nexec \"$@\"\n")
	if err := os.Chmod(tool, 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := shared.config(dir)
	cfg.Scope = []string{"example.com/..."}
	cfg.BuildFlags = []string{"-toolexec=" + tool}
	build(t, cfg)
	if first, err := os.ReadFile(log); err != nil || !strings.Contains(string(first), "compile") {
		t.Fatalf("the first build runs %q, %v", first, err)
	}
	os.Remove(log)
	cfg.Output = "woven again"
	if err := os.Remove(filepath.Join(dir, "woven")); err != nil {
		t.Fatal(err)
	}
	build(t, cfg)
	if again, err := os.ReadFile(log); err != nil || string(again) != "link\n" {
		t.Errorf("the second build runs %q, %v, want the linker alone", again, err)
	}
}

func TestTags(t *testing.T) {
	cfg := shared.config(program(t, "whole"))
	cfg.BuildFlags = []string{"-tags=special,other"}
	r := build(t, cfg)
	if out := run(t, r.Binary); !strings.Contains(out, "plain 1.0 special") {
		t.Errorf("the program built with a tag prints\n%s", out)
	}
}

// TestOldGo weaves into a module whose go line is older than the runtime's.
func TestOldGo(t *testing.T) {
	dir := program(t, "small")
	cfg := shared.config(dir)
	cfg.Patterns, cfg.Output = []string{"example.com/small"}, ""
	r := build(t, cfg)
	if want := filepath.Join(dir, "small"); r.Binary != want {
		t.Errorf("the binary is %s, want %s", r.Binary, want)
	}
	if out := run(t, r.Binary); out != "small\n" {
		t.Errorf("the program prints %q", out)
	}
}

// TestWorkspace builds a program of a workspace with a dependency in scope. The
// workspace chooses another version of plain than the program's module does.
func TestWorkspace(t *testing.T) {
	dir := program(t, "work")
	for _, sub := range []string{"app", "."} {
		cfg := shared.config(filepath.Join(dir, sub))
		cfg.Patterns, cfg.Scope = []string{"example.com/app"}, []string{"example.com/..."}
		r := build(t, cfg)
		if got, want := run(t, r.Binary), "hello from a file\nplain 1.1 1\n"; got != want {
			t.Errorf("built in %s, the program prints %q, want %q", sub, got, want)
		}
		if len(r.Links) != 1 {
			t.Errorf("built in %s, the links are %v, want Dep's alone", sub, r.Links)
		}
	}
}

// TestOwnRuntime builds programs that require lifesign themselves.
func TestOwnRuntime(t *testing.T) {
	dir := program(t, "own")
	_, err := Build(context.Background(), shared.config(dir))
	if err == nil || !strings.Contains(err.Error(), "vitals page version 99") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a program with a foreign lifesign: %v, want one line about the version", err)
	}

	own := t.TempDir()
	files, _ := runtimeFiles()
	for _, f := range files {
		write(t, filepath.Join(own, f.name), string(f.data))
	}
	goRun(t, dir, "mod", "edit", "-replace="+runtimeModule+"="+own)
	r := build(t, shared.config(dir))
	if out := run(t, r.Binary); out != "stuck\n" {
		t.Errorf("the program prints %q", out)
	}
	if out := goRun(t, ".", "version", "-m", r.Binary); !strings.Contains(out, own) || strings.Contains(out, "runtime/") {
		t.Errorf("the program is not built with its own lifesign in %s:\n%s", own, out)
	}
}

// TestConcurrent starts builds at the same time on an empty cache.
func TestConcurrent(t *testing.T) {
	cache := t.TempDir()
	var wg sync.WaitGroup
	for i := range 4 {
		cfg := shared.config(program(t, []string{"whole", "small"}[i%2]))
		cfg.CacheDir = cache
		if i%2 == 0 {
			cfg.Scope = []string{"example.com/..."}
		}
		wg.Go(func() {
			if _, err := Build(context.Background(), cfg); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	checkTemp(t)
	checkCache(t, cache)
}

// checkCache fails the test if the cache holds anything unfinished.
func checkCache(t *testing.T, dir string) {
	t.Helper()
	for _, line := range strings.Split(treeSum(t, dir), "\n") {
		if strings.Contains(line, ".tmp ") {
			t.Errorf("unfinished in the cache: %s", line)
		}
	}
}

// TestVendor builds a vendored program without a module cache or a proxy, woven
// and plain, by way of a symbolic link to its directory.
func TestVendor(t *testing.T) {
	real, dir := program(t, "whole"), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, dir); err != nil {
		t.Fatal(err)
	}
	goRun(t, dir, "mod", "vendor")
	plain := filepath.Join(t.TempDir(), "plain")
	goRun(t, dir, "build", "-o", plain, ".")
	for _, flags := range [][]string{nil, {"-mod=vendor"}, {"-mod=mod"}} {
		cfg := shared.config(dir)
		cfg.BuildFlags = flags
		cfg.Scope = []string{"example.com/..."}
		if len(flags) == 0 || flags[0] == "-mod=vendor" {
			cfg.Env = append(slices.Clip(cfg.Env), "GOPROXY=off", "GOMODCACHE="+t.TempDir())
		}
		r := build(t, cfg)
		if r.Counts.Packages != 6 {
			t.Errorf("%v: %d packages are woven, want 6", flags, r.Counts.Packages)
		}
		got := run(t, r.Binary)
		for link, target := range r.Links {
			got = strings.ReplaceAll(got, link, target)
		}
		if want := run(t, plain); got != want && len(r.Links) == 0 {
			t.Errorf("%v: the woven program prints\n%s\nthe plain one\n%s", flags, got, want)
		}
		if (len(r.Links) > 0) != (len(flags) > 0 && flags[0] == "-mod=mod") {
			t.Errorf("%v: links %v", flags, r.Links)
		}
		if err := os.Remove(r.Binary); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVendoredWorkspace builds a workspace's program from its vendor directory.
func TestVendoredWorkspace(t *testing.T) {
	dir := program(t, "work")
	cmd := exec.Command("go", "work", "vendor")
	cmd.Dir, cmd.Env = dir, append(shared.env, "PWD="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go work vendor: %v\n%s", err, out)
	}
	cfg := shared.config(filepath.Join(dir, "app"))
	cfg.Scope = []string{"example.com/..."}
	cfg.Env = append(slices.Clip(cfg.Env), "GOPROXY=off", "GOMODCACHE="+t.TempDir())
	r := build(t, cfg)
	if got, want := run(t, r.Binary), "hello from a file\nplain 1.1 1\n"; got != want {
		t.Errorf("the program prints %q, want %q", got, want)
	}
}

// TestReadVendor reads what go mod vendor has written, and more.
func TestReadVendor(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "modules.txt"), `## workspace
# example.com/a v1.0.0
## explicit; go 1.21
example.com/a
example.com/a/sub
# example.com/b v0.0.0-2024 => ../b
## explicit
# example.com/c v2.0.0+incompatible
example.com/c
# example.com/d => example.com/e v1.0.0
`)
	got, err := readVendor(dir)
	want := []vendored{{"example.com/a", "v1.0.0", "1.21", 2}, {"example.com/b", "v0.0.0-2024", "", 0}, {"example.com/c", "v2.0.0+incompatible", "", 1}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestPlainIsUntouched builds a program plain after it was built woven, with a
// build cache that both have used and with one that has never seen lifesign: the
// binaries are the same, bit for bit.
func TestPlainIsUntouched(t *testing.T) {
	dir := program(t, "small")
	plain := func(cache string) string {
		name := filepath.Join(t.TempDir(), "plain")
		cmd := exec.Command("go", "build", "-trimpath", "-o", name, ".")
		cmd.Dir, cmd.Env = dir, append(slices.Clip(shared.env), "PWD="+dir, "GOWORK=off")
		if cache != "" {
			cmd.Env = append(cmd.Env, "GOCACHE="+cache)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	cfg := shared.config(dir)
	cfg.BuildFlags = []string{"-trimpath"}
	build(t, cfg)
	if plain("") != plain(t.TempDir()) {
		t.Error("a plain build after a woven one differs from one without lifesign")
	}
}
