package analyze

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lifesign-go/lifesign/cmd/load"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"a", "a", true},
		{"a", "a/b", false},
		{"a/...", "a", true},
		{"a/...", "a/b", true},
		{"a/...", "a/b/c", true},
		{"a/...", "ab", false},
		{"a...", "ab", true},
		{"a...", "a/b", true},
		{"...", "a/b", true},
		{".../b", "a/b", true},
		{".../b", "b", false},
		{"a/.../c", "a/b/c", true},
		{"a/.../c", "a/c", false},
		{"a/.../c/...", "a/b/c", true},
		{"a/.../c/...", "a/b/c/d", true},
		{"...b...b", "bb", true},
		{"...b...b", "b", false},
		{"...ab...ba", "aba", false},
		{"x.y/z", "xzy/z", false},
	}
	for _, tt := range tests {
		if got := match(tt.pattern, tt.path); got != tt.want {
			t.Errorf("match(%q, %q) = %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

func TestParseScope(t *testing.T) {
	tests := []struct {
		list string
		want string // String of the scope
		err  string // part of the error
	}{
		{"", "", ""},
		{"a/...", "a/...", ""},
		{" a/... , b ", "a/...,b", ""},
		{"a,,b", "", "empty pattern"},
		{",", "", "empty pattern"},
		{"./...", "", "is a directory"},
		{"a,../b", "", "is a directory"},
		{"/abs", "", "is a directory"},
		{".", "", "is a directory"},
		{"a b", "", "not a pattern"},
		{`a\b`, "", "not a pattern"},
		{"\x80", "", "not a pattern"},
	}
	for _, tt := range tests {
		s, err := ParseScope(tt.list)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("ParseScope(%q): error %v, want %q", tt.list, err, tt.err)
		}
		if s.String() != tt.want {
			t.Errorf("ParseScope(%q) = %q, want %q", tt.list, s, tt.want)
		}
	}
}

func TestScopeSelects(t *testing.T) {
	main := &load.Package{Path: "a/cmd", Module: &load.Module{Path: "a", Main: true}}
	dep := &load.Package{Path: "b/server", Module: &load.Module{Path: "b"}}
	std := &load.Package{Path: "net/http", Standard: true}
	own := &load.Package{Path: runtimeModule + "/hook", Module: &load.Module{Path: runtimeModule, Main: true}}
	files := &load.Package{Path: "command-line-arguments"}
	all := []*load.Package{main, dep, std, own, files}
	tests := []struct {
		scope string
		want  string // paths
		fails string // the pattern that is named as matching nothing
	}{
		{"", "a/cmd command-line-arguments", ""},
		{"b/...", "b/server", ""},
		{"...", "a/cmd b/server command-line-arguments", ""},
		{"all", "a/cmd b/server command-line-arguments", ""},
		{"net/...", "", "net/..."},
		{runtimeModule + "/...", "", runtimeModule + "/..."},
		{"a/...,b/server", "a/cmd b/server", ""},
		{"a/...,c", "a/cmd", "c"},
	}
	for _, tt := range tests {
		s, err := ParseScope(tt.scope)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range all {
			if s.selects(p) {
				got = append(got, p.Path)
			}
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("scope %q selects %q, want %q", tt.scope, g, tt.want)
		}
		var none *ScopeError
		if errors.As(s.check(all), &none) != (tt.fails != "") || none != nil && none.Pattern != tt.fails {
			t.Errorf("scope %q: %v, want an error for %q", tt.scope, none, tt.fails)
		}
	}
	if err := (Scope{}).check([]*load.Package{dep, std}); err == nil || !strings.Contains(err.Error(), "-scope") {
		t.Errorf("without a main module: %v, want advice to give a scope", err)
	}
}

// matchNaive is what go help packages says of patterns, put as a regular
// expression.
func matchNaive(pattern, path string) bool {
	re := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\.\.\.`, `.*`)
	if strings.HasSuffix(re, `/.*`) {
		re = strings.TrimSuffix(re, `/.*`) + `(/.*)?`
	}
	return regexp.MustCompile(`(?s)^` + re + `$`).MatchString(path)
}

func FuzzScope(f *testing.F) {
	for _, seed := range [][2]string{{"a/...", "a"}, {"a/.../b...", "a/x/bc"}, {"....", "a."}, {"a, b", "b"}, {".../...", "/"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, list, path string) {
		s, err := ParseScope(list)
		if err != nil || !utf8.ValidString(path) {
			return
		}
		again, err := ParseScope(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("scope %q, parsed again: %q, %v", s, again, err)
		}
		for _, p := range s.patterns {
			if got, want := match(p, path), matchNaive(p, path); got != want {
				t.Errorf("match(%q, %q) = %v, want %v", p, path, got, want)
			}
		}
	})
}
