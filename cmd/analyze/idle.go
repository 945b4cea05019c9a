package analyze

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

// head returns the operation that every pass of a region's loop waits in for
// work: the first select, receive, range over a channel, wait on a condition or
// waiting call that stands directly in the loop's body. Locks are passed over,
// and so is what only some passes reach.
func (v *visitor) head(body []ast.Stmt) ast.Node {
	for _, s := range body {
		for {
			l, ok := s.(*ast.LabeledStmt)
			if !ok {
				break
			}
			s = l.Stmt
		}
		if h := v.headOf(s); h != nil {
			return h
		}
	}
	return nil
}

func (v *visitor) headOf(s ast.Stmt) ast.Node {
	switch s := s.(type) {
	case *ast.SelectStmt:
		for _, c := range s.Body.List {
			if c.(*ast.CommClause).Comm == nil {
				return nil
			}
		}
		return s
	case *ast.RangeStmt:
		if t := v.info.TypeOf(s.X); t != nil {
			if _, ok := coreChan(t); ok {
				return s
			}
		}
	case *ast.ForStmt:
		// for len(q) == 0 { cond.Wait() }
		if h, ok := v.head(s.Body.List).(*ast.CallExpr); ok {
			return h
		}
	case *ast.BlockStmt:
		return v.head(s.List)
	case *ast.IfStmt:
		return v.waitIn(s.Init, s.Cond)
	case *ast.SwitchStmt:
		return v.waitIn(s.Init, s.Tag)
	case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt:
		return v.waitIn(s, nil)
	}
	return nil
}

// waitIn returns the first wait for work in s or x, literals left out.
func (v *visitor) waitIn(s ast.Stmt, x ast.Expr) ast.Node {
	var found ast.Node
	look := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && found == nil {
				found = n
			}
		case *ast.CallExpr:
			if found == nil && v.waits(n) {
				found = n
			}
		}
		return found == nil
	}
	if s != nil {
		ast.Inspect(s, look)
	}
	if x != nil {
		ast.Inspect(x, look)
	}
	return found
}

// waits reports whether the call n at the head of a region is a wait for work.
func (v *visitor) waits(n *ast.CallExpr) bool {
	if f, ok := typeutil.Callee(v.info, n).(*types.Func); ok {
		if f.FullName() == "(*sync.Cond).Wait" {
			return true
		}
		if r, ok := v.facts.sayings.blocks(f); ok {
			return r.wait == atHead
		}
	}
	r, ok := v.facts.targets[n.Lparen]
	return ok && r.wait == atHead
}

// Why a wait is one for work.
const (
	whyHead    = "the loop begins with it: it waits for work"
	whyOutside = "it waits for time, a signal of the system or the end of a context"
)

// idleAtHead classes o, the operation of n, if a region begins with it.
func (v *visitor) idleAtHead(o *op, n ast.Node) {
	if v.heads[n] {
		o.idle(whyHead)
	}
}

// idleSource classes o, the operation of n that receives from x.
func (v *visitor) idleSource(o *op, n ast.Node, x ast.Expr) {
	v.idleAtHead(o, n)
	if v.waitsForWork(x) {
		o.idle(whyOutside)
	}
}

// isPause reports whether the select n waits for nothing of the program's own:
// it ends by time, or when the system or a context says so.
func (v *visitor) isPause(n *ast.SelectStmt) bool {
	for _, c := range n.Body.List {
		x, ok := commOf(c.(*ast.CommClause).Comm).(*ast.UnaryExpr)
		if !ok || !v.waitsForWork(x.X) {
			return false
		}
	}
	return len(n.Body.List) > 0
}

// waitsForWork reports whether receiving from x is a wait for something from
// outside, wherever it stands: for time, a signal of the system, or the end of
// a context.
func (v *visitor) waitsForWork(x ast.Expr) bool {
	if call, ok := ast.Unparen(x).(*ast.CallExpr); ok {
		if f, ok := typeutil.Callee(v.info, call).(*types.Func); ok && f.FullName() == "(context.Context).Done" {
			return true
		}
	}
	c, ok := coreChan(v.info.TypeOf(x))
	if !ok {
		return false
	}
	switch typeName(c.Elem()) {
	case "time.Time", "os.Signal":
		return true
	}
	return false
}
