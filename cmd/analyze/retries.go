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
// compares and swaps, and in one over memory: ranges over channels get something
// with every pass.
func (v *visitor) retries(n ast.Stmt) string {
	loop, ok := n.(*ast.ForStmt)
	if !ok || endless(v.info, n) == "" {
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
			if c, ok := coreChan(v.info.TypeOf(n.X)); ok && typeName(c.Elem()) == "time.Time" {
				return "waits for time"
			}
		}
	}
	return ""
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
