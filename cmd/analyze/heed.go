package analyze

import "go/ast"

// statementSaying returns what the user says of the statement that the node
// visited belongs to: the innermost one, or the one in whose header that
// stands. It is nil if nothing is said.
func (v *visitor) statementSaying() *saying {
	if len(v.facts.sayings.statements) == 0 {
		return nil
	}
	child := v.node
	for i := -1; ; i++ {
		n := v.node
		if i >= 0 {
			n = v.parent(i)
		}
		switch s := n.(type) {
		case nil, *ast.FuncLit, *ast.FuncDecl, *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
			return nil
		case *ast.IfStmt:
			if s.Else == child {
				return nil
			}
			if said := v.facts.sayings.statements[s]; said != nil {
				return said
			}
		case ast.Stmt:
			if said := v.facts.sayings.statements[s]; said != nil {
				return said
			}
		}
		child = n
	}
}

// heed does with o what the user says of its statement, or of the function it
// is in. It returns why o is not watched, "" if it is. What is ignored of a lock
// is a wait for it: others wait for who holds it, and must find that out.
func (v *visitor) heed(o *op) (ignored string) {
	said, own := v.statementSaying(), true
	if said == nil {
		said, own = v.fn().said, false
	}
	if said == nil {
		return ""
	}
	switch {
	case said.verb == ignore && o.rewrite.isLock():
		said.used = true
		if o.site != nil {
			o.idle(said.words)
		}
	case said.verb == ignore:
		said.used = true
		return said.words
	case said.verb == idle && o.site != nil && !o.site.Kind.IsRegion() && (own || !o.site.Kind.IsLock()):
		said.used = true
		o.idle("by " + said.words)
	case said.verb == vulnerable:
		said.used = true
	}
	return ""
}

// isLock reports whether r rewrites an operation that takes a lock or releases
// one.
func (r Rewrite) isLock() bool {
	if r.Form != Method && r.Form != MethodExpr {
		return false
	}
	return r.Func != "CondWait" && r.Func != "WGWait"
}

// unheeded returns the directives on statements in the file that had no
// effect, for there is no operation in them.
func (v *visitor) unheeded() []Skip {
	var out []Skip
	for _, s := range v.said {
		if !s.used {
			out = append(out, Skip{Package: v.pkg.Path, Place: s.place, What: directivePrefix + string(s.verb), Why: "there is no operation in the statement"})
		}
	}
	return out
}
