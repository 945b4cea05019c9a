package analyze

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// edge adds that the function with this number leads to another one.
func (f *flow) edge(from int32, to *ssa.Function, at ssa.Instruction) {
	if !f.knows(to) {
		return
	}
	n := f.number[to]
	call, ok := at.(ssa.CallInstruction)
	if _, started := at.(*ssa.Go); started {
		f.alone(to)
	}
	switch {
	case !ok:
		f.lead(from, edge{n, nil, false})
	case f.lending.of[call.Common().Value] != nil: // of what it is lent, which its callers lead to
		f.next[from] = append(f.next[from], edge{n, at, true})
	case !f.lending.has[to]:
		f.lead(from, edge{n, at, false})
	case f.lending.borrows[to]:
		f.literal(from, to, call)
	default:
		f.lends(from, to, call)
	}
}

func (f *flow) knows(fn *ssa.Function) bool {
	_, ok := f.number[fn]
	return ok
}

// lead adds an edge from both numbers of a function.
func (f *flow) lead(from int32, e edge) {
	f.next[from] = append(f.next[from], e)
	if c := f.called[from]; c != from {
		f.next[c] = append(f.next[c], e)
	}
}

// literal adds a call of a literal that uses what a function around it is lent.
// Where that function calls it, it is a part of it.
func (f *flow) literal(from int32, to *ssa.Function, call ssa.CallInstruction) {
	n := f.number[to]
	m, ok := call.Common().Value.(*ssa.MakeClosure)
	if !ok || m.Parent() != f.funcs[from] || len(f.lending.lent(to)) > 0 {
		f.lead(from, edge{n, call, false})
		f.alone(to)
		return
	}
	f.next[from] = append(f.next[from], edge{n, call, true})
	if c := f.called[from]; c != from {
		f.next[c] = append(f.next[c], edge{f.called[n], call, false})
	}
}

// lends adds a call of a function that is lent some of its arguments: the
// caller leads to them.
func (f *flow) lends(from int32, to *ssa.Function, call ssa.CallInstruction) {
	n, args := f.number[to], call.Common().Args
	places := f.lending.lent(to)
	receiver := 0
	if call.Common().IsInvoke() {
		receiver = 1
	}
	if len(args)+receiver != len(to.Params) || receiver == 1 && slices.Contains(places, 0) {
		f.lead(from, edge{n, call, true})
		return
	}
	f.lead(from, edge{f.called[n], call, false})
	for _, i := range places {
		f.given(from, args[i-receiver], call)
	}
}

// given adds that a function gives another one v, and so leads to what that is.
// What it is lent itself its own callers lead to.
func (f *flow) given(from int32, v ssa.Value, call ssa.CallInstruction) {
	c := f.called[from]
	if f.lending.of[v] != nil {
		for _, g := range f.origins.functions(v) {
			if f.knows(g) {
				f.next[from] = append(f.next[from], edge{f.number[g], call, true})
			}
		}
		return
	}
	if m, ok := v.(*ssa.MakeClosure); ok && c != from {
		if g := m.Fn.(*ssa.Function); f.lending.borrows[g] && len(f.lending.lent(g)) == 0 {
			f.next[from] = append(f.next[from], edge{f.number[g], call, true})
			f.next[c] = append(f.next[c], edge{f.called[f.number[g]], call, true})
			return
		}
	}
	for _, g := range f.origins.functions(v) {
		if f.knows(g) {
			f.lead(from, edge{f.number[g], call, true})
		}
	}
}

// alone notes that on a stack there may be nobody below fn who has called it.
func (f *flow) alone(fn *ssa.Function) {
	if n, ok := f.number[fn]; ok {
		f.bottom[n] = true
	}
}

// sink notes the same of what wrappers call of which that is true: there is
// nothing to be said of wrappers on a stack.
func (f *flow) sink() {
	var todo []int32
	for n := range f.bottom {
		todo = append(todo, n)
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if f.funcs[n].Syntax() != nil {
			continue
		}
		for _, e := range f.next[n] {
			to := e.to
			if b, ok := f.bare[to]; ok {
				to = b
			}
			if !f.bottom[to] {
				f.bottom[to] = true
				todo = append(todo, to)
			}
		}
	}
}

// standing returns the number of a function as one that stands on a stack.
func (f *flow) standing(n int32) int32 {
	if f.bottom[n] {
		return n
	}
	return f.called[n]
}
