package analyze

import (
	"errors"
	"fmt"
	"go/ast"
	"go/types"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// saying is what the user says of a function or statement.
type saying struct {
	verb  verb
	words string // how it was said: "//lifesign:idle at main.go:12"
	place string // file:line
	used  bool   // it has had an effect
}

// sayings are all that the user says.
type sayings struct {
	named      map[string]*saying       // by rule file: functions, see ruleName
	declared   map[types.Object]*saying // by directive: functions and methods of interfaces
	statements map[ast.Stmt]*saying     // by directive
	mimics     map[*types.Func]*ownCheck
	absent     []Skip // rules for packages that are no part of the program
}

// listen collects what the user says in a rule file and by directives in the
// packages in scope. Its error joins one for each mistake, which says where.
func listen(prog *load.Program, scope Scope, rules Rules) (*sayings, error) {
	s := &sayings{
		named: make(map[string]*saying), declared: make(map[types.Object]*saying), statements: make(map[ast.Stmt]*saying),
		mimics: make(map[*types.Func]*ownCheck),
	}
	packages := make(map[string]*load.Package)
	for _, p := range prog.Packages {
		packages[p.Path] = p
	}
	var mistakes []error
	for _, r := range rules.list {
		if err := s.rule(r, packages); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	for _, p := range prog.Packages {
		if !scope.selects(p) {
			continue
		}
		for _, f := range p.Syntax {
			mistakes = append(mistakes, s.directives(prog.Fset, p, f)...)
		}
	}
	return s, errors.Join(mistakes...)
}

// rule adds a line of the rule file. It must name a function that exists: a
// slip would silently do nothing.
func (s *sayings) rule(r userRule, packages map[string]*load.Package) error {
	path, _, _ := splitName(r.name)
	p := packages[path]
	if p == nil {
		s.absent = append(s.absent, Skip{Package: path, Place: r.place, What: "rule for " + r.name, Why: "no package of the program is " + path})
		return nil
	}
	switch f := lookup(p.Types, r.name); {
	case f == nil:
		return fmt.Errorf("%s: package %s has no function %s: go doc lists what it has", r.place, path, r.name)
	case ruleName(f) != r.name:
		return fmt.Errorf("%s: %s is declared as %s: write that", r.place, r.name, ruleName(f))
	}
	s.named[r.name] = &saying{verb: r.verb, words: fmt.Sprintf("the rule %q at %s", string(r.verb)+" "+r.name, r.place), place: r.place}
	return nil
}

// of returns what is said of f, nil if nothing is. The rule file goes before
// directives.
func (s *sayings) of(f *types.Func) *saying {
	if f == nil {
		return nil
	}
	if len(s.named) > 0 {
		if said := s.named[ruleName(f)]; said != nil {
			return said
		}
	}
	return s.declared[f.Origin()]
}

// blocks returns what is said of calls of f, by the user or, failing that, by
// the table. ok is false if they cannot block, or are not to be watched.
func (s *sayings) blocks(f *types.Func) (r ruling, ok bool) {
	if said := s.of(f); said != nil {
		return said.ruling()
	}
	t, ok := blocks(f)
	if !ok {
		return ruling{}, false
	}
	name := ruleName(f)
	return ruling{wait: t.wait, buffered: t.buffered, why: "by the rule for " + name, rules: []string{name}}, true
}

// ruling returns what said makes of a call.
func (said *saying) ruling() (r ruling, ok bool) {
	r.why = "by " + said.words
	if said.verb == idle {
		r.wait = always
	}
	return r, said.verb != ignore
}
