package analyze

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"
)

// origins answers which functions a value can be, by going back the way it
// came: arguments by the edges of the call graph, variables and fields by what
// is stored in them anywhere. Where that way is lost it is every function of
// the type whose address is taken.
type origins struct {
	graph  *callgraph.Graph
	stores map[token.Pos][]ssa.Value // into fields, by where they are declared
	global map[*ssa.Global][]ssa.Value
	taken  typeutil.Map // signature → []*ssa.Function

	operands        []*ssa.Value // of the instruction looked at
	implementations func(call *ssa.CallCommon) []*ssa.Function
}

func newOrigins() *origins {
	return &origins{stores: make(map[token.Pos][]ssa.Value), global: make(map[*ssa.Global][]ssa.Value)}
}

// scan looks at the functions of the program. The graph need not be there yet.
func (o *origins) scan(funcs []*ssa.Function) {
	taken := make(map[*ssa.Function]bool)
	for _, fn := range funcs {
		if isGeneric(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				o.instruction(i, taken)
			}
		}
	}
	for _, fn := range funcs {
		if taken[fn] {
			list, _ := o.taken.At(fn.Signature).([]*ssa.Function)
			o.taken.Set(fn.Signature, append(list, fn))
		}
	}
}

// instruction notes stores of functions, and functions that are used as
// values.
func (o *origins) instruction(i ssa.Instruction, taken map[*ssa.Function]bool) {
	if s, ok := i.(*ssa.Store); ok && holdsFunctions(s.Val.Type()) {
		switch a := s.Addr.(type) {
		case *ssa.FieldAddr:
			if f := structField(a.X.Type(), a.Field); f != nil {
				o.stores[f.Origin().Pos()] = append(o.stores[f.Origin().Pos()], s.Val)
			}
		case *ssa.Global:
			o.global[a] = append(o.global[a], s.Val)
		}
	}
	o.operands = i.Operands(o.operands[:0])
	for n, op := range o.operands {
		if fn, ok := (*op).(*ssa.Function); ok {
			if call, ok := i.(ssa.CallInstruction); ok && n == 0 && !call.Common().IsInvoke() {
				continue
			}
			taken[fn] = true
		}
	}
}

// holdsFunctions reports whether a value of type t may be a function, boxed or
// not.
func holdsFunctions(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Signature, *types.Interface:
		return true
	}
	return false
}

// functions returns what the value v, of a function or an interface that holds
// one, can be.
func (o *origins) functions(v ssa.Value) []*ssa.Function {
	q := &query{origins: o, seen: make(map[ssa.Value]bool), found: make(map[*ssa.Function]bool)}
	q.value(v)
	return q.list
}

// query is one question to origins.
type query struct {
	*origins
	seen  map[ssa.Value]bool
	found map[*ssa.Function]bool
	list  []*ssa.Function
}

func (q *query) add(fn *ssa.Function) {
	if !q.found[fn] {
		q.found[fn] = true
		q.list = append(q.list, fn)
	}
}

func (q *query) value(v ssa.Value) {
	if q.seen[v] {
		return
	}
	q.seen[v] = true
	switch v := v.(type) {
	case *ssa.Function:
		q.add(v)
	case *ssa.MakeClosure:
		q.add(v.Fn.(*ssa.Function))
	case *ssa.Const:
	case *ssa.ChangeType:
		q.value(v.X)
	case *ssa.ChangeInterface:
		q.value(v.X)
	case *ssa.MakeInterface:
		if holdsFunctions(v.X.Type()) {
			q.value(v.X)
		}
	case *ssa.TypeAssert:
		q.value(v.X)
	case *ssa.Phi:
		for _, e := range v.Edges {
			q.value(e)
		}
	case *ssa.FreeVar:
		if b := binding(v); b != nil {
			q.value(b)
			return
		}
		q.lost(v)
	case *ssa.Parameter:
		q.parameter(v)
	case *ssa.Call:
		q.results(v, 0)
	case *ssa.Extract:
		switch t := v.Tuple.(type) {
		case *ssa.Call:
			q.results(t, v.Index)
		case *ssa.TypeAssert:
			q.value(t.X)
		default:
			q.lost(v)
		}
	case *ssa.UnOp:
		q.load(v)
	case *ssa.Field:
		q.field(v, structField(v.X.Type(), v.Field))
	default:
		q.lost(v)
	}
}

// load follows what is loaded from a variable or field.
func (q *query) load(v *ssa.UnOp) {
	if v.Op != token.MUL {
		q.lost(v)
		return
	}
	switch a := outermost(v.X).(type) {
	case *ssa.FieldAddr:
		q.field(v, structField(a.X.Type(), a.Field))
	case *ssa.Global:
		for _, s := range q.global[a] {
			q.value(s)
		}
	case *ssa.Alloc:
		q.variable(v, a)
	default:
		q.lost(v)
	}
}

func (q *query) field(v ssa.Value, f *types.Var) {
	if f == nil {
		q.lost(v)
		return
	}
	for _, s := range q.stores[f.Origin().Pos()] {
		q.value(s)
	}
}

// variable follows what is stored in a variable that its address does not
// leave.
func (q *query) variable(v ssa.Value, a *ssa.Alloc) {
	addresses := []ssa.Value{a}
	for len(addresses) > 0 {
		at := addresses[0]
		addresses = addresses[1:]
		for _, user := range *at.Referrers() {
			switch user := user.(type) {
			case *ssa.Store:
				if user.Addr != at {
					q.lost(v)
					return
				}
				q.value(user.Val)
			case *ssa.MakeClosure:
				for i, b := range user.Bindings {
					if b == at {
						addresses = append(addresses, user.Fn.(*ssa.Function).FreeVars[i])
					}
				}
			case *ssa.UnOp, *ssa.DebugRef:
			default:
				q.lost(v)
				return
			}
		}
	}
}

func (q *query) parameter(p *ssa.Parameter) {
	fn := p.Parent()
	index := -1
	for i, other := range fn.Params {
		if other == p {
			index = i
		}
	}
	node := q.graph.Nodes[fn]
	if node == nil {
		q.lost(p)
		return
	}
	for _, e := range node.In {
		if e.Site == nil {
			continue
		}
		i := index
		if e.Site.Common().IsInvoke() {
			i--
		}
		if args := e.Site.Common().Args; i >= 0 && i < len(args) {
			q.value(args[i])
		}
	}
}

func (q *query) results(call *ssa.Call, i int) {
	node := q.graph.Nodes[call.Parent()]
	if node == nil {
		q.lost(call)
		return
	}
	known := false
	for _, e := range node.Out {
		if e.Site == ssa.CallInstruction(call) && e.Callee.Func.Blocks != nil {
			known = true
			q.returned(e.Callee.Func, i)
		}
	}
	switch {
	case known:
	case call.Call.IsInvoke():
		for _, m := range q.implementations(&call.Call) {
			q.returned(m, i)
		}
	default:
		q.lost(call)
	}
}

// returned follows result i of fn.
func (q *query) returned(fn *ssa.Function, i int) {
	for _, b := range fn.Blocks {
		if r, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && i < len(r.Results) {
			q.value(r.Results[i])
		}
	}
}

// lost takes for v every function of its type. Of an interface nothing is
// known.
func (q *query) lost(v ssa.Value) {
	sig, ok := v.Type().Underlying().(*types.Signature)
	if !ok {
		return
	}
	list, _ := q.taken.At(sig).([]*ssa.Function)
	for _, fn := range list {
		q.add(fn)
	}
}
