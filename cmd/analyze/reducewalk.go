package analyze

import (
	"cmp"
	"go/ast"
	"go/token"
	"slices"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
)

// part is what the walk goes over: a loop that is a region, or what a function
// has beside such loops.
type part struct {
	node ast.Node  // a *ast.FuncDecl or *ast.FuncLit in scope
	loop token.Pos // of the region; NoPos for the rest, and for a function that is a request
}

// way is how the walk has come to a function, or a loop in one.
type way struct {
	fn       *ssa.Function
	part     part      // its node is nil for functions out of scope, and for those that the SSA form adds
	up       *way      // the nearest one on the way that has a part, nil if it is a region
	at       token.Pos // where up calls what leads here
	deferred bool      // up defers the call
	calls    int       // how many there are up to here
	region   *way      // where the way begins
	by       *way      // what has the go statement at at, if that is where the way begins
}

// reduceWalk is a walk from many regions at once, by dynamic calls and breadth
// first: what it comes to belongs to the nearest region. What go statements start
// is not gone into, for its goroutine is not the region's.
type reduceWalk struct {
	*walker
	regions map[ast.Node]*regionsIn
	past    []*reduceWalk                         // what those have come to is of no interest
	calls   map[*callgraph.Node][]*callgraph.Edge // see sites; shared by walks that do not run at the same time

	// Of a walk from one region: the walk from all of them, beyond nearby calls only
	// whose ways from this region are followed. Else nil.
	all   *reduceWalk
	ways  map[*ssa.Function]*way // the first way to each, to what it has beside regions
	parts map[part]*way          // the same, by what the functions are made of
	queue []*way
	roots []*way
}

// nearby is up to how many calls away an operation is in the reduction of each
// loop that executes it, and not only in that of the nearest. NATS' streams write
// to their files seven calls from the loop that does so by default, and three from
// another that does so where a stream is configured for it.
const nearby = 8

func newReduceWalk(facts *facts, regions map[ast.Node]*regionsIn) *reduceWalk {
	return &reduceWalk{
		walker: facts.walker, regions: regions, calls: make(map[*callgraph.Node][]*callgraph.Edge),
		ways: make(map[*ssa.Function]*way), parts: make(map[part]*way),
	}
}

// regionsIn are the regions of a function.
type regionsIn struct {
	request bool       // it is one
	loops   []ast.Stmt // those that are, by position
	passing []ast.Stmt // those of them that a request contains, and that last no longer
}

// lasting returns the first loop that no request contains.
func (in *regionsIn) lasting() token.Pos {
	for _, l := range in.loops {
		if !slices.Contains(in.passing, l) {
			return l.Pos()
		}
	}
	return token.NoPos
}

// of returns the part of the function n that what stands at p belongs to. What
// is deferred in a loop runs after it.
func (w *reduceWalk) of(n ast.Node, p token.Pos, deferred bool) part {
	in := w.regions[n]
	if in == nil || deferred {
		return part{n, token.NoPos}
	}
	loop := token.NoPos
	for _, l := range in.loops {
		if l.Pos() <= p && p < l.End() { // an inner one comes later
			loop = l.Pos()
		}
	}
	return part{n, loop}
}

// from walks from the loops of sorted's functions that last, or else from the
// requests, and the loops in those.
func (w *reduceWalk) from(sorted []*ssa.Function, requests bool) {
	for _, fn := range sorted {
		n := w.node(fn)
		in := w.regions[n]
		if n == nil || in == nil {
			continue
		}
		for _, l := range in.loops {
			if slices.Contains(in.passing, l) == requests {
				w.add(&way{fn: fn, part: part{n, l.Pos()}})
			}
		}
		if in.request && requests {
			w.add(&way{fn: fn, part: part{n, token.NoPos}})
		}
	}
	w.run()
}

// fromLoop walks from the one loop that all begins with at a.
func (w *reduceWalk) fromLoop(a *way, all *reduceWalk) {
	w.all, w.calls = all, all.calls
	for _, root := range all.roots {
		if root.part == a.part { // one an instance, of a generic function
			w.add(&way{fn: root.fn, part: a.part})
		}
	}
	w.run()
}

// fromStarted walks from what go statements start. Who executes what it comes to
// and regions did not is a goroutine without a region.
func (w *reduceWalk) fromStarted(sorted []*ssa.Function, past ...*reduceWalk) {
	w.past = past
	for _, fn := range sorted {
		node := w.graph.Nodes[fn]
		if node == nil {
			continue
		}
		for _, e := range w.sites(node) {
			if _, started := e.Site.(*ssa.Go); started && !w.known(e.Callee.Func) {
				w.add(&way{fn: e.Callee.Func, part: w.rest(e.Callee.Func), at: e.Pos(), by: w.startedBy(fn, e.Pos())})
			}
		}
	}
	w.run()
}

// startedBy returns the way by which a region comes to the go statement at p in
// fn, nil if none does.
func (w *reduceWalk) startedBy(fn *ssa.Function, p token.Pos) *way {
	for _, past := range w.past {
		a := past.ways[fn]
		if n := w.node(fn); n != nil {
			a = past.parts[w.of(n, p, false)]
		} else if a != nil {
			a = a.up
		}
		if a != nil {
			return a
		}
	}
	return nil
}

// known reports whether this walk, or one past, has come to fn.
func (w *reduceWalk) known(fn *ssa.Function) bool {
	return w.ways[fn] != nil || slices.ContainsFunc(w.past, func(past *reduceWalk) bool { return past.ways[fn] != nil })
}

func (w *reduceWalk) add(a *way) {
	if a.region == nil {
		a.region = a
		w.roots = append(w.roots, a)
	}
	w.queue = append(w.queue, a)
	if !a.part.loop.IsValid() && w.ways[a.fn] == nil {
		w.ways[a.fn] = a
	}
	if a.part.node != nil && w.parts[a.part] == nil {
		w.parts[a.part] = a
	}
}

func (w *reduceWalk) run() {
	for len(w.queue) > 0 {
		a := w.queue[0]
		w.queue = w.queue[1:]
		if w.all == nil || a.calls < nearby || w.all.nearestIs(a, a.region.part) {
			w.expand(a, a.fn)
		}
	}
}

// nearestIs reports whether the region p is the nearest to what a has come to.
func (w *reduceWalk) nearestIs(a *way, p part) bool {
	first := w.ways[a.fn]
	return first != nil && first.region.part == p
}

// expand goes on to what fn calls in a's part: a's function, or the body of a
// range over a function in it, which the SSA form has as a function of its own.
func (w *reduceWalk) expand(a *way, fn *ssa.Function) {
	for _, literal := range fn.AnonFuncs {
		if isRangeBody(literal) && w.within(a.part, literal.Syntax().Pos(), false) {
			w.expand(a, literal)
		}
	}
	node := w.graph.Nodes[fn]
	if node == nil {
		return
	}
	for _, e := range w.sites(node) {
		if _, started := e.Site.(*ssa.Go); started || isRangeBody(e.Callee.Func) || w.known(e.Callee.Func) {
			continue
		}
		next := &way{fn: e.Callee.Func, part: w.rest(e.Callee.Func), up: a.up, at: a.at, deferred: a.deferred, calls: a.calls, region: a.region}
		if a.fn.Syntax() != nil { // a wrapper is no step
			next.calls++
		}
		if a.part.node != nil {
			_, deferred := e.Site.(*ssa.Defer)
			if !w.within(a.part, e.Pos(), deferred) {
				continue
			}
			next.up, next.at, next.deferred = a, e.Pos(), deferred
		}
		w.add(next)
	}
}

// within reports whether what stands at p, deferred or not, belongs to the part.
func (w *reduceWalk) within(p part, at token.Pos, deferred bool) bool {
	return p.node == nil || w.of(p.node, at, deferred) == p
}

// sites returns the calls of a function in the order of the functions that they
// lead to, the first call of each first. Where a call can lead to many it says
// nothing about any of them.
func (w *reduceWalk) sites(node *callgraph.Node) []*callgraph.Edge {
	if out, ok := w.calls[node]; ok {
		return out
	}
	out := w.sorted(node)
	w.calls[node] = out
	return out
}

func (w *reduceWalk) sorted(node *callgraph.Node) []*callgraph.Edge {
	targets := make(map[ssa.CallInstruction]int)
	for _, e := range node.Out {
		targets[e.Site]++
	}
	out := make([]*callgraph.Edge, 0, len(node.Out))
	for _, e := range node.Out {
		if targets[e.Site] <= manyTargets {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b *callgraph.Edge) int {
		return cmp.Or(cmp.Compare(w.rank[a.Callee.Func], w.rank[b.Callee.Func]), cmp.Compare(a.Pos(), b.Pos()))
	})
	return out
}

// node returns the declaration or literal in scope that fn is made of, nil if
// there is none.
func (w *reduceWalk) node(fn *ssa.Function) ast.Node {
	if fn.Syntax() == nil || isRangeBody(fn) || w.packageOf(fn) == nil {
		return nil
	}
	return fn.Syntax()
}

// rest returns the part of fn that is called: what it has beside its regions.
func (w *reduceWalk) rest(fn *ssa.Function) part { return part{w.node(fn), token.NoPos} }

func isRangeBody(fn *ssa.Function) bool {
	_, ok := fn.Syntax().(*ast.RangeStmt)
	return ok
}
