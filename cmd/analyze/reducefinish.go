package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lifesign-go/lifesign/event"
)

// finish puts what was kept and dropped into the model.
func (r *reducer) finish(visits []*visit) {
	byPackage := make(map[*visit][]*kept)
	of := make(map[*visitor]*visit)
	rank := make(map[*visitor]int)
	for _, found := range visits {
		for _, v := range found.files {
			of[v], rank[v] = found, len(rank)
		}
	}
	roots := make(map[*op]*kept)
	for _, k := range r.merged() {
		byPackage[of[k.v]] = append(byPackage[of[k.v]], k)
		if k.root != nil {
			roots[k.root] = k
		}
	}
	for _, found := range visits {
		list := byPackage[found]
		slices.SortFunc(list, func(a, b *kept) int {
			return cmp.Or(cmp.Compare(rank[a.v], rank[b.v]), cmp.Compare(a.fn.node.Pos(), b.fn.node.Pos()), cmp.Compare(a.part.loop, b.part.loop), cmp.Compare(a.walk, b.walk))
		})
		name(list, found.names.taken)
	}
	for _, found := range visits {
		if list := byPackage[found]; len(list) > 0 {
			r.addReduced(found.pkg.Path, list).Words = found.names.words()
		}
	}
	for _, v := range visitorsOf(visits) {
		for _, o := range v.ops {
			r.reduction(o, roots[o])
		}
	}
}

// merged returns what is kept, in no order. What is the same by both walks is
// there once.
func (r *reducer) merged() []*kept {
	same := make(map[string]*kept)
	done := make(map[*kept]*kept)
	var merge func(k *kept) *kept
	merge = func(k *kept) *kept {
		if m := done[k]; m != nil {
			return m
		}
		k.sort()
		id := fmt.Sprintf("%p %d", k.fn, k.part.loop)
		for i, s := range k.steps {
			if s.call != nil {
				k.steps[i].call = merge(s.call)
			}
			id += fmt.Sprintf(" %p %p", k.steps[i].op, k.steps[i].call)
		}
		m := same[id]
		if m == nil {
			m, same[id] = k, k
		}
		m.far, m.walk = m.far || k.far, min(m.walk, k.walk)
		if k.root != nil {
			m.root = k.root
		}
		done[k] = m
		return m
	}
	for _, k := range r.kept {
		merge(k)
	}
	return slices.Collect(maps.Values(same))
}

// name gives the reduced functions of a package names that nothing in it has.
func name(list []*kept, taken map[string]bool) {
	full := make(map[string]bool)
	for _, k := range list {
		k.ident = another(taken, "ls"+exported(k.fn.name), "")
		k.name = another(full, k.v.pkg.Path+"."+k.fn.name, "#") // there are several functions init
	}
}

// another returns name, or name with sep and the first number from 2 that makes
// it another than those taken, and takes it.
func another(taken map[string]bool, name, sep string) string {
	n := name
	for i := 2; taken[n]; i++ {
		n = name + sep + strconv.Itoa(i)
	}
	taken[n] = true
	return n
}

// exported returns the name of a function as one word: (*WAL).sync is WALSync,
// (*raftNode).start.func1 is RaftNodeStartFunc1.
func exported(name string) string {
	var out strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		first, size := utf8.DecodeRuneInString(word)
		out.WriteRune(unicode.ToUpper(first))
		out.WriteString(word[size:])
	}
	return out.String()
}

// addReduced adds the reduced functions of a package, and its checkers. It returns
// the package.
func (r *reducer) addReduced(path string, list []*kept) *Package {
	p := &r.model.Packages[r.packages[path]]
	for _, k := range list {
		out := Reduced{Ident: k.ident, Func: k.fn.name, Name: k.name, Place: k.place(), Far: k.far, Alone: k.part.node == nil}
		for _, s := range k.steps {
			switch {
			case s.op != nil:
				out.Steps = append(out.Steps, s.op.step())
			case s.call.v.pkg != k.v.pkg:
				out.Steps = append(out.Steps, ReducedStep{Far: s.call.name})
			default:
				out.Steps = append(out.Steps, ReducedStep{Call: s.call.ident})
			}
		}
		p.Reduced = append(p.Reduced, out)
		if k.root != nil {
			p.Checkers = append(p.Checkers, Checker{Site: k.root.rewrite.Site, Func: k.fn.name, Ident: k.ident})
		}
	}
	return p
}

// step is the step of a reduced function that o is.
func (o *op) step() ReducedStep {
	s := ReducedStep{Do: o.deed, Site: o.rewrite.Site, What: o.site.Object, Place: o.site.Place()}
	if o.check != nil {
		s.Own, s.Plain = o.fn.name, o.check.plain
	}
	return s
}

// reduction adds the reduction of the region that o is, if it is one. k is what
// is left of it, nil if nothing is.
func (r *reducer) reduction(o *op, k *kept) {
	p, ok := o.region()
	if !ok {
		return
	}
	out := Reduction{Region: *o.site, Dropped: r.dropped[p]}
	if k != nil {
		out.Checker, out.Left = k.ident, k.left()
	}
	if out.Left != nil || len(out.Dropped) > 0 {
		r.model.Reductions = append(r.model.Reductions, out)
	}
}

// region returns the part that o is the mark of, if it is one of a region.
func (o *op) region() (p part, ok bool) {
	if o.site == nil {
		return part{}, false
	}
	switch {
	case o.check != nil:
		return part{loop: o.pos}, true // of the checks that it is the first of
	case o.site.Kind == event.Region:
		return part{node: o.fn.node, loop: o.pos}, true
	case o.site.Kind == event.Request:
		return part{node: o.fn.node}, true
	}
	return part{}, false
}

// left returns what is left of k and what it calls.
func (k *kept) left() *Left {
	out := &Left{Package: k.v.pkg.Path, Func: k.fn.name, Place: k.place()}
	for _, s := range k.steps {
		if s.op != nil {
			out.Steps = append(out.Steps, LeftStep{Do: s.op.deed, Site: s.op.site})
		} else {
			out.Steps = append(out.Steps, LeftStep{Call: s.call.left(), At: placeOf(k.v.prog.Fset, s.at)})
		}
	}
	return out
}

// Count returns how many operations are left of a function and all that it
// calls, how many functions these are, and how many of them the longest chain has.
func (l *Left) Count() (operations, functions, depth int) {
	functions = 1
	for _, s := range l.Steps {
		if s.Call == nil {
			operations++
			continue
		}
		o, f, d := s.Call.Count()
		operations, functions, depth = operations+o, functions+f, max(depth, d)
	}
	return operations, functions, depth + 1
}
