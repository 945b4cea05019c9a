package analyze

import (
	"cmp"
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sync"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// depth is how many calls a loop may be away from the function that a go
// statement starts, or a server calls. Two reaches through the usual wrappers
// (startGoroutine(func() { s.run() })); three brings false regions.
const depth = 2

// cause says why a loop or function is a region.
type cause struct {
	why    string
	begins Begins
	chain  []Step
	slight bool       // of a function: only if there is something in it that it could wait for
	stream bool       // of a function: it serves a stream of requests
	rule   *guardRule // of a function: what is woven around it to guard it, nil if nothing is

	perRequest bool // of a loop: its goroutine is there for one request
}

// inRequest reports whether the region is reached from a function that runs
// once per request.
func (c *cause) inRequest() bool { return c.begins == ByServer || c.begins == ByTimer }

// facts are what takes the whole program to see. Visitors read them; only
// unsure grows while they do.
type facts struct {
	regions  map[ast.Stmt]*cause  // endless loops of goroutines, in scope
	requests map[ast.Node]*cause  // functions in scope that run once per request
	targets  map[token.Pos]ruling // calls through interfaces and function values that can lead to one that blocks, by parenthesis
	leaves   map[token.Pos]ruling // calls that leave the scope and can block there, by parenthesis
	nils     map[token.Pos]bool   // operations on channels that are nil
	near     map[ast.Node]near    // of functions that a region reaches
	inScope  map[*types.Package]*load.Package
	unsure   unsure // locks that hooks cannot follow
	sayings  *sayings
	classes  *classes     // of channels, WaitGroups and Conds
	flow     *flow        // who calls whom
	confined *confinement // locks that only those release who have taken them
	kept     keeping      // acquisitions that their function releases on every way out
	walker   *walker
	sorted   []*ssa.Function
	started  map[*ast.GoStmt]*started // for one request
	guard    bool                     // guards are woven
	recovers bool                     // there is a gRPC interceptor that recovers panics
}

// search finds the facts. What does not need each other's results is found at
// the same time: the call graph, whose making no second processor can help, is
// a third of the work.
func search(ctx context.Context, prog *load.Program, scope Scope, said *sayings, stats *Stats) (*facts, error) {
	program := buildSSA(prog)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	funcs := ssautil.AllFunctions(program)
	stats.Functions = len(funcs)
	w := newWalker(prog, program, scope)
	sorted := w.sort(funcs)
	facts := &facts{inScope: w.inScope, requests: w.requests, sayings: said, walker: w, sorted: sorted}
	classes, origins := newClasses(prog), newOrigins()
	together(
		// Without an initial graph VTA makes the one of class hierarchy analysis as
		// it goes, which takes less memory than handing it in.
		func() { w.graph = vta.CallGraph(funcs, nil) },
		func() {
			classes.functions(sorted)
			origins.scan(sorted)
			facts.nils, facts.unsure = w.nils(sorted), converted(sorted, prog.Fset)
			facts.kept = keep(program, sorted, w.inScope)
		},
	)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	origins.graph = w.graph
	together(
		func() {
			facts.regions = w.find(sorted, stats)
			facts.started, facts.recovers = w.startedPerRequest(facts.regions), recovers(sorted)
			facts.near = w.nearest(sorted, facts.regions)
		},
		func() {
			classes.follow(sorted, w.graph)
			facts.classes = classes
		},
		func() { facts.flow = newFlow(prog, program, sorted, w.graph, origins) },
		func() { facts.confined = confine(sorted, w.graph) },
		func() { facts.targets, facts.leaves = w.targets(sorted, said), w.leaving(sorted, said) },
	)
	return facts, nil
}

// together runs the functions at the same time and returns when all have
// returned.
func together(functions ...func()) {
	var running sync.WaitGroup
	for _, f := range functions {
		running.Go(f)
	}
	running.Wait()
}

func buildSSA(prog *load.Program) *ssa.Program {
	program := ssa.NewProgram(prog.Fset, ssa.InstantiateGenerics)
	for _, p := range prog.Packages {
		program.CreatePackage(p.Types, p.Syntax, p.Info, true)
	}
	program.Build()
	return program
}

// walker follows the call graph from what go statements start and servers
// call.
type walker struct {
	prog     *load.Program
	program  *ssa.Program
	graph    *callgraph.Graph
	inScope  map[*types.Package]*load.Package
	standard map[*types.Package]bool // packages of the standard library
	rank     map[*ssa.Function]int32 // where sort has put them; those at one place with one name have the same
	reached  map[*ssa.Function]*reach
	order    []*reach // in the order in which they were reached
	requests map[ast.Node]*cause
}

func newWalker(prog *load.Program, program *ssa.Program, scope Scope) *walker {
	w := &walker{
		prog: prog, program: program,
		inScope: make(map[*types.Package]*load.Package), standard: make(map[*types.Package]bool),
		rank: make(map[*ssa.Function]int32), reached: make(map[*ssa.Function]*reach), requests: make(map[ast.Node]*cause),
	}
	for _, p := range prog.Packages {
		w.standard[p.Types] = p.Standard
		if scope.selects(p) {
			w.inScope[p.Types] = p
		}
	}
	return w
}

// find finds the regions, and what runs once per request.
func (w *walker) find(sorted []*ssa.Function, stats *Stats) map[ast.Stmt]*cause {
	w.start(sorted, stats)
	w.handlers(sorted)
	w.generated(sorted)
	out := w.outside(sorted)
	w.spawned(out)
	w.follow()
	w.callbacks(out)
	w.follow()
	return w.regions()
}

// reach says how a function is reached from a go statement, by the shortest
// way.
type reach struct {
	fn    *ssa.Function
	depth int
	from  *reach          // nil if it is where the way begins
	by    ssa.Instruction // the go statement or timer, or the call in from; nil for main and handlers
}

// begins says how the way to r begins.
func (r *reach) begins() Begins {
	root := r.root()
	switch root.by.(type) {
	case nil:
		if isMain(root.fn) {
			return ByMain
		}
		return ByServer
	case *ssa.Go:
		return ByGo
	}
	return ByTimer
}

// root returns where the way to r begins.
func (r *reach) root() *reach {
	for r.from != nil {
		r = r.from
	}
	return r
}

// start puts the functions that go statements in scope start, and main, which
// the runtime starts, at the beginning.
func (w *walker) start(funcs []*ssa.Function, stats *Stats) {
	statements := make(map[token.Pos]bool)
	for _, fn := range funcs {
		if w.packageOf(fn) == nil {
			continue
		}
		if isMain(fn) {
			w.add(&reach{fn: fn})
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				g, ok := i.(*ssa.Go)
				if !ok {
					continue
				}
				statements[g.Pos()] = true
				for _, callee := range w.callees(fn, g) {
					w.add(&reach{fn: callee, by: g})
				}
			}
		}
	}
	stats.GoStatements = len(statements)
	for _, r := range w.order {
		if r.by != nil {
			stats.Goroutines++
		}
	}
}

func isMain(fn *ssa.Function) bool {
	return fn.Name() == "main" && fn.Pkg != nil && fn.Pkg.Pkg.Name() == "main" && fn.Parent() == nil && fn.Signature.Recv() == nil
}

func (w *walker) add(r *reach) {
	if w.reached[r.fn] == nil {
		w.reached[r.fn] = r
		w.order = append(w.order, r)
	}
}

// follow follows calls breadth first, so that chains are the shortest.
// Wrappers that the SSA form adds (bound methods, thunks) are not a step, and
// go first in each round.
func (w *walker) follow() {
	for level := 0; level <= depth; level++ {
		for i := 0; i < len(w.order); i++ {
			if r := w.order[i]; r.depth == level && r.fn.Syntax() == nil {
				w.expand(r, level)
			}
		}
		for _, r := range w.order {
			if level < depth && r.depth == level && r.fn.Syntax() != nil {
				w.expand(r, level+1)
			}
		}
	}
}

// expand adds what r calls.
func (w *walker) expand(r *reach, level int) {
	node := w.graph.Nodes[r.fn]
	if node == nil {
		return
	}
	for _, e := range w.edges(node) {
		if _, started := e.Site.(*ssa.Go); !started {
			w.add(&reach{fn: e.Callee.Func, depth: level, from: r, by: e.Site})
		}
	}
}

// edges returns a node's outgoing edges in an order that depends on nothing
// but the program.
func (w *walker) edges(n *callgraph.Node) []*callgraph.Edge {
	if len(n.Out) < 2 {
		return n.Out
	}
	out := slices.Clone(n.Out)
	slices.SortStableFunc(out, func(a, b *callgraph.Edge) int {
		if c := w.compare(a.Callee.Func, b.Callee.Func); c != 0 {
			return c
		}
		return w.comparePos(a.Pos(), b.Pos())
	})
	return out
}

func (w *walker) callees(fn *ssa.Function, site ssa.CallInstruction) []*ssa.Function {
	var out []*ssa.Function
	if node := w.graph.Nodes[fn]; node != nil {
		for _, e := range w.edges(node) {
			if e.Site == site {
				out = append(out, e.Callee.Func)
			}
		}
	}
	return out
}

// sort returns funcs in the order of compare, which it need not ask for the
// same positions again and again.
func (w *walker) sort(funcs map[*ssa.Function]bool) []*ssa.Function {
	type placed struct {
		fn   *ssa.Function
		at   token.Position
		name string // once it was asked for
	}
	list := make([]*placed, 0, len(funcs))
	for fn := range funcs {
		list = append(list, &placed{fn: fn, at: w.prog.Fset.PositionFor(fn.Pos(), false)})
	}
	name := func(p *placed) string {
		if p.name == "" {
			p.name = p.fn.String()
		}
		return p.name
	}
	order := func(a, b *placed) int {
		if c := cmp.Or(cmp.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Offset, b.at.Offset)); c != 0 {
			return c
		}
		return cmp.Compare(name(a), name(b))
	}
	slices.SortFunc(list, order)
	out := make([]*ssa.Function, len(list))
	for i, p := range list {
		out[i] = p.fn
		w.rank[p.fn] = int32(i)
		if i > 0 && order(list[i-1], p) == 0 {
			w.rank[p.fn] = w.rank[list[i-1].fn]
		}
	}
	return out
}

// compare orders functions by place. Those at the same one (instances of a
// generic function, wrappers) are ordered by name.
func (w *walker) compare(a, b *ssa.Function) int {
	if a == b {
		return 0
	}
	i, known := w.rank[a]
	if j, also := w.rank[b]; known && also {
		return cmp.Compare(i, j)
	}
	if c := w.comparePos(a.Pos(), b.Pos()); c != 0 {
		return c
	}
	return cmp.Compare(a.String(), b.String())
}

// comparePos orders positions by file name: files are parsed concurrently, so
// that the order of token.Pos differs from run to run.
func (w *walker) comparePos(a, b token.Pos) int {
	if a == b {
		return 0
	}
	p, q := w.prog.Fset.PositionFor(a, false), w.prog.Fset.PositionFor(b, false)
	return cmp.Or(cmp.Compare(p.Filename, q.Filename), cmp.Compare(p.Offset, q.Offset))
}

// packageOf returns the package in scope that fn is written in, nil if there is
// none.
func (w *walker) packageOf(fn *ssa.Function) *load.Package {
	if p := writtenIn(fn); p != nil {
		return w.inScope[p]
	}
	return nil
}

// writtenIn returns the package that fn is written in, nil for functions that
// the SSA form adds and no package has.
func writtenIn(fn *ssa.Function) *types.Package {
	if o := fn.Origin(); o != nil {
		fn = o
	}
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	if o := fn.Origin(); o != nil {
		fn = o
	}
	if fn.Pkg == nil {
		return nil
	}
	return fn.Pkg.Pkg
}

// regions returns the endless loops of the functions reached.
func (w *walker) regions() map[ast.Stmt]*cause {
	found := make(map[ast.Stmt]*cause)
	for _, r := range w.order {
		p := w.packageOf(r.fn)
		if p == nil || r.fn.Syntax() == nil {
			continue
		}
		for loop, why := range loopsOf(p.Info, r.fn.Syntax()) {
			if found[loop] == nil {
				found[loop] = &cause{why: why, begins: r.begins(), chain: w.chain(r, loop.Pos())}
			}
		}
	}
	return found
}

// chain returns the way from the go statement to r, and to the place in it.
func (w *walker) chain(r *reach, at token.Pos) []Step {
	var chain []Step
	for ; r != nil; r = r.from {
		if r.fn.Syntax() != nil {
			chain = append(chain, Step{r.fn.String(), w.place(at)})
		}
		if r.by == nil {
			break
		}
		if p := r.by.Pos(); p.IsValid() {
			at = p
		}
		if r.from == nil {
			chain = append(chain, Step{r.by.Parent().String(), w.place(at)})
		}
	}
	slices.Reverse(chain)
	return chain
}

func (w *walker) place(p token.Pos) string { return placeOf(w.prog.Fset, p) }
