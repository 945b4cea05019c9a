package analyze

import (
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Each row of the table must name something that exists, or a change of the
// library, or a slip, would silently take it out.
func TestRulesNameWhatExists(t *testing.T) {
	var paths []string
	seen := make(map[string]bool)
	for _, r := range rules {
		if p := rulePackage(r.recv); !seen[p] {
			seen[p] = true
			paths = append(paths, p)
		}
	}
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	loaded := make(map[string]*types.Package)
	for _, p := range pkgs {
		if len(p.Errors) > 0 {
			t.Fatalf("load %s: %v", p.PkgPath, p.Errors)
		}
		loaded[p.PkgPath] = p.Types
	}
	for _, r := range rules {
		pkg := loaded[rulePackage(r.recv)]
		if pkg == nil {
			t.Errorf("package of %s is not loaded", r.recv)
			continue
		}
		for _, name := range strings.Fields(r.names) {
			want := fullName(r.recv, name)
			if f := lookup(pkg, r.recv, name); f == nil {
				t.Errorf("%s does not exist", want)
			} else if f.FullName() != want {
				t.Errorf("%s is declared as %s: calls of it would not match", want, f.FullName())
			}
		}
	}
}

// rulePackage returns the package of a rule's receiver.
func rulePackage(recv string) string {
	recv = strings.TrimPrefix(recv, "*")
	slash := strings.LastIndexByte(recv, '/') + 1
	path, _, _ := strings.Cut(recv[slash:], ".")
	return recv[:slash] + path
}

func lookup(pkg *types.Package, recv, name string) *types.Func {
	slash := strings.LastIndexByte(recv, '/') + 1
	_, typ, method := strings.Cut(recv[slash:], ".")
	if !method {
		f, _ := pkg.Scope().Lookup(name).(*types.Func)
		return f
	}
	obj := pkg.Scope().Lookup(typ)
	if obj == nil {
		return nil
	}
	m, _, _ := types.LookupFieldOrMethod(obj.Type(), true, pkg, name)
	f, _ := m.(*types.Func)
	return f
}

func TestRulesAreOnce(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range rules {
		for _, name := range strings.Fields(r.names) {
			full := fullName(r.recv, name)
			if seen[full] {
				t.Errorf("%s is in the table twice", full)
			}
			seen[full] = true
		}
	}
	if len(seen) != len(ruleIndex) {
		t.Errorf("%d rules, %d in the index", len(seen), len(ruleIndex))
	}
}
