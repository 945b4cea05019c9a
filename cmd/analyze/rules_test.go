package analyze

import (
	"go/types"
	"maps"
	"slices"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Each rule must name something that exists, or a change of the library, or a
// slip, would silently take it out.
func TestRulesNameWhatExists(t *testing.T) {
	names := slices.Sorted(maps.Keys(ruleIndex))
	loaded := make(map[string]*types.Package)
	for _, full := range names {
		path, _, _ := splitName(full)
		loaded[path] = nil
	}
	paths := slices.Sorted(maps.Keys(loaded))
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkgs {
		if len(p.Errors) > 0 {
			t.Fatalf("load %s: %v", p.PkgPath, p.Errors)
		}
		loaded[p.PkgPath] = p.Types
	}
	for _, full := range names {
		path, _, _ := splitName(full)
		pkg := loaded[path]
		if pkg == nil {
			t.Errorf("the package of %s is not loaded", full)
			continue
		}
		if f := lookup(pkg, full); f == nil {
			t.Errorf("%s does not exist", full)
		} else if ruleName(f) != full {
			t.Errorf("%s is declared as %s: calls of it would not match", full, ruleName(f))
		}
	}
}

func TestRulesAreOnce(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range table {
		for full := range indexRules([]section{s}) {
			if seen[full] != "" {
				t.Errorf("%s is in the table twice: under %s and %s", full, seen[full], s.title)
			}
			seen[full] = s.title
		}
	}
	if len(seen) != len(ruleIndex) {
		t.Errorf("%d rules, %d in the index", len(seen), len(ruleIndex))
	}
}

func TestSplitName(t *testing.T) {
	for full, want := range map[string][3]string{
		"os.Open":                     {"os", "", "Open"},
		"(*os.File).Sync":             {"os", "File", "Sync"},
		"(net.Conn).Read":             {"net", "Conn", "Read"},
		"(*gopkg.in/x.v2/a.b.T).F":    {"gopkg.in/x.v2/a.b", "T", "F"},
		"golang.org/x/sys/unix.Msync": {"golang.org/x/sys/unix", "", "Msync"},
	} {
		pkg, typ, name := splitName(full)
		if got := [3]string{pkg, typ, name}; got != want {
			t.Errorf("%s: %q, want %q", full, got, want)
		}
	}
}
