package analyze

import (
	"cmp"
	"go/ast"
	"go/token"
	"slices"
)

// reducer makes reductions: it follows the walk back from the operations that a
// mimic does to the regions.
type reducer struct {
	model    *Model
	facts    *facts
	visitors map[ast.Node]*visitor // by the functions in their files
	names    map[ast.Node]*function
	loops    *reduceWalk   // from all loops that last
	requests *reduceWalk   // from all requests
	walks    []*reduceWalk // from each loop, and requests
	started  *reduceWalk   // from go statements
	regions  map[part]*op
	packages map[string]int // where a package is in the model, by path
	kept     map[led]*kept
	dropped  map[part][]Dropped // by region
}

// led is a part as one of the walks has come to it.
type led struct {
	part part
	walk int
}

// kept is a part that an operation is left of, or of something that it calls on
// the ways of one walk.
type kept struct {
	led
	v     *visitor
	fn    *function
	far   bool   // what calls it is in another package
	ident string // of the reduced function
	name  string // by which other packages know it
	root  *op    // the region that it is; nil if it is none
	steps []keptStep
	own   []*op // checks of the author's, behind the steps
}

// keptStep is an operation or a call.
type keptStep struct {
	at       token.Pos
	deferred bool
	op       *op
	call     *kept
}

// reduce adds the reductions of the regions to the model, and the reduced
// functions to its packages. The files of visits have their ordinals.
func (m *Model) reduce(visits []*visit, facts *facts) error {
	r := &reducer{
		model: m, facts: facts,
		visitors: make(map[ast.Node]*visitor), names: make(map[ast.Node]*function),
		regions: make(map[part]*op), packages: make(map[string]int),
		kept: make(map[led]*kept), dropped: make(map[part][]Dropped),
	}
	for i, p := range m.Packages {
		r.packages[p.Path] = i
	}
	in := make(map[ast.Node]*regionsIn)
	for _, v := range visitorsOf(visits) {
		for _, fn := range v.named {
			r.visitors[fn.node], r.names[fn.node] = v, fn
		}
		r.regionsOf(v, in)
	}
	r.from(in)
	for _, v := range visitorsOf(visits) {
		for _, o := range v.ops {
			if o.site != nil && !o.site.Kind.IsRegion() && o.check == nil {
				r.operation(o)
			}
		}
		for _, s := range v.skips {
			r.skip(s)
		}
	}
	for _, found := range visits {
		if err := r.own(found); err != nil {
			return err
		}
	}
	r.finish(visits)
	return nil
}

func visitorsOf(visits []*visit) (all []*visitor) {
	for _, found := range visits {
		all = append(all, found.files...)
	}
	return all
}

// regionsOf notes the regions of the file that are woven, by function.
func (r *reducer) regionsOf(v *visitor, all map[ast.Node]*regionsIn) {
	for _, o := range v.ops {
		p, ok := o.region()
		if !ok || o.check != nil {
			continue
		}
		r.regions[p] = o
		in := all[p.node]
		if in == nil {
			in = new(regionsIn)
			all[p.node] = in
		}
		if !p.loop.IsValid() {
			in.request = true
			continue
		}
		for l := range loopsOf(v.info, p.node) {
			if l.Pos() != p.loop {
				continue
			}
			in.loops = append(in.loops, l)
			if o.cause.inRequest() {
				in.passing = append(in.passing, l)
			}
		}
		slices.SortFunc(in.loops, func(a, b ast.Stmt) int { return cmp.Compare(a.Pos(), b.Pos()) })
	}
}

// from makes the walks. Each operation is to stand in the reduction of the nearest
// loop, in those of loops that are not far, and in that of the nearest request: any
// of them may be one that hardly ever executes it, a method that nobody calls, a
// clean-up once an hour.
func (r *reducer) from(in map[ast.Node]*regionsIn) {
	r.loops, r.requests = newReduceWalk(r.facts, in), newReduceWalk(r.facts, in)
	together(
		func() { r.loops.from(r.facts.sorted, false) },
		func() { r.requests.from(r.facts.sorted, true) },
	)
	for i, a := range r.loops.roots {
		if slices.IndexFunc(r.loops.roots, func(b *way) bool { return b.part == a.part }) < i {
			continue // another instance of a generic function
		}
		w := newReduceWalk(r.facts, in)
		w.fromLoop(a, r.loops)
		r.walks = append(r.walks, w)
	}
	r.walks = append(r.walks, r.requests)
	r.started = newReduceWalk(r.facts, in)
	r.started.fromStarted(r.facts.sorted, r.loops, r.requests)
}

// operation keeps the operation o, or notes why it is dropped.
func (r *reducer) operation(o *op) {
	deferred := o.rewrite.Form == Deferred
	p := r.loops.of(o.fn.node, o.pos, deferred)
	why := o.noMimic
	switch {
	case o.deed == "":
	case !r.reached(p):
		why = r.unreached(p)
	default:
		for i, w := range r.walks {
			if r.has(w, p) {
				k := r.keep(led{p, i})
				k.steps = append(k.steps, keptStep{at: o.pos, deferred: deferred, op: o})
			}
		}
		return
	}
	r.drop(p, Dropped{
		Package: o.site.Package, Func: o.site.Func, Place: o.site.Place(), Kind: o.site.Kind, What: o.site.Object, Do: o.deed, Why: why,
	})
}

// has reports whether the part p is in the reductions that the walk w makes. A
// request that is far has what no loop has: a page of statistics of NATS' server
// comes, in 17 calls, to nearly all that its streams do.
func (r *reducer) has(w *reduceWalk, p part) bool {
	a := w.parts[p]
	return a != nil && (w != r.requests || a.calls <= nearby || r.loops.parts[p] == nil)
}

// skip notes an operation of a region that is not woven.
func (r *reducer) skip(s skipAt) {
	if p := r.loops.of(s.fn.node, s.pos, false); r.reached(p) {
		r.drop(p, Dropped{Package: s.Package, Func: s.Func, Place: s.Place, What: s.What, Why: "it is not woven: " + s.Why})
	}
}

// reached reports whether a region executes the part p.
func (r *reducer) reached(p part) bool {
	return r.loops.parts[p] != nil || r.requests.parts[p] != nil
}

// unreached says why no region is known to execute the part p.
func (r *reducer) unreached(p part) string {
	if in := r.loops.regions[p.node]; in != nil && len(in.loops) > 0 && !in.request {
		return "it stands beside the loop at " + r.place(in.loops[0].Pos()) + ", which is the region"
	}
	if a := r.started.parts[p]; a != nil {
		return "a goroutine of its own executes it, which is started at " + r.place(a.region.at)
	}
	return "no region is known to execute it"
}

func (r *reducer) place(p token.Pos) string { return placeOf(r.facts.walker.prog.Fset, p) }

// drop notes d in the region that executes the part p, or has the go statement
// that leads to it, or in none.
func (r *reducer) drop(p part, d Dropped) {
	if s := r.started.parts[p]; s != nil && !r.reached(p) && s.region.by != nil {
		p = s.region.by.part
	}
	for _, w := range []*reduceWalk{r.loops, r.requests} {
		if root, ok := w.rootOf(p); ok {
			r.dropped[root] = append(r.dropped[root], d)
			return
		}
	}
	r.model.Unreduced = append(r.model.Unreduced, d)
}

// rootOf returns the region that the part p belongs to. ok is false if there is
// none.
func (w *reduceWalk) rootOf(p part) (root part, ok bool) {
	a := w.parts[p]
	if a == nil {
		return part{}, false
	}
	for a.up != nil {
		a = w.parts[a.up.part] // by the first way to it
	}
	return a.part, true
}

// keep keeps a part, and all that leads to it on its walk. Functions of packages
// in which nothing is woven get no file to be in: they are passed over.
func (r *reducer) keep(l led) *kept {
	if k := r.kept[l]; k != nil {
		return k
	}
	k := &kept{led: l, v: r.visitors[l.part.node], fn: r.names[l.part.node]}
	r.kept[l] = k
	w := r.walks[l.walk]
	a := w.parts[l.part]
	if a.up == nil {
		k.root = r.regions[l.part]
	}
	for a.up != nil {
		up := w.parts[a.up.part] // by the first way to it
		v := r.visitors[up.part.node]
		if _, woven := r.packages[v.pkg.Path]; !woven {
			a = up
			continue
		}
		by := r.keep(led{up.part, l.walk})
		by.steps = append(by.steps, keptStep{at: a.at, deferred: a.deferred, call: k})
		k.far = v.pkg != k.v.pkg
		break
	}
	return k
}

// sort puts the steps into the order of the program.
func (k *kept) sort() {
	slices.SortStableFunc(k.steps, func(a, b keptStep) int {
		switch {
		case a.deferred != b.deferred:
			if a.deferred {
				return 1
			}
			return -1
		case a.deferred:
			return cmp.Compare(b.at, a.at)
		}
		return cmp.Compare(a.at, b.at)
	})
	for _, o := range k.own {
		k.steps = append(k.steps, keptStep{op: o})
	}
}

// place is where the part begins.
func (k *kept) place() string {
	at := k.part.loop
	if !at.IsValid() {
		at = k.fn.node.Pos()
	}
	return placeOf(k.v.prog.Fset, at)
}
