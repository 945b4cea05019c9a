package analyze

import (
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// manyTargets is up to how many functions a dynamic call may lead to for one
// of them to make it an operation. What leads to more, an io.Reader's Read that
// could be anything's, says nothing, unless all of them block.
const manyTargets = 4

// target is what a dynamic call can lead to.
type target struct {
	all    map[*ssa.Function]bool
	blocks map[string]ruling // by name
}

// targets returns the calls in scope, through interfaces and function values,
// that can lead to functions which the rules say can block.
func (w *walker) targets(funcs []*ssa.Function, said *sayings) map[token.Pos]ruling {
	found := make(map[token.Pos]*target)
	for _, fn := range funcs {
		node := w.graph.Nodes[fn]
		if node == nil || w.packageOf(fn) == nil {
			continue
		}
		for _, e := range node.Out {
			call, ok := e.Site.(*ssa.Call)
			if !ok || call.Call.StaticCallee() != nil || !call.Pos().IsValid() {
				continue
			}
			t := found[call.Pos()]
			if t == nil {
				t = &target{make(map[*ssa.Function]bool), make(map[string]ruling)}
				found[call.Pos()] = t
			}
			t.add(e.Callee.Func, said)
		}
	}
	out := make(map[token.Pos]ruling)
	for p, t := range found {
		if len(t.blocks) > 0 && (len(t.all) <= manyTargets || len(t.blocks) == len(t.all)) {
			out[p] = t.ruling()
		}
	}
	return out
}

func (t *target) add(fn *ssa.Function, said *sayings) {
	t.all[fn] = true
	f, ok := fn.Object().(*types.Func)
	if !ok {
		return
	}
	if r, ok := said.blocks(f); ok && !r.buffered {
		t.blocks[ruleName(f)] = r
	}
}

// ruling returns what the rules say of the targets together: a wait is only
// one for work if it is so for all of them.
func (t *target) ruling() ruling {
	names := slices.Sorted(maps.Keys(t.blocks))
	r := ruling{wait: always, why: "it can lead to " + strings.Join(names, ", "), rules: names}
	for _, name := range names {
		r.wait = min(r.wait, t.blocks[name].wait)
	}
	return r
}

// nils returns the operations in scope on channels that are nil wherever the
// value comes from: no assignment reaches them.
func (w *walker) nils(funcs []*ssa.Function) map[token.Pos]bool {
	out := make(map[token.Pos]bool)
	for _, fn := range funcs {
		if w.packageOf(fn) == nil {
			continue
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				switch i := i.(type) {
				case *ssa.UnOp:
					if i.Op == token.ARROW && isNil(i.X) {
						out[i.Pos()] = true
					}
				case *ssa.Send:
					if isNil(i.Chan) {
						out[i.Pos()] = true
					}
				case *ssa.Select:
					out[i.Pos()] = i.Blocking && !slices.ContainsFunc(i.States, func(s *ssa.SelectState) bool { return !isNil(s.Chan) })
				}
			}
		}
	}
	return out
}

func isNil(v ssa.Value) bool {
	if c, ok := v.(*ssa.ChangeType); ok {
		return isNil(c.X)
	}
	c, ok := v.(*ssa.Const)
	return ok && c.IsNil()
}
