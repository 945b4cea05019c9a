package weave

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/load"
)

func testModules() map[string]*load.Module {
	modules := []*load.Module{
		{Path: "example.com/main", Dir: "/src/main", GoMod: "/src/main/go.mod", Main: true},
		{Path: "example.com/dep/v2", Version: "v2.1.0", Dir: "/mod/example.com/dep/v2@v2.1.0", GoMod: "/mod/cache/dep.mod"},
		{Path: "example.com/orig", Version: "v1.0.0", Dir: "/mod/example.com/fork@v1.1.0", GoMod: "/mod/cache/fork.mod", Replaced: true},
		{Path: "example.com/side", Version: "v0.0.0", Dir: "/src/side", GoMod: "/src/side/go.mod", Replaced: true},
	}
	byPath := make(map[string]*load.Module)
	for _, m := range modules {
		byPath[m.Path] = m
	}
	return byPath
}

func linkInto(dir string) func(string, string) string {
	return func(relative, _ string) string { return filepath.Join(dir, relative) }
}

func TestPlan(t *testing.T) {
	files := []wovenFile{
		{"example.com/main", "/src/main/cmd/main.go", "/tmp/0"},
		{"example.com/dep/v2", "/mod/example.com/dep/v2@v2.1.0/a/a.go", "/tmp/1"},
		{"example.com/dep/v2", "/mod/example.com/dep/v2@v2.1.0/zz.go", "/tmp/2"},
		{"example.com/orig", "/mod/example.com/fork@v1.1.0/orig.go", "/tmp/3"},
		{"example.com/side", "/src/side/side.go", "/tmp/4"},
	}
	p, err := makePlan(files, testModules(), "/mod", linkInto("/link"))
	if err != nil {
		t.Fatal(err)
	}
	links := []link{
		{"/link/example.com/dep/v2@v2.1.0", "/mod/example.com/dep/v2@v2.1.0"},
		{"/link/example.com/fork@v1.1.0", "/mod/example.com/fork@v1.1.0"},
	}
	if !slices.Equal(p.links, links) {
		t.Errorf("links: got %v, want %v", p.links, links)
	}
	replaces := []replace{
		{"example.com/dep/v2", "v2.1.0", "/link/example.com/dep/v2@v2.1.0"},
		{"example.com/orig", "v1.0.0", "/link/example.com/fork@v1.1.0"},
	}
	if !slices.Equal(p.replaces, replaces) {
		t.Errorf("replaces: got %v, want %v", p.replaces, replaces)
	}
	overlay := map[string]string{
		"/src/main/cmd/main.go":                  "/tmp/0",
		"/link/example.com/dep/v2@v2.1.0/a/a.go": "/tmp/1",
		"/link/example.com/dep/v2@v2.1.0/zz.go":  "/tmp/2",
		"/link/example.com/dep/v2@v2.1.0/go.mod": "/mod/cache/dep.mod",
		"/link/example.com/fork@v1.1.0/orig.go":  "/tmp/3",
		"/link/example.com/fork@v1.1.0/go.mod":   "/mod/cache/fork.mod",
		"/src/side/side.go":                      "/tmp/4",
	}
	if !maps.Equal(p.overlay, overlay) {
		t.Errorf("overlay: got %v, want %v", p.overlay, overlay)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		file wovenFile
		want string
	}{
		{"no module", wovenFile{"example.com/none", "/src/x.go", "/tmp/0"}, `no module "example.com/none"`},
		{"outside of its module", wovenFile{"example.com/dep/v2", "/src/x.go", "/tmp/0"}, "outside of its module's directory"},
	} {
		_, err := makePlan([]wovenFile{tt.file}, testModules(), "/mod", linkInto("/link"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestOriginal(t *testing.T) {
	p := &plan{
		files: []wovenFile{{path: "/src/main/main.go", temp: "/tmp/lifesign/0_main.go"}},
		links: []link{{"/home/u/.cache/link/dep@v1", "/mod/dep@v1"}},
	}
	for _, tt := range []struct{ name, text, want string }{
		{"absolute", "/tmp/lifesign/0_main.go:1:2: x", "/src/main/main.go:1:2: x"},
		{"relative to an ancestor", "# a\n../../src/../tmp/lifesign/0_main.go:1: x", "# a\n/src/main/main.go:1: x"},
		{"beneath a link", "in file\n\t/home/u/.cache/link/dep@v1/a/a.go:3: x", "in file\n\t/mod/dep@v1/a/a.go:3: x"},
		{"the link itself", "(/home/u/.cache/link/dep@v1)", "(/mod/dep@v1)"},
		{"a longer name", "/home/u/.cache/link/dep@v11/a.go", "/home/u/.cache/link/dep@v11/a.go"},
		{"others", "./x.go:1: y /etc/z\nno path", "./x.go:1: y /etc/z\nno path"},
	} {
		if got := p.original(tt.text, "/src/main"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	c := cache{filepath.Join(dir, "cache")}
	first, second := filepath.Join(dir, "mod1/a@v1"), filepath.Join(dir, "mod2/a@v1")
	write(t, filepath.Join(first, "a.go"), "")
	write(t, filepath.Join(second, "a.go"), "")
	check := func(target, want string) {
		t.Helper()
		l := link{c.linkPath("a@v1", target), target}
		if l.path != filepath.Join(c.dir, "link", want) {
			t.Errorf("the link to %s is %s, want %s", target, l.path, want)
		}
		if err := c.ensureLink(l); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(l.path); err != nil || got != target {
			t.Errorf("%s leads to %s, %v, want %s", l.path, got, err, target)
		}
	}
	check(first, "a@v1")
	check(first, "a@v1")
	check(second, shortHash([]byte(second))+"/a@v1")
	if err := os.RemoveAll(first); err != nil {
		t.Fatal(err)
	}
	check(second, "a@v1") // the first one's link leads nowhere now
	checkCache(t, c.dir)
}

func TestRuntimeMends(t *testing.T) {
	c := cache{t.TempDir()}
	files := []runtimeFile{{"go.mod", []byte("module m\n")}, {"hook/hook.go", []byte("package hook\n")}}
	var sums []string
	for _, damage := range []func(dir string) error{
		func(string) error { return nil },
		func(dir string) error { return os.Remove(filepath.Join(dir, "go.mod")) },
		func(dir string) error { return os.Truncate(filepath.Join(dir, "hook/hook.go"), 3) },
	} {
		dir, err := c.ensureRuntime(files, "0123")
		if err != nil {
			t.Fatal(err)
		}
		var all string
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(dir, f.name))
			if err != nil {
				t.Error(err)
			}
			all += string(data)
		}
		sums = append(sums, all)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
	}
	if want := "module m\npackage hook\n"; sums[0] != want || sums[1] != want || sums[2] != want {
		t.Errorf("got %q, want %q each time", sums, want)
	}
	checkCache(t, c.dir)
}
