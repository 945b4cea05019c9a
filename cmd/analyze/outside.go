package analyze

import (
	"go/types"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
)

// Goroutines that code out of scope starts come back into scope through
// function values and interfaces: a group that runs what it is given
// (errgroup.Group.Go), a client that hands each message to a consumer. So does
// what net/http calls for each request in a router that has handlers of its own
// kind. They are followed for outsideHops calls, and only where the call into scope is one of
// those; static calls lead on, dynamic ones only with a single target.

// outsideHops is how many calls from the start of such a goroutine are
// followed. A message client needs two: its loop, and what dispatches.
const outsideHops = 2

// entry is a call from a goroutine of code out of scope into it.
type entry struct {
	*reach
	looped bool // it is made again and again
}

// outside returns the entries, by the order of funcs.
func (w *walker) outside(funcs []*ssa.Function) []entry {
	o := &outsider{walker: w, seen: make(map[outsideKey]bool), cyclic: make(map[*ssa.BasicBlock]bool)}
	for _, fn := range funcs {
		if w.packageOf(fn) != nil {
			continue
		}
		if p := writtenIn(fn); isServeHTTP(fn) && p != nil && !o.standard[p] {
			o.follow(&reach{fn: fn}, true, 0)
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				if g, ok := i.(*ssa.Go); ok {
					o.started(fn, g)
				}
			}
		}
	}
	return o.entries
}

type outsider struct {
	*walker
	entries []entry
	seen    map[outsideKey]bool
	cyclic  map[*ssa.BasicBlock]bool
}

type outsideKey struct {
	fn     *ssa.Function
	looped bool
	hops   int
}

// started follows what the go statement g in fn starts.
func (o *outsider) started(fn *ssa.Function, g *ssa.Go) {
	looped := o.isCyclic(g.Block())
	for _, callee := range o.callees(fn, g) {
		r := &reach{fn: callee, by: g}
		switch {
		case o.packageOf(callee) != nil:
			if g.Common().StaticCallee() == nil && !o.standardInvoke(g) {
				o.entries = append(o.entries, entry{r, looped})
			}
		default:
			o.follow(r, false, 0)
		}
	}
}

// follow follows r, which is out of scope.
func (o *outsider) follow(r *reach, looped bool, hops int) {
	key := outsideKey{r.fn, looped, hops}
	node := o.graph.Nodes[r.fn]
	if o.seen[key] || node == nil {
		return
	}
	o.seen[key] = true
	targets := make(map[ssa.CallInstruction]int)
	for _, e := range node.Out {
		targets[e.Site]++
	}
	for _, e := range o.edges(node) {
		if e.Site == nil {
			continue
		}
		if _, started := e.Site.(*ssa.Go); started {
			continue
		}
		static := e.Site.Common().StaticCallee() != nil
		next := &reach{fn: e.Callee.Func, from: r, by: e.Site}
		again := looped || o.isCyclic(e.Site.Block())
		switch {
		case o.packageOf(next.fn) != nil:
			if !static && o.opens(e, hops) {
				o.entries = append(o.entries, entry{next, again})
			}
		case next.fn.Syntax() == nil: // a wrapper is no step
			o.follow(next, again, hops)
		case hops < outsideHops && (static || targets[e.Site] == 1):
			o.follow(next, again, hops+1)
		}
	}
}

// opens reports whether the dynamic call e is a way by which a goroutine is
// handed to code in scope. The standard library calls methods of whatever
// value it is given, so that of it only function values count that a goroutine
// begins with: sync.WaitGroup.Go.
func (o *outsider) opens(e *callgraph.Edge, hops int) bool {
	p := writtenIn(e.Caller.Func)
	if p != nil && o.standard[p] {
		return hops == 0 && !e.Site.Common().IsInvoke()
	}
	return !o.standardInvoke(e.Site)
}

// standardInvoke reports whether the call goes through an interface of the
// standard library or one without a name: what has a method such as String is
// not thereby a handler.
func (o *outsider) standardInvoke(site ssa.CallInstruction) bool {
	if !site.Common().IsInvoke() {
		return false
	}
	n, ok := types.Unalias(site.Common().Value.Type()).(*types.Named)
	return !ok || n.Obj().Pkg() == nil || o.standard[n.Obj().Pkg()]
}

// isCyclic reports whether b can run again in the same call of its function.
func (o *outsider) isCyclic(b *ssa.BasicBlock) bool {
	if b == nil {
		return false
	}
	cyclic, known := o.cyclic[b]
	if known {
		return cyclic
	}
	seen := make(map[*ssa.BasicBlock]bool)
	todo := append([]*ssa.BasicBlock(nil), b.Succs...)
	for len(todo) > 0 && !seen[b] {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[next] {
			seen[next] = true
			todo = append(todo, next.Succs...)
		}
	}
	o.cyclic[b] = seen[b]
	return seen[b]
}

// spawned adds the entries that are made once: what they call is a goroutine's
// beginning.
func (w *walker) spawned(entries []entry) {
	for _, e := range entries {
		if !e.looped {
			w.add(e.reach)
		}
	}
}

// callbacks adds the entries that are made again and again, as requests, unless
// the function is one that the program calls itself on its goroutines.
func (w *walker) callbacks(entries []entry) {
	for _, e := range entries {
		if !e.looped || w.reached[e.fn] != nil || e.fn.Syntax() == nil || isGenerated(e.fn) {
			continue
		}
		why := "ServeHTTP of a router out of scope calls it"
		if by := e.root().by; by != nil {
			why = "a goroutine that " + by.Parent().String() + " starts calls it again and again"
		}
		known := w.requests[e.fn.Syntax()] != nil
		c := w.request(e.reach, why)
		if e.root().by == nil {
			c.guard(guardHTTP)
		}
		if !known {
			c.slight = true
		}
	}
}
