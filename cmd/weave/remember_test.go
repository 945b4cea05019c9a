package weave

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/cmd/load"
)

// analyzed reports whether a build has analyzed its program.
func analyzed(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Phase == Analyze || s.Phase == Load })
}

// modelOf does what a build does before it generates anything.
func modelOf(t *testing.T, cfg Config) (known, []Step) {
	t.Helper()
	b := &builder{cfg: cfg, ctx: context.Background()}
	if err := b.prepare(); err != nil {
		t.Fatal(err)
	}
	defer b.clean()
	target, err := b.resolve()
	if err != nil {
		t.Fatal(err)
	}
	k, err := b.model(target)
	if err != nil {
		t.Fatal(err)
	}
	return k, b.steps
}

// TestKnownProgram builds a program that a build before has analyzed: what is kept
// must give the very woven files that a fresh analysis gives.
func TestKnownProgram(t *testing.T) {
	dir := program(t, "whole")
	cfg := shared.config(dir)
	cfg.Scope = []string{"example.com/..."}
	cfg.CacheDir, cfg.Output = t.TempDir(), filepath.Join(t.TempDir(), "woven")
	first := build(t, cfg)
	if !analyzed(first.Steps) {
		t.Fatalf("the first build has not analyzed: %v", first.Steps)
	}
	says := run(t, first.Binary)
	again := build(t, cfg)
	if analyzed(again.Steps) {
		t.Errorf("the second build has analyzed: %v", again.Steps)
	}
	if got := run(t, again.Binary); got != says || again.Counts != first.Counts || !reflect.DeepEqual(again.Links, first.Links) {
		t.Errorf("the program prints\n%s\nand after a fresh analysis\n%s\n%+v, %v; %+v, %v", got, says, again.Counts, again.Links, first.Counts, first.Links)
	}
	checkCache(t, cfg.CacheDir)
	cfg.BuildFlags = []string{"-a"}
	fresh, steps := modelOf(t, cfg)
	if !analyzed(steps) {
		t.Errorf("-a has not analyzed anew: %v", steps)
	}
	cfg.BuildFlags = nil
	kept, steps := modelOf(t, cfg)
	if analyzed(steps) {
		t.Errorf("it was analyzed: %v", steps)
	}
	want, err := gen.Weave(fresh.Model, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	got, err := gen.Weave(kept.Model, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(kept.Modules, fresh.Modules) {
		t.Error("what was kept gives other woven files than a fresh analysis")
	}
	if got, want := asJSON(t, kept.Model), asJSON(t, fresh.Model); got != want {
		t.Errorf("kept is\n%s\na fresh analysis gives\n%s", got, want)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKnownProgramThatChanges: a change is seen, and so is a file that was damaged or
// a place that there is not. None of it is a failure.
func TestKnownProgramThatChanges(t *testing.T) {
	dir := program(t, "small")
	cfg := shared.config(dir)
	cfg.CacheDir = t.TempDir()
	kept := filepath.Join(cfg.CacheDir, "analysis")
	for _, step := range []struct {
		what    string
		do      func()
		analyze bool
	}{
		{"the first time", func() {}, true},
		{"again", func() {}, false},
		{"after a change", func() { appendTo(t, filepath.Join(dir, "main.go"), "\n// changed\n") }, true},
		{"again after a change", func() {}, false},
		{"when it is damaged", func() { damage(t, kept) }, true},
		{"when it is mended", func() {}, false},
		{"with another rule", func() {
			rules, err := analyze.ParseRules("rules", "ignore (*os.File).Close")
			if err != nil {
				t.Fatal(err)
			}
			cfg.Rules = rules
		}, true},
		{"by another lifesign", func() { cfg.identity = "another" }, true},
		{"without a place", func() {
			if err := os.RemoveAll(kept); err != nil {
				t.Fatal(err)
			}
			write(t, kept, "a file where the directory ought to be")
		}, true},
	} {
		step.do()
		if _, steps := modelOf(t, cfg); analyzed(steps) != step.analyze {
			t.Errorf("%s: analyzed is %t: %v", step.what, analyzed(steps), steps)
		}
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, string(data)+text)
}

// damage changes a bit in the middle of each file.
func damage(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing is kept in %s: %v", dir, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 4
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFingerprint: whatever may change what analysis finds gives another one, and
// nothing else does.
func TestFingerprint(t *testing.T) {
	dir := program(t, "whole")
	write(t, filepath.Join(dir, "tagged.go"), "//go:build special\n\npackage main\n\nfunc init() {}\n")
	rules, err := analyze.ParseRules("rules", "ignore (*os.File).Close")
	if err != nil {
		t.Fatal(err)
	}
	base := shared.config(dir)
	base.Scope = []string{"example.com/..."}
	print := func(cfg Config) string {
		t.Helper()
		b := &builder{cfg: cfg, ctx: context.Background()}
		if err := b.prepare(); err != nil {
			t.Fatal(err)
		}
		defer b.clean()
		s, _, err := b.fingerprint(b.cfg.Patterns)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	seen := map[string]string{print(base): "the program as it is"}
	same := func(what string, cfg Config) {
		t.Helper()
		if seen[print(cfg)] != "the program as it is" {
			t.Errorf("%s has another fingerprint", what)
		}
	}
	other := func(what string, change func(*Config)) {
		t.Helper()
		cfg := base
		change(&cfg)
		s := print(cfg)
		if before := seen[s]; before != "" {
			t.Errorf("%s has the fingerprint of %s", what, before)
		}
		seen[s] = what
	}
	same("the same", base)
	elsewhere := base
	elsewhere.Env = append(slices.Clip(base.Env), "NOTHING=matters")
	elsewhere.Output, elsewhere.BuildFlags = "elsewhere", []string{"-ldflags=-s", "-trimpath", "-v"}
	same("another place for the output and other flags of the linker", elsewhere)

	other("another lifesign", func(c *Config) { c.identity = "another" })
	other("another scope", func(c *Config) { c.Scope = []string{"example.com/whole"} })
	other("another rule", func(c *Config) { c.Rules = rules })
	other("a tag", func(c *Config) { c.BuildFlags = []string{"-tags=special"} })
	other("another tag that no file has", func(c *Config) { c.BuildFlags = []string{"-tags=other"} })
	other("the race detector", func(c *Config) { c.BuildFlags = []string{"-race"} })
	for _, v := range []string{"GOARCH=arm64", "CGO_ENABLED=0", "CGO_CFLAGS=-DX", "GOFLAGS=-modcacherw -tags=special", "GOAMD64=v2"} {
		other(v, func(c *Config) { c.Env = append(slices.Clip(base.Env), v) })
	}
	for _, file := range []string{"main.go", "side/side.go"} {
		other("a byte of "+file, func(*Config) { appendTo(t, filepath.Join(dir, file), "\n") })
	}
	other("a new file", func(*Config) { write(t, filepath.Join(dir, "new.go"), "package main\n") })
	other("a new go line", func(*Config) {
		name := filepath.Join(dir, "go.mod")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, strings.Replace(string(data), "go 1.21", "go 1.22", 1))
	})
}

// TestFingerprintOfCgo: C files and headers of packages that may change count.
func TestFingerprintOfCgo(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/c\n\ngo 1.21\n")
	write(t, filepath.Join(dir, "main.go"), "package main\n\n// #include \"c.h\"\nimport \"C\"\n\nfunc main() { _ = C.X }\n")
	write(t, filepath.Join(dir, "c.h"), "#define X 1\n")
	cfg := shared.config(dir)
	seen := map[string]bool{}
	for i := range 3 {
		b := &builder{cfg: cfg, ctx: context.Background()}
		if err := b.prepare(); err != nil {
			t.Fatal(err)
		}
		s, _, err := b.fingerprint([]string{"."})
		b.clean()
		if err != nil {
			t.Fatal(err)
		}
		if seen[s] {
			t.Errorf("change %d of a header gives the same fingerprint", i)
		}
		seen[s] = true
		appendTo(t, filepath.Join(dir, "c.h"), "\n")
	}
}

// TestChangedMeanwhile: what changes while a program is analyzed makes that no
// analysis of it that is kept.
func TestChangedMeanwhile(t *testing.T) {
	for what, change := range map[string]func(dir string){
		"a byte":    func(dir string) { appendTo(t, filepath.Join(dir, "main.go"), "\n") },
		"a file":    func(dir string) { write(t, filepath.Join(dir, "more.go"), "package main\n") },
		"go.mod":    func(dir string) { appendTo(t, filepath.Join(dir, "go.mod"), "\n") },
		"a removal": func(dir string) { os.Remove(filepath.Join(dir, "main.go")) },
	} {
		dir := program(t, "small")
		b := &builder{cfg: shared.config(dir), ctx: context.Background()}
		if err := b.prepare(); err != nil {
			t.Fatal(err)
		}
		_, seen, err := b.fingerprint([]string{"."})
		b.clean()
		if err != nil {
			t.Fatal(err)
		}
		if !seen.same() {
			t.Errorf("%s: it has changed before it was", what)
		}
		if change(dir); seen.same() {
			t.Errorf("%s was not seen", what)
		}
	}
}

func TestForgetsTheOldest(t *testing.T) {
	c := cache{t.TempDir()}
	if err := os.Mkdir(c.knownDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 10 {
		name := filepath.Join(c.knownDir(), fmt.Sprint(i))
		write(t, name, strings.Repeat("x", 100))
		at := now.Add(-time.Duration(i) * time.Hour)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		entries, err := os.ReadDir(c.knownDir())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, "")
	}
	for _, step := range []struct {
		most int
		size int64
		want string
	}{{20, 1000, "0123456789"}, {8, 1000, "01234567"}, {20, 450, "0123"}, {2, 450, "01"}, {5, 10, "0"}, {5, 10, "0"}} {
		if err := c.forget(step.most, step.size); err != nil || left() != step.want {
			t.Errorf("at most %d and %d bytes: %s are left, want %s, %v", step.most, step.size, left(), step.want, err)
		}
	}
	k := known{Model: &analyze.Model{Runtime: "x"}, Modules: map[string]*load.Module{"m": {Path: "m"}}}
	if err := c.remember("new", k); err != nil {
		t.Fatal(err)
	}
	if got, err := c.recall("new"); err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("recalled %+v, %v", got, err)
	}
	if _, err := c.recall("never"); err == nil || !os.IsNotExist(err) {
		t.Errorf("what was never kept: %v", err)
	}
	if info, err := os.Stat(filepath.Join(c.knownDir(), "new")); err != nil || info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("it may be read by others: %v, %v", info, err)
	}
}

// FuzzDecodeKnown: what was not made by encode is an error, and nothing else, also
// if its hash is right.
func FuzzDecodeKnown(f *testing.F) {
	whole, err := known{
		Model:   &analyze.Model{Runtime: "layout", Packages: []analyze.Package{{Path: "p", Files: []analyze.File{{Path: "f", Sites: []analyze.Site{{Ordinal: 1}}}}}}, Reach: []byte{1, 2}},
		Modules: map[string]*load.Module{"m": {Path: "m", Version: "v1"}},
	}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(knownMagic))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := decodeKnown(b); err == nil && (k.Model == nil || !bytes.HasPrefix(b, []byte(knownMagic))) {
			t.Errorf("%q is believed", b)
		}
		if len(b) > len(knownMagic)+sha256.Size {
			unpackKnown(b[len(knownMagic)+sha256.Size:])
		}
	})
}
