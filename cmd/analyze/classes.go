package analyze

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// classes tell the channels, WaitGroups and Conds of a program apart: two that
// may be one object are of one class. It is Steensgaard's points-to analysis,
// narrowed to what can hold such an object:
//
//   - A cell stands for what a variable, a field of all values of a type (those
//     of a generic type by its origin), or an SSA value holds; its content for
//     what that points to or has as elements. An assignment makes two cells one.
//   - Arguments and results follow the edges of the call graph.
//   - An interface holds what any interface was given of that type.
//
// What analysis cannot follow makes a class open: unsafe conversions,
// functions without a body, calls of which no callee is known. Reflection
// reaches what interfaces hold and the exported fields below that; a channel
// that it takes out of a field is followed into the assertions of code outside
// of the standard library, which has its own only for what it boxed itself.
// Pointers to structs that unsafe code takes for pointers to other structs are
// not followed.
type classes struct {
	cells  []cell
	values map[ssa.Value]ref
	tuples map[tuple]ref
	fields map[*types.Var]ref
	boxes  typeutil.Map // type → ref: what interfaces hold of it
	taken  typeutil.Map // types that code outside of the standard library takes out of interfaces
	carry  map[types.Type]bool
	fset   *token.FileSet
	std    map[*types.Package]bool

	structs typeutil.Map                   // unnamed struct types: the first of those that are identical
	owners  map[*types.Var]*types.TypeName // of fields, for names
	sites   map[token.Pos]waiting
	serves  []service
	groups  []ref        // WaitGroups on which Go is called
	visible map[ref]bool // cells of channels that reflection reaches
	names   map[ref]string
}

// ref is a cell by its number; 0 is none.
type ref int32

type cell struct {
	parent  ref // itself if it stands for its class
	content ref
	keys    ref // of a map
	open    bool
	made    bool   // an object of the class is made somewhere
	maker   string // the smallest place of one, see makerName
	label   string // the smallest name of a variable or field
}

// tuple is an element of a tuple, or a result of a function.
type tuple struct {
	of any // ssa.Value, *ssa.Function
	i  int
}

// what is what a wait needs from others.
type what string

const (
	needRecv   what = "recv"
	needSend   what = "send"
	needDone   what = "done"
	needSignal what = "signal"
)

// waiting is an operation that waits.
type waiting struct {
	what what
	cell ref
}

// service is an operation that ends waits.
type service struct {
	fn   *ssa.Function
	at   ssa.Instruction // nil if it may be anywhere in fn
	what what
	cell ref
}

func newClasses(prog *load.Program) *classes {
	c := &classes{
		cells:  make([]cell, 1),
		values: make(map[ssa.Value]ref), tuples: make(map[tuple]ref), fields: make(map[*types.Var]ref),
		carry: make(map[types.Type]bool), owners: make(map[*types.Var]*types.TypeName),
		sites: make(map[token.Pos]waiting), visible: make(map[ref]bool), fset: prog.Fset, std: make(map[*types.Package]bool),
	}
	for _, p := range prog.Packages {
		c.std[p.Types] = p.Standard
	}
	return c
}

// functions finds what the functions of the program say by themselves.
func (c *classes) functions(funcs []*ssa.Function) {
	for _, fn := range funcs {
		if !isGeneric(fn) {
			c.function(fn)
		}
	}
}

// follow finds what their calls add, and names the classes.
func (c *classes) follow(funcs []*ssa.Function, graph *callgraph.Graph) {
	for _, fn := range funcs {
		if node := graph.Nodes[fn]; node != nil && !isGeneric(fn) {
			c.calls(fn, node)
		}
	}
	c.reflected(funcs)
	c.name()
}

// isGeneric reports whether fn is generic, or in a function that is: what runs
// are its instances.
func isGeneric(fn *ssa.Function) bool {
	for ; fn != nil; fn = fn.Parent() {
		if fn.TypeParams().Len() > 0 && len(fn.TypeArgs()) == 0 {
			return true
		}
	}
	return false
}

func (c *classes) fresh() ref {
	r := ref(len(c.cells))
	c.cells = append(c.cells, cell{parent: r})
	return r
}

// find returns the cell that stands for r's class.
func (c *classes) find(r ref) ref {
	for c.cells[r].parent != r {
		c.cells[r].parent = c.cells[c.cells[r].parent].parent
		r = c.cells[r].parent
	}
	return r
}

// unify makes a and b, and what they hold, one. Nothing happens if one is 0.
func (c *classes) unify(a, b ref) {
	if a == 0 || b == 0 {
		return
	}
	todo := [][2]ref{{a, b}}
	for len(todo) > 0 {
		a, b = c.find(todo[len(todo)-1][0]), c.find(todo[len(todo)-1][1])
		todo = todo[:len(todo)-1]
		if a == b {
			continue
		}
		if a > b {
			a, b = b, a
		}
		x, y := &c.cells[a], &c.cells[b]
		y.parent = a
		x.open, x.made = x.open || y.open, x.made || y.made
		x.maker, x.label = lesser(x.maker, y.maker), lesser(x.label, y.label)
		for _, pair := range []struct{ mine, other *ref }{{&x.content, &y.content}, {&x.keys, &y.keys}} {
			switch {
			case *pair.mine == 0:
				*pair.mine = *pair.other
			case *pair.other != 0:
				todo = append(todo, [2]ref{*pair.mine, *pair.other})
			}
		}
	}
}

// lesser returns the lesser of two names that are not empty.
func lesser(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// content returns the cell of what r points to or has as elements.
func (c *classes) content(r ref) ref {
	if r == 0 {
		return 0
	}
	r = c.find(r)
	if c.cells[r].content == 0 {
		n := c.fresh()
		c.cells[r].content = n
	}
	return c.cells[r].content
}

func (c *classes) keys(r ref) ref {
	if r == 0 {
		return 0
	}
	r = c.find(r)
	if c.cells[r].keys == 0 {
		n := c.fresh()
		c.cells[r].keys = n
	}
	return c.cells[r].keys
}

// open marks r, and all that it leads to, as used by what analysis cannot
// follow.
func (c *classes) open(r ref) {
	for r != 0 {
		r = c.find(r)
		if c.cells[r].open {
			return
		}
		c.cells[r].open = true
		c.open(c.cells[r].keys)
		r = c.cells[r].content
	}
}

// carries reports whether a cell is kept for values of type t: those through
// which an object can be reached without a struct's fields, which have cells of
// their own.
func (c *classes) carries(t types.Type) bool {
	if known, ok := c.carry[t]; ok {
		return known
	}
	c.carry[t] = false // for types that refer to themselves
	out := false
	switch u := t.Underlying().(type) {
	case *types.Chan:
		out = true
	case *types.Pointer:
		out = c.carries(u.Elem())
	case *types.Slice:
		out = c.carries(u.Elem())
	case *types.Array:
		out = c.carries(u.Elem())
	case *types.Map:
		out = c.carries(u.Elem()) || c.carries(u.Key())
	case *types.Struct:
		out = isWaitable(t)
	}
	c.carry[t] = out
	return out
}

// isWaitable reports whether t is one of the structs that are told apart.
func isWaitable(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != "sync" {
		return false
	}
	return n.Obj().Name() == "WaitGroup" || n.Obj().Name() == "Cond"
}

// value returns the cell of v, 0 if it has none: constants have not, nor has
// what cannot hold an object.
func (c *classes) value(v ssa.Value) ref {
	switch v.(type) {
	case *ssa.Const, *ssa.Function, *ssa.Builtin:
		return 0
	}
	if r, ok := c.values[v]; ok {
		return r
	}
	if !c.carries(v.Type()) {
		return 0
	}
	r := c.fresh()
	c.values[v] = r
	if g, ok := v.(*ssa.Global); ok {
		c.label(c.content(r), g.Type().Underlying().(*types.Pointer).Elem(), globalName(g), 0)
	}
	return r
}

func (c *classes) element(t types.Type, of any, i int) ref {
	if !c.carries(t) {
		return 0
	}
	key := tuple{of, i}
	r := c.tuples[key]
	if r == 0 {
		r = c.fresh()
		c.tuples[key] = r
	}
	return r
}

// box returns the cell of what interfaces hold of type t.
func (c *classes) box(t types.Type) ref {
	if !c.carries(t) {
		return 0
	}
	if r, ok := c.boxes.At(t).(ref); ok {
		return r
	}
	r := c.fresh()
	c.boxes.Set(t, r)
	return r
}

// field returns the cell of field i of the structs of type t.
func (c *classes) field(t types.Type, i int) ref {
	s, ok := t.Underlying().(*types.Struct)
	if !ok || i >= s.NumFields() || !c.carries(s.Field(i).Type()) {
		return 0
	}
	n, named := types.Unalias(t).(*types.Named)
	if !named {
		if first, ok := c.structs.At(s).(*types.Struct); ok {
			s = first
		} else {
			c.structs.Set(s, s)
		}
	}
	f := s.Field(i).Origin()
	r := c.fields[f]
	if r == 0 {
		r = c.fresh()
		c.fields[f] = r
		if named {
			c.owners[f] = n.Obj()
		}
		c.label(r, f.Type(), c.fieldName(f), 0)
	} else if named && c.owners[f] == nil {
		c.owners[f] = n.Obj()
	}
	return r
}
