package analyze

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

// askers are functions that a loop calls which waits for a change that it does
// not make itself. Calls that can block, by the rules, are others.
var askers = map[string]string{
	"time.Sleep":               "sleeps",
	"runtime.Gosched":          "yields",
	"(*sync.Mutex).TryLock":    "tries a lock",
	"(*sync.RWMutex).TryLock":  "tries a lock",
	"(*sync.RWMutex).TryRLock": "tries a lock",
	"(context.Context).Err":    "asks a context",
}

// retries says why the endless loop n waits for the outside, and so may go
// round for ever without getting anywhere: what it does that asks the outside,
// itself or in loops that end. It is "" if nothing does, as in a loop that
// compares and swaps, and in one over memory; and for loops that get something
// with every pass: a range over a channel, a loop that begins with a wait which
// others serve, or with a ticker.
func (v *visitor) retries(n ast.Stmt) string {
	loop, ok := n.(*ast.ForStmt)
	if !ok || endless(v.info, n) == "" || v.isServed(loop.Body.List) {
		return ""
	}
	why := ""
	look := func(c ast.Node) bool {
		if c == nil || why != "" {
			return false
		}
		switch c := c.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ForStmt, *ast.RangeStmt:
			return c == n || endless(v.info, c) == ""
		case *ast.GoStmt, *ast.DeferStmt:
			return false
		}
		if what := v.asksOutside(c); what != "" {
			why = "it " + what + " at " + placeOf(v.prog.Fset, c.Pos()) + " and tries again"
		}
		return why == ""
	}
	if loop.Cond != nil {
		ast.Inspect(loop.Cond, look)
	}
	if loop.Post != nil {
		ast.Inspect(loop.Post, look)
	}
	ast.Inspect(loop.Body, look)
	return why
}

// asksOutside says what n does that depends on the outside, "" if nothing.
func (v *visitor) asksOutside(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		f, ok := typeutil.Callee(v.info, n).(*types.Func)
		if !ok {
			return ""
		}
		if what := askers[ruleName(f)]; what != "" {
			return what
		}
		if r, ok := v.facts.sayings.blocks(f); ok && !r.buffered {
			return "calls " + calleeName(v.info, n)
		}
	case *ast.SelectStmt:
		for _, c := range n.Body.List {
			if c.(*ast.CommClause).Comm == nil {
				return "has a select with a default"
			}
		}
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			if c, ok := coreChan(v.info.TypeOf(n.X)); ok && typeName(c.Elem()) == "time.Time" && !v.ticks(n.X) {
				return "waits for time"
			}
		}
	}
	return ""
}

// isServed reports whether each pass of a loop with this body begins by waiting
// for what others give it.
func (v *visitor) isServed(body []ast.Stmt) bool {
	switch h := v.head(body).(type) {
	case nil:
		return false
	case *ast.SelectStmt:
		for _, c := range h.Body.List {
			x, receives := commOf(c.(*ast.CommClause).Comm).(*ast.UnaryExpr)
			if !receives || !v.waitsForWork(x.X) || v.ticks(x.X) {
				return true
			}
		}
		return false
	case *ast.UnaryExpr:
		return !v.waitsForWork(h.X) || v.ticks(h.X)
	}
	return false
}

// ticks reports whether x is the channel of a ticker.
func (v *visitor) ticks(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "C" && typeName(v.info.TypeOf(x.X)) == "time.Ticker"
	case *ast.CallExpr:
		f, ok := typeutil.Callee(v.info, x).(*types.Func)
		return ok && f.FullName() == "time.Tick"
	}
	return false
}

// inLoop reports whether the loop visited stands in another endless loop of its
// function.
func (v *visitor) inLoop() bool {
	for i := 0; ; i++ {
		switch p := v.parent(i).(type) {
		case nil, *ast.FuncDecl, *ast.FuncLit:
			return false
		case *ast.ForStmt, *ast.RangeStmt:
			if endless(v.info, p) != "" {
				return true
			}
		}
	}
}
