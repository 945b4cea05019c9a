package analyze

import (
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// farthest is how many calls beyond the one that leaves the scope the operation
// that can block may be. Three reaches through the stubs that gRPC generates
// and through a database's Set to its pipeline. It makes 680 operations more of
// etcd's modules (500 in generated code of its gateway), 34 of pebble's, 14 of
// badger's, 9 of NATS', 3 of raft's. Four would add little but what prints:
// nearly everything is near to a log's writer somehow.
const farthest = 3

// away says why a function that is not in scope can block.
type away struct {
	calls int    // how many it makes until it gets there
	what  string // what blocks there
	wait  wait
}

// leaver finds the calls that leave the scope and can block there. What the
// standard library does is the table's to say, not its.
type leaver struct {
	*walker
	said     *sayings
	packages map[*types.Package]*load.Package
	away     map[*ssa.Function]away
}

// leaving returns the calls in scope, by parenthesis, that lead to functions
// outside of it in which an operation that can block is near.
func (w *walker) leaving(funcs []*ssa.Function, said *sayings) map[token.Pos]ruling {
	l := &leaver{walker: w, said: said, packages: make(map[*types.Package]*load.Package), away: make(map[*ssa.Function]away)}
	for _, p := range w.prog.Packages {
		l.packages[p.Types] = p
	}
	l.spread(funcs)
	found := make(map[token.Pos]*target)
	for _, fn := range funcs {
		node := w.graph.Nodes[fn]
		if node == nil || w.packageOf(fn) == nil || isGeneric(fn) {
			continue
		}
		for _, e := range node.Out {
			l.call(found, e)
		}
	}
	out := make(map[token.Pos]ruling)
	for p, t := range found {
		if len(t.blocks) > 0 && (len(t.all) <= manyTargets || len(t.blocks) == len(t.all)) {
			out[p] = t.leaving()
		}
	}
	return out
}

// call adds the edge e if it is of a call.
func (l *leaver) call(found map[token.Pos]*target, e *callgraph.Edge) {
	call, ok := e.Site.(*ssa.Call)
	if !ok || !call.Pos().IsValid() {
		return
	}
	fn := e.Callee.Func
	if fn.Syntax() != nil && l.packageOf(fn) != nil {
		return // it is woven itself
	}
	t := found[call.Pos()]
	if t == nil {
		t = &target{make(map[*ssa.Function]bool), make(map[string]ruling)}
		found[call.Pos()] = t
	}
	t.all[fn] = true
	if a, ok := l.away[fn]; ok {
		t.blocks[fn.String()] = ruling{wait: a.wait, why: a.what}
	}
}

// leaving returns what is said of a call that leaves the scope.
func (t *target) leaving() ruling {
	names := slices.Sorted(maps.Keys(t.blocks))
	r := t.ruling()
	r.leaves = true
	r.why = fmt.Sprintf("it leaves the scope for %s, where %s can block", strings.Join(names, ", "), t.blocks[names[0]].why)
	return r
}

// outside reports whether fn is neither in scope nor the standard library's.
func (l *leaver) outside(fn *ssa.Function) bool {
	var pkg *types.Package
	if p := packageOf(fn); p != nil {
		pkg = p.Pkg
	} else if o := fn.Object(); o != nil {
		pkg = o.Pkg()
	}
	p := l.packages[pkg]
	return p != nil && eligible(p) && l.inScope[pkg] == nil
}

// spread finds the functions outside of the scope that can block, the nearest
// ones first.
func (l *leaver) spread(funcs []*ssa.Function) {
	var level []*ssa.Function
	for _, fn := range funcs {
		if isGeneric(fn) || !l.outside(fn) {
			continue
		}
		if a, ok := l.blocksIn(fn); ok {
			l.away[fn] = a
			level = append(level, fn)
		}
	}
	for n := 0; n <= farthest && len(level) > 0; n++ {
		var next []*ssa.Function
		for i := 0; i < len(level); i++ {
			fn := level[i]
			node := l.graph.Nodes[fn]
			if node == nil {
				continue
			}
			for _, caller := range l.callers(node) {
				if _, known := l.away[caller]; known || !l.outside(caller) {
					continue
				}
				a := l.away[fn]
				if caller.Syntax() == nil { // a wrapper is no step
					l.away[caller] = a
					level = append(level, caller)
				} else if n < farthest {
					a.calls++
					l.away[caller] = a
					next = append(next, caller)
				}
			}
		}
		level = next
	}
}

// callers returns the functions that call the one of node and go on only when
// it returns.
func (l *leaver) callers(node *callgraph.Node) []*ssa.Function {
	var out []*ssa.Function
	for _, e := range node.In {
		call, ok := e.Site.(*ssa.Call)
		if !ok || call.Call.StaticCallee() == nil && l.targetsOf(e) > manyTargets {
			continue
		}
		out = append(out, e.Caller.Func)
	}
	slices.SortFunc(out, l.compare)
	return slices.Compact(out)
}

// targetsOf returns how many functions the call of the edge e can lead to.
func (l *leaver) targetsOf(e *callgraph.Edge) int {
	n := 0
	for _, o := range e.Caller.Out {
		if o.Site == e.Site {
			n++
		}
	}
	return n
}

// blocksIn returns the operation in fn itself that can block. Locks are left
// out, for nearly everything has some, and so are pauses, which end by
// themselves.
func (l *leaver) blocksIn(fn *ssa.Function) (away, bool) {
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			if what, w := l.blocking(i); what != "" {
				at := l.prog.Fset.Position(i.Pos())
				return away{what: fmt.Sprintf("%s at %s:%d", what, filepath.Base(at.Filename), at.Line), wait: w}, true
			}
		}
	}
	return away{}, false
}

// blocking says what the instruction is that can block, "" if it does not.
func (l *leaver) blocking(i ssa.Instruction) (string, wait) {
	switch i := i.(type) {
	case *ssa.Send:
		return "a send", doing
	case *ssa.UnOp:
		if i.Op == token.ARROW && !isTime(i.X.Type()) {
			return "a receive", doing
		}
	case *ssa.Select:
		if i.Blocking && !slices.ContainsFunc(i.States, func(s *ssa.SelectState) bool { return isTime(s.Chan.Type()) }) {
			return "a select", doing
		}
	case *ssa.Call:
		f := i.Call.Method
		if callee := i.Call.StaticCallee(); callee != nil {
			f, _ = callee.Object().(*types.Func)
		}
		if f == nil {
			return "", doing
		}
		if r, ok := l.said.blocks(f); ok && !r.buffered && r.wait != always {
			return ruleName(f), r.wait
		}
	}
	return "", doing
}

// isTime reports whether t is a channel of times, which a timer ends waits by.
func isTime(t types.Type) bool {
	c, ok := t.Underlying().(*types.Chan)
	return ok && typeName(c.Elem()) == "time.Time"
}
