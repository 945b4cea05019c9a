package analyze

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/lifesign-go/lifesign/event"
)

// call adds the call n if it can block.
func (v *visitor) call(n *ast.CallExpr) {
	r, ok := v.ruling(n)
	if !ok {
		if f, isFunc := typeutil.Callee(v.info, n).(*types.Func); isFunc && v.facts.inScope[f.Pkg()] != nil {
			v.fn().busy = true
		}
		return
	}
	name := calleeName(v.info, n)
	at, what := callPos(n), "call of "+name
	rewrite, why := v.statement(n)
	if why != "" {
		rewrite, why = v.expression(n, why)
	}
	if why != "" {
		v.skip(at, what, why)
		return
	}
	o := &op{site: v.site(event.Call, at, name), rewrite: rewrite, why: r.why}
	o.site.Leaves = r.leaves
	v.noteError(o, n)
	v.mimic(o, n, r)
	switch {
	case r.wait == always:
		o.idle(r.why)
	case r.wait == atHead:
		v.idleAtHead(o, n)
	}
	v.add(o, at, what)
}

// ruling is what the rules say of a call that can block.
type ruling struct {
	wait     wait
	buffered bool     // most such calls do not leave memory
	leaves   bool     // what is called is not in scope
	why      string   // which rule it is
	rules    []string // of the table, by the names of the functions
}

// ruling returns what is said of the call n: by a directive on its statement,
// of the function it calls. ok is false if nothing says that it can block.
func (v *visitor) ruling(n *ast.CallExpr) (r ruling, ok bool) {
	if f := v.info.Types[n.Fun]; f.IsType() || f.IsBuiltin() {
		return ruling{}, false
	}
	if said := v.statementSaying(); said != nil && said.verb != ignore && v.isOutermost() {
		return said.ruling()
	}
	f, isFunc := typeutil.Callee(v.info, n).(*types.Func)
	if isFunc {
		if v.facts.sayings.of(f) != nil {
			return v.facts.sayings.blocks(f)
		}
		if r, ok := v.facts.sayings.blocks(f); ok {
			return r, true
		}
	}
	if r, ok = v.facts.targets[n.Lparen]; ok {
		return r, true
	}
	r, ok = v.facts.leaves[n.Lparen]
	return r, ok
}

// isOutermost reports whether the call visited is not an argument, or the
// receiver, of another call in its statement.
func (v *visitor) isOutermost() bool {
	for i := 0; ; i++ {
		switch p := v.parent(i).(type) {
		case *ast.CallExpr:
			if f := v.info.Types[p.Fun]; !f.IsType() && !f.IsBuiltin() {
				return false
			}
		case nil, ast.Stmt, *ast.FuncLit:
			return true
		}
	}
}

// callPos returns the position that the compiler gives a call: on the line of
// the function's name.
func callPos(n *ast.CallExpr) token.Pos {
	if s, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok {
		return s.Sel.Pos()
	}
	return n.Pos()
}

const notStatement = "it is not a statement of its own"

// statement returns the rewrite of the call n, the node visited, or why there
// is none: nothing else that takes time may happen between Enter and Exit.
func (v *visitor) statement(n *ast.CallExpr) (Rewrite, string) {
	switch s := v.parent(0).(type) {
	case *ast.ExprStmt:
		return v.listed(s, v.parent(1))
	case *ast.AssignStmt:
		if len(s.Rhs) != 1 || v.asksAny(s.Lhs...) {
			return Rewrite{}, notStatement
		}
		return v.listed(s, v.parent(1))
	case *ast.ValueSpec:
		d, ok := v.parent(2).(*ast.DeclStmt)
		if !ok || len(s.Values) != 1 || len(d.Decl.(*ast.GenDecl).Specs) != 1 {
			return Rewrite{}, notStatement
		}
		return v.listed(d, v.parent(3))
	case *ast.ReturnStmt:
		if _, several := v.info.TypeOf(n).(*types.Tuple); !several && v.noGenerics == "" {
			return Rewrite{}, notStatement // what is deferred runs after the call: its end is to be noted first
		}
		for _, x := range s.Results {
			if x != n && v.asksAny(x) {
				return Rewrite{}, notStatement
			}
		}
		r, why := v.listed(s, v.parent(1))
		r.Open = true
		return r, why
	case *ast.GoStmt:
		return Rewrite{}, "it is started as a goroutine of its own"
	case *ast.DeferStmt:
		return Rewrite{}, "it is deferred"
	}
	return Rewrite{}, notStatement
}

// expression returns the rewrite of the call n wherever it stands in an
// expression. why is why it is no statement.
func (v *visitor) expression(n *ast.CallExpr, why string) (Rewrite, string) {
	switch v.parent(0).(type) {
	case *ast.GoStmt:
		return Rewrite{}, why
	case *ast.DeferStmt:
		return v.deferral(n, why)
	}
	switch t := v.info.TypeOf(n).(type) {
	case nil:
		return Rewrite{}, why
	case *types.Tuple:
		if t.Len() == 0 {
			return Rewrite{}, why + ", and has no result"
		}
		return Rewrite{}, why + ", and has " + count(t.Len(), "result")
	}
	if v.noGenerics != "" {
		return Rewrite{}, why + "; " + v.noGenerics
	}
	return Rewrite{Form: Expression, Start: v.offset(n.Pos()), Cut: v.offset(n.Pos()), End: v.offset(n.End())}, ""
}

// deferral returns the rewrite of the call n, which is deferred. why is what to
// say if there is none. The hook calls the function in the deferred call's place:
// for one that may call recover it is not the same.
func (v *visitor) deferral(n *ast.CallExpr, why string) (Rewrite, string) {
	f, ok := typeutil.Callee(v.info, n).(*types.Func)
	if !ok || v.facts.sayings.of(f) != nil {
		return Rewrite{}, why + ", and what it calls may call recover"
	}
	sig := f.Signature()
	if _, known := blocks(f); !known || sig.Recv() != nil && types.IsInterface(sig.Recv().Type()) {
		return Rewrite{}, why + ", and what it calls may call recover"
	}
	params := sig.Params()
	r := Rewrite{Form: Deferred, Start: v.offset(n.Pos()), Cut: v.offset(n.Lparen), End: v.offset(n.End()), Func: "Deferred"}
	switch {
	case v.noGenerics != "":
		return Rewrite{}, why + "; " + v.noGenerics
	case sig.Results().Len() != 1 || sig.Variadic() || len(n.Args) != params.Len() || len(n.Args) > 1:
		return Rewrite{}, why + ", and has other than one result and at most one argument"
	case len(n.Args) == 0 && v.line(n.Lparen) != v.line(n.Rparen):
		return Rewrite{}, why + ", and is spread over several lines"
	case len(n.Args) == 1 && !types.Identical(v.info.TypeOf(n.Args[0]), params.At(0).Type()):
		return Rewrite{}, why + ", and its argument is converted"
	case len(n.Args) == 1:
		r.Func = "Deferred1"
	}
	return r, ""
}

func (v *visitor) asksAny(list ...ast.Expr) bool {
	for _, x := range list {
		if asks(v.info, x) {
			return true
		}
	}
	return false
}

// listed returns the rewrite of the statement s in parent, if statements can
// be put before and behind it.
func (v *visitor) listed(s ast.Stmt, parent ast.Node) (Rewrite, string) {
	switch p := parent.(type) {
	case *ast.BlockStmt, *ast.LabeledStmt, *ast.CaseClause, *ast.CommClause:
		return Rewrite{Form: Statement, Start: v.offset(s.Pos()), Cut: v.offset(s.Pos()), End: v.offset(s.End())}, ""
	case *ast.IfStmt:
		if s == p.Init {
			return v.hoisted(p, s, p.Cond.Pos(), "if")
		}
	case *ast.SwitchStmt:
		next := p.Body.Pos()
		if p.Tag != nil {
			next = p.Tag.Pos()
		}
		return v.hoisted(p, s, next, "switch")
	case *ast.TypeSwitchStmt:
		if s == p.Init {
			return v.hoisted(p, s, p.Assign.Pos(), "switch")
		}
	case *ast.ForStmt:
		return Rewrite{}, "it stands in the header of a loop"
	}
	return Rewrite{}, notStatement
}

// hoisted returns the rewrite that takes init out of the header of s. next is
// what follows it there, behind a semicolon.
func (v *visitor) hoisted(s, init ast.Stmt, next token.Pos, word string) (Rewrite, string) {
	if word == "switch" && v.isLabelled(s) {
		return Rewrite{}, "it stands in the header of a labelled switch"
	}
	if v.line(init.End()) != v.line(next) || v.commented(init.End(), next) {
		return Rewrite{}, "the header it stands in is spread over several lines"
	}
	return Rewrite{
		Form: Hoist, Start: v.offset(s.Pos()), Cut: v.offset(init.End()), End: v.offset(s.End()), Word: word,
	}, ""
}

// isLabelled reports whether s, on the stack, is what a label stands before.
func (v *visitor) isLabelled(s ast.Stmt) bool {
	for _, n := range v.stack {
		if l, ok := n.(*ast.LabeledStmt); ok && l.Stmt == s {
			return true
		}
	}
	return false
}

func (v *visitor) line(p token.Pos) int { return v.prog.Fset.PositionFor(p, false).Line }

// commented reports whether there is a comment between two positions.
func (v *visitor) commented(from, to token.Pos) bool {
	for _, g := range v.src.Syntax.Comments {
		if g.Pos() >= from && g.End() <= to {
			return true
		}
	}
	return false
}
