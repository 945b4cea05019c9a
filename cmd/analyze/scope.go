package analyze

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// runtimeModule is what woven code calls; weaving it would call itself.
const runtimeModule = "github.com/lifesign-go/lifesign"

// Scope says which packages are woven. The zero Scope is every main module.
// The standard library and lifesign's own root module are never in scope.
type Scope struct {
	patterns []string
}

// ParseScope parses a comma-separated list of patterns, matched against import
// paths as go list matches them: `...` stands for any string, and a final
// `/...` for nothing too; the pattern all is every package of the program that
// can be in scope. The empty list is the zero Scope.
func ParseScope(list string) (Scope, error) {
	if list == "" {
		return Scope{}, nil
	}
	var s Scope
	for _, p := range strings.Split(list, ",") {
		p = strings.TrimSpace(p)
		switch {
		case p == "":
			return Scope{}, fmt.Errorf("scope %q has an empty pattern", list)
		case p == "." || p == ".." || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../") || strings.HasPrefix(p, "/"):
			return Scope{}, fmt.Errorf("scope pattern %q is a directory: give import paths such as example.com/mod/... instead", p)
		case strings.ContainsAny(p, " \t\n\"'`\\") || !utf8.ValidString(p):
			return Scope{}, fmt.Errorf("scope pattern %q is not a pattern of import paths", p)
		}
		s.patterns = append(s.patterns, p)
	}
	return s, nil
}

// String returns the list that ParseScope parses.
func (s Scope) String() string { return strings.Join(s.patterns, ",") }

// ScopeError says that a pattern of the scope matches nothing that can be
// woven.
type ScopeError struct {
	Pattern string // "" if there is no main module to weave
}

func (e *ScopeError) Error() string {
	if e.Pattern == "" {
		return "no package of the program is in the main module: say what to watch by -scope"
	}
	return fmt.Sprintf("scope pattern %q matches no package of the program", e.Pattern)
}

// selects reports whether p is in scope.
func (s Scope) selects(p *load.Package) bool {
	if !eligible(p) {
		return false
	}
	if len(s.patterns) == 0 {
		return p.Module == nil || p.Module.Main
	}
	for _, pattern := range s.patterns {
		if pattern == "all" || match(pattern, p.Path) {
			return true
		}
	}
	return false
}

// check returns a *ScopeError if a pattern selects none of pkgs.
func (s Scope) check(pkgs []*load.Package) error {
	patterns := s.patterns
	if len(patterns) == 0 {
		patterns = []string{""}
	}
	for i, pattern := range patterns {
		one := s
		if pattern != "" {
			one = Scope{s.patterns[i : i+1]}
		}
		found := false
		for _, p := range pkgs {
			found = found || one.selects(p)
		}
		if !found {
			return &ScopeError{pattern}
		}
	}
	return nil
}

func eligible(p *load.Package) bool {
	return !p.Standard && (p.Module == nil || p.Module.Path != runtimeModule)
}

// match reports whether path matches pattern, as in go list.
func match(pattern, path string) bool {
	if base := strings.TrimSuffix(pattern, "/..."); base != pattern && match(base, path) {
		return true
	}
	parts := strings.Split(pattern, "...")
	if len(parts) == 1 {
		return pattern == path
	}
	if !strings.HasPrefix(path, parts[0]) {
		return false
	}
	path = path[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(path, part)
		if i < 0 {
			return false
		}
		path = path[i+len(part):]
	}
	return strings.HasSuffix(path, parts[last])
}
