package analyze

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Why a loop is endless.
const (
	whyFor   = "loop without a condition"
	whyCond  = "loop until a condition"
	whyRange = "range over a channel"
)

// endless says why the loop n does not end by itself, "" if it is not a loop or
// ends. Counted loops end, and so do those that compare variables with each
// other, with constants, or with lengths: they search or walk something finite.
func endless(info *types.Info, n ast.Node) string {
	switch n := n.(type) {
	case *ast.ForStmt:
		switch {
		case n.Cond == nil:
			return whyFor
		case n.Init == nil && n.Post == nil && !bounded(info, n.Cond):
			return whyCond
		}
	case *ast.RangeStmt:
		if t := info.TypeOf(n.X); t != nil {
			if _, ok := coreChan(t); ok {
				return whyRange
			}
		}
	}
	return ""
}

// bounded reports whether a loop with this condition ends by itself.
func bounded(info *types.Info, cond ast.Expr) bool {
	x, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok {
		return false
	}
	switch x.Op {
	case token.LAND:
		return bounded(info, x.X) || bounded(info, x.Y)
	case token.LOR:
		return bounded(info, x.X) && bounded(info, x.Y)
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return !asks(info, x)
	}
	return false
}

// asks reports whether evaluating x calls a function or receives: then its
// value is not the loop's own. Conversions and built-in functions do not.
func asks(info *types.Info, x ast.Node) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if f := info.Types[n.Fun]; !f.IsType() && !f.IsBuiltin() {
				found = true
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				found = true
			}
		}
		return !found
	})
	return found
}

// terminating reports whether the loop can only be left by return, panic or
// goto, so that the compiler accepts it as the end of a function with results.
// label is the loop's, "" if it has none.
func terminating(n ast.Stmt, label string) bool {
	loop, ok := n.(*ast.ForStmt)
	return ok && loop.Cond == nil && !breaks(loop.Body, label, true)
}

// breaks reports whether n contains a break that leaves the loop around it:
// one with its label, or, while direct is true, one without any.
func breaks(n ast.Node, label string, direct bool) bool {
	found := false
	ast.Inspect(n, func(c ast.Node) bool {
		if found || c == n {
			return !found
		}
		switch c := c.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BranchStmt:
			if c.Tok == token.BREAK {
				found = c.Label == nil && direct || c.Label != nil && c.Label.Name == label
			}
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			if direct {
				found = breaks(c, label, false)
				return false
			}
		}
		return !found
	})
	return found
}

// targets reports whether a break or continue in n names label.
func targets(n ast.Node, label string) bool {
	found := false
	ast.Inspect(n, func(c ast.Node) bool {
		if b, ok := c.(*ast.BranchStmt); ok && b.Label != nil && b.Label.Name == label && b.Tok != token.GOTO {
			found = true
		}
		return !found
	})
	return found
}

// loopsOf returns the endless loops of the function n, those of the literals
// in it left out.
func loopsOf(info *types.Info, n ast.Node) map[ast.Stmt]string {
	loops := make(map[ast.Stmt]string)
	ast.Inspect(n, func(c ast.Node) bool {
		if _, ok := c.(*ast.FuncLit); ok && c != n {
			return false
		}
		if s, ok := c.(ast.Stmt); ok {
			if why := endless(info, s); why != "" {
				loops[s] = why
			}
		}
		return true
	})
	return loops
}

// coreChan returns t as a channel type. ok is false if it is none, or a type
// parameter whose type set has several.
func coreChan(t types.Type) (*types.Chan, bool) {
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		return typeParamChan(p)
	}
	c, ok := t.Underlying().(*types.Chan)
	return c, ok
}

// typeParamChan returns the channel type of a type parameter with exactly one
// term, the only case in which a program can range over it or receive from it
// and that is worth knowing.
func typeParamChan(p *types.TypeParam) (*types.Chan, bool) {
	i, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return nil, false
	}
	for j := 0; j < i.NumEmbeddeds(); j++ {
		switch e := i.EmbeddedType(j).(type) {
		case *types.Union:
			if e.Len() == 1 {
				c, ok := e.Term(0).Type().Underlying().(*types.Chan)
				return c, ok
			}
		default:
			if c, ok := e.Underlying().(*types.Chan); ok {
				return c, true
			}
		}
	}
	return nil, false
}
