package analyze

import (
	"go/types"
	"slices"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// expect has each program say when it starts how many woven packages are in it,
// so that a build that has lost the woven files of one is found out. A main
// package in which nothing is woven gets a file for that alone.
func (m *Model) expect(prog *load.Program) {
	woven := make(map[string]bool)
	at := make(map[string]int)
	for i, p := range m.Packages {
		woven[p.Path], at[p.Path] = true, i
	}
	for _, p := range prog.Roots {
		if p.Name != "main" {
			continue
		}
		n := wovenBelow(p.Types, woven, make(map[*types.Package]bool))
		i, ok := at[p.Path]
		switch {
		case ok:
			m.Packages[i].Expect = n
		case n > 0:
			names := packageNames(p)
			added := Package{Path: p.Path, Name: p.Name, Dir: p.Dir, Hook: names.hook, Base: names.base, Generated: names.generated, Expect: n}
			if p.Module != nil {
				added.Module = p.Module.Path
			}
			m.Packages = append(m.Packages, added)
		}
	}
	slices.SortFunc(m.Packages, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
}

// wovenBelow returns how many of p and what it imports are woven.
func wovenBelow(p *types.Package, woven map[string]bool, seen map[*types.Package]bool) int {
	if seen[p] {
		return 0
	}
	seen[p] = true
	n := 0
	if woven[p.Path()] {
		n++
	}
	for _, imported := range p.Imports() {
		n += wovenBelow(imported, woven, seen)
	}
	return n
}
