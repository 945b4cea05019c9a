// Package analyze finds, in a loaded program, what is worth watching: regions
// (endless loops of goroutines, request handlers), loops that try again, and
// vulnerable operations (locks, channel operations, calls that can block), with
// all that gen needs to weave them. docs/rules.md says what it goes by.
//
// Its result is plain data. It does no I/O, keeps nothing between calls and
// may be called by several goroutines. The same program gives the same model.
//
// Regions are found through the call graph: whom a go statement starts, also one
// out of scope, or a server calls, and whom those call, two dynamic calls deep.
// Operations are found lexically, in every function in scope, called or not; what
// calls can block is data, the table, to which the user adds. What was found and cannot be woven is listed,
// with the reason. A lock whose releases hooks would not all see is not woven at
// all: to be silent about it is better than to say that it is held when it is
// not.
//
// Not seen are operations inside packages out of scope, blocking calls that
// neither a rule nor the call graph leads to, and locks that such a package releases by a
// pointer it was given.
package analyze

import (
	"context"
	"go/ast"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// Config says what to analyse and by which rules.
type Config struct {
	Scope Scope
	Rules Rules // the user's own
	Guard bool  // guards are woven, too
}

// Analyze makes the model of prog's packages in scope. Its error is a
// *ScopeError, ctx's, one that says that the runtime's structures are not as
// expected, or one with a line for each rule and directive that is wrong.
func Analyze(ctx context.Context, prog *load.Program, c Config) (*Model, error) {
	scope := c.Scope
	if err := scope.check(prog.Packages); err != nil {
		return nil, err
	}
	layout, err := RuntimeLayout(prog)
	if err != nil {
		return nil, err
	}
	m := &Model{Runtime: layout}
	m.Stats.Packages = len(prog.Packages)
	said, err := listen(prog, scope, c.Rules)
	if err != nil {
		return nil, err
	}
	facts, err := search(ctx, prog, scope, said, &m.Stats)
	if err != nil {
		return nil, err
	}
	facts.guard = c.Guard
	var visits []*visit
	for _, p := range prog.Packages {
		if !scope.selects(p) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		visits = append(visits, visitPackage(prog, p, facts))
	}
	m.Stats.InScope = len(visits)
	m.Skipped = said.absent
	for _, v := range visits {
		m.add(v, facts.unsure)
	}
	m.expect(prog)
	if err := m.reduce(visits, facts); err != nil {
		return nil, err
	}
	with := make(map[[3]string]bool)
	for _, r := range m.Regions {
		with[[3]string{r.Site.Package, r.Site.File, r.Site.Func}] = true
	}
	m.Stats.RegionFuncs = len(with)
	m.Reach = reachTable(m, facts.flow, facts.classes)
	return m, nil
}

// visit is a package and what was found in its files.
type visit struct {
	pkg   *load.Package
	names names
	files []*visitor
}

// visitPackage visits the files of p. Those that cannot be woven are looked at
// too: they may release locks.
func visitPackage(prog *load.Program, p *load.Package, facts *facts) *visit {
	out := &visit{pkg: p, names: packageNames(p)}
	plain := make(map[*ast.File]bool)
	for _, f := range p.Files {
		plain[f.Syntax] = true
		v := newVisitor(prog, p, f, out.names, facts)
		v.walk()
		out.files = append(out.files, v)
	}
	for _, f := range p.Syntax {
		if !plain[f] {
			v := newVisitor(prog, p, &load.File{Syntax: f}, out.names, facts)
			v.funcs[0].blocked = whyCgo
			v.walk()
		}
	}
	return out
}

const whyCgo = "it imports C: the compiler sees another file that cgo made of it"

// add adds what was found in a package. Ordinals run through all its files.
func (m *Model) add(found *visit, unsure unsure) {
	p := found.pkg
	out := Package{
		Path: p.Path, Name: p.Name, Dir: p.Dir,
		Hook: found.names.hook, Base: found.names.base, Generated: found.names.generated,
	}
	if p.Module != nil {
		out.Module = p.Module.Path
	}
	ordinal := 0
	guarded, answers := false, false
	for _, v := range found.files {
		v.drop(unsure)
		file, regions := v.file(&ordinal)
		m.Functions = append(m.Functions, v.functions()...)
		m.Skipped = append(append(m.Skipped, v.skipped()...), v.unheeded()...)
		m.Regions = append(m.Regions, regions...)
		m.Guards = append(m.Guards, v.guards...)
		guarded, answers = guarded || len(v.guards) > 0, answers || v.answers()
		if len(file.Sites)+len(file.Rewrites) > 0 {
			out.Files = append(out.Files, file)
		}
	}
	for _, path := range p.Cgo {
		m.Skipped = append(m.Skipped, Skip{Package: p.Path, Place: path, What: "file", Why: whyCgo})
	}
	if guarded {
		out.Guard = found.names.guards(answers)
	}
	if len(out.Files) > 0 {
		m.Packages = append(m.Packages, out)
	}
}
