package analyze

import (
	"go/ast"
	"go/token"
	"slices"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
)

// near says from which region a function is reached, by the shortest way.
type near struct {
	fn    *ssa.Function // the one that has the region, or is the request
	at    token.Pos     // of the region
	calls int
}

// nearest returns the nearest region of each function in scope that one
// reaches by calls. Goroutines that are started on the way are their own.
func (w *walker) nearest(sorted []*ssa.Function, regions map[ast.Stmt]*cause) map[ast.Node]near {
	var queue []*ssa.Function
	found := make(map[*ssa.Function]near)
	index := make(map[*ssa.Function]int, len(sorted))
	for i, fn := range sorted {
		index[fn] = i
		if at := w.regionIn(fn, regions); at.IsValid() {
			found[fn] = near{fn, at, 0}
			queue = append(queue, fn)
		}
	}
	for len(queue) > 0 {
		fn := queue[0]
		queue = queue[1:]
		node := w.graph.Nodes[fn]
		if node == nil {
			continue
		}
		from := found[fn]
		if fn.Syntax() != nil { // a wrapper is no step
			from.calls++
		}
		for _, e := range calleesOf(node, index) {
			if _, known := found[e]; !known {
				found[e] = from
				queue = append(queue, e)
			}
		}
	}
	out := make(map[ast.Node]near)
	for _, fn := range sorted {
		if n, ok := found[fn]; ok && fn.Syntax() != nil && w.packageOf(fn) != nil {
			if old, known := out[fn.Syntax()]; !known || n.calls < old.calls {
				out[fn.Syntax()] = n
			}
		}
	}
	return out
}

// calleesOf returns what a function calls, in the order of index. Where a call can
// lead to many functions it says nothing about any of them.
func calleesOf(node *callgraph.Node, index map[*ssa.Function]int) []*ssa.Function {
	targets := make(map[ssa.CallInstruction]int)
	for _, e := range node.Out {
		targets[e.Site]++
	}
	var out []*ssa.Function
	for _, e := range node.Out {
		if _, started := e.Site.(*ssa.Go); !started && targets[e.Site] <= manyTargets {
			out = append(out, e.Callee.Func)
		}
	}
	slices.SortFunc(out, func(a, b *ssa.Function) int { return index[a] - index[b] })
	return slices.Compact(out)
}

// regionIn returns the place of the first region of a goroutine in fn, or of fn
// if it is a request; token.NoPos if it is, and has, none.
func (w *walker) regionIn(fn *ssa.Function, regions map[ast.Stmt]*cause) token.Pos {
	p := w.packageOf(fn)
	if p == nil || fn.Syntax() == nil {
		return token.NoPos
	}
	if c := w.requests[fn.Syntax()]; c != nil && !c.slight {
		return fn.Pos()
	}
	first := token.NoPos
	for loop := range loopsOf(p.Info, fn.Syntax()) {
		if c := regions[loop]; c != nil && !c.inRequest() && (!first.IsValid() || loop.Pos() < first) {
			first = loop.Pos()
		}
	}
	return first
}
