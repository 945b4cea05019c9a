package analyze

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
)

// function adds what the instructions of fn say.
func (c *classes) function(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			c.instruction(fn, i)
		}
	}
}

func (c *classes) instruction(fn *ssa.Function, i ssa.Instruction) {
	switch i := i.(type) {
	case *ssa.Alloc:
		c.alloc(i)
	case *ssa.MakeChan:
		c.make(c.value(i), i, "make")
	case *ssa.MakeSlice:
		if isWaitable(i.Type().Underlying().(*types.Slice).Elem()) {
			c.make(c.content(c.value(i)), i, "make")
		}
	case *ssa.Phi:
		for _, e := range i.Edges {
			c.unify(c.value(i), c.value(e))
		}
	case *ssa.Store:
		c.unify(c.pointee(i.Addr), c.value(i.Val))
	case *ssa.MapUpdate:
		m := c.value(i.Map)
		c.unify(c.content(m), c.value(i.Value))
		c.unify(c.keys(m), c.value(i.Key))
	case *ssa.Send:
		c.unify(c.content(c.value(i.Chan)), c.value(i.X))
		c.wait(i.Pos(), needRecv, c.value(i.Chan))
		c.serve(fn, i, needSend, c.value(i.Chan))
	case *ssa.Select:
		c.selection(fn, i)
	case *ssa.MakeClosure:
		c.closure(i)
	case *ssa.Return:
		for j, r := range i.Results {
			c.unify(c.element(r.Type(), fn, j), c.value(r))
		}
	case *ssa.Extract:
		c.extract(i)
	case ssa.CallInstruction:
		c.call(fn, i)
	case ssa.Value:
		c.derived(fn, i)
	}
}

// alloc notes the variables that are objects themselves, or arrays of them.
func (c *classes) alloc(a *ssa.Alloc) {
	t, r := pointed(a.Type()), c.content(c.value(a))
	for array, ok := t.Underlying().(*types.Array); ok; array, ok = t.Underlying().(*types.Array) {
		t, r = array.Elem(), c.content(r)
	}
	if !isWaitable(t) {
		return
	}
	name := a.Comment
	if name == "" || strings.ContainsAny(name, " .()") {
		name = "new"
	}
	c.make(r, a, name)
}

// make notes that v makes an object.
func (c *classes) make(r ref, v ssa.Value, how string) {
	if r == 0 {
		return
	}
	r = c.find(r)
	c.cells[r].made = true
	c.cells[r].maker = lesser(c.cells[r].maker, c.makerName(v, how))
}

// derived adds what a value that is made of another says.
func (c *classes) derived(fn *ssa.Function, v ssa.Value) {
	switch v := v.(type) {
	case *ssa.UnOp:
		switch v.Op {
		case token.MUL:
			c.unify(c.value(v), c.pointee(v.X))
		case token.ARROW:
			if !v.CommaOk {
				c.unify(c.value(v), c.content(c.value(v.X)))
			}
			c.wait(v.Pos(), needSend, c.value(v.X))
			c.serve(fn, v, needRecv, c.value(v.X))
		}
	case *ssa.FieldAddr:
		c.unify(c.content(c.value(v)), c.field(pointed(v.X.Type()), v.Field))
	case *ssa.Field:
		c.unify(c.value(v), c.field(v.X.Type(), v.Field))
	case *ssa.IndexAddr:
		c.unify(c.content(c.value(v)), c.elements(v.X))
	case *ssa.Index:
		c.unify(c.value(v), c.content(c.value(v.X)))
	case *ssa.Lookup:
		if !v.CommaOk {
			c.unify(c.value(v), c.content(c.value(v.X)))
		}
	case *ssa.Slice:
		c.unify(c.content(c.value(v)), c.elements(v.X))
	case *ssa.SliceToArrayPointer:
		c.unify(c.content(c.content(c.value(v))), c.content(c.value(v.X)))
	case *ssa.MakeInterface:
		c.unify(c.box(v.X.Type()), c.value(v.X))
	case *ssa.TypeAssert:
		if !v.CommaOk {
			c.unify(c.value(v), c.box(v.AssertedType))
		}
		if p := packageOf(fn); c.carries(v.AssertedType) && (p == nil || !c.std[p.Pkg]) {
			c.taken.Set(v.AssertedType, true)
		}
	case *ssa.ChangeType:
		c.convert(v.Type(), v.X.Type())
		c.unify(c.value(v), c.value(v.X))
	case *ssa.MultiConvert:
		c.open(c.value(v))
		c.open(c.value(v.X))
	case *ssa.Convert:
		if isUnsafe(v.Type()) || isUnsafe(v.X.Type()) {
			c.open(c.value(v))
			c.open(c.value(v.X))
			return
		}
		c.unify(c.value(v), c.value(v.X))
	}
}

// pointee returns the cell of what the pointer v points to. A field's address
// needs no cell of its own for that.
func (c *classes) pointee(v ssa.Value) ref {
	if f, ok := v.(*ssa.FieldAddr); ok {
		return c.field(pointed(f.X.Type()), f.Field)
	}
	return c.content(c.value(v))
}

// elements returns the cell of the elements of a slice, or of an array that v
// points to.
func (c *classes) elements(v ssa.Value) ref {
	if _, ok := v.Type().Underlying().(*types.Pointer); ok {
		return c.content(c.content(c.value(v)))
	}
	return c.content(c.value(v))
}

func pointed(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func isUnsafe(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && (b.Kind() == types.UnsafePointer || b.Kind() == types.Uintptr)
}

// convert makes the fields of two struct types one where values, or pointers
// to them, are converted.
func (c *classes) convert(a, b types.Type) {
	a, b = pointed(a), pointed(b)
	s, ok := a.Underlying().(*types.Struct)
	t, also := b.Underlying().(*types.Struct)
	if !ok || !also || s == t || s.NumFields() != t.NumFields() {
		return
	}
	for i := 0; i < s.NumFields(); i++ {
		c.unify(c.field(a, i), c.field(b, i))
		if inner, ok := s.Field(i).Type().(*types.Struct); ok { // whose tags may differ
			c.convert(inner, t.Field(i).Type())
		}
	}
}

func (c *classes) extract(e *ssa.Extract) {
	v := c.value(e)
	if v == 0 {
		return
	}
	switch t := e.Tuple.(type) {
	case *ssa.Call:
		c.unify(v, c.element(e.Type(), t, e.Index))
	case *ssa.Lookup:
		c.unify(v, c.content(c.value(t.X)))
	case *ssa.UnOp:
		c.unify(v, c.content(c.value(t.X)))
	case *ssa.TypeAssert:
		c.unify(v, c.box(t.AssertedType))
	case *ssa.Next:
		m := c.value(t.Iter.(*ssa.Range).X)
		if e.Index == 1 {
			c.unify(v, c.keys(m))
		} else {
			c.unify(v, c.content(m))
		}
	case *ssa.Select:
		c.unify(v, c.content(c.value(received(t, e.Index))))
	}
}

// received returns the channel that element i of the tuple s is received from.
func received(s *ssa.Select, i int) ssa.Value {
	n := 2
	for _, st := range s.States {
		if st.Dir == types.RecvOnly {
			if n == i {
				return st.Chan
			}
			n++
		}
	}
	return nil
}

func (c *classes) selection(fn *ssa.Function, s *ssa.Select) {
	for _, st := range s.States {
		ch := c.value(st.Chan)
		if st.Dir == types.SendOnly {
			c.unify(c.content(ch), c.value(st.Send))
			c.wait(st.Pos, needRecv, ch)
			c.serve(fn, s, needSend, ch)
		} else {
			c.wait(st.Pos, needSend, ch)
			c.serve(fn, s, needRecv, ch)
		}
	}
}

// wait notes an operation that waits, at the place that the syntax has too. The
// instances of a generic function share it.
func (c *classes) wait(p token.Pos, w what, r ref) {
	if !p.IsValid() || r == 0 {
		return
	}
	if old, again := c.sites[p]; again {
		c.unify(old.cell, r)
		return
	}
	c.sites[p] = waiting{w, r}
}

func (c *classes) serve(fn *ssa.Function, at ssa.Instruction, w what, r ref) {
	if r != 0 {
		c.serves = append(c.serves, service{fn, at, w, r})
	}
}

// closure binds the variables of a literal. The wrapper that a method value
// such as wg.Done is bound to is one for the whole program: what is bound to it
// stays apart, and it serves all of it.
func (c *classes) closure(m *ssa.MakeClosure) {
	fn := m.Fn.(*ssa.Function)
	if method, ok := boundMethod(fn); ok {
		for _, s := range syncServices[method] {
			c.serve(fn, nil, s, c.content(c.value(m.Bindings[0])))
		}
		if method == "(*sync.WaitGroup).Go" {
			c.groups = append(c.groups, c.content(c.value(m.Bindings[0])))
		}
		if syncServices[method] != nil {
			return
		}
	}
	for i, b := range m.Bindings {
		c.unify(c.value(fn.FreeVars[i]), c.value(b))
	}
}

// boundMethod returns the full name of the method that fn binds, if it is the
// wrapper of a method value.
func boundMethod(fn *ssa.Function) (string, bool) {
	if !strings.HasSuffix(fn.Name(), "$bound") {
		return "", false
	}
	f, ok := fn.Object().(*types.Func)
	if !ok {
		return "", false
	}
	return f.FullName(), true
}

// syncServices are the methods of package sync that end waits, by full name,
// with what they give. Negative counts added are what Done is.
var syncServices = map[string][]what{
	"(*sync.WaitGroup).Add":  {needDone},
	"(*sync.WaitGroup).Done": {needDone},
	"(*sync.WaitGroup).Go":   {},
	"(*sync.Cond).Signal":    {needSignal},
	"(*sync.Cond).Broadcast": {needSignal},
}

// syncWaits are those that wait.
var syncWaits = map[string]what{
	"(*sync.WaitGroup).Wait": needDone,
	"(*sync.Cond).Wait":      needSignal,
}

// isSync reports whether fn is one of those methods, or makes a Cond: what its
// callers give it stays apart.
func isSync(name string) bool {
	return syncServices[name] != nil || syncWaits[name] != "" || name == "sync.NewCond"
}

// fullNameOf returns the full name of fn if it is declared in one of the
// packages of the standard library that analysis has something to say of, ""
// otherwise: to make the names of all functions takes long.
func fullNameOf(fn *ssa.Function) string {
	if fn == nil {
		return ""
	}
	f, ok := fn.Object().(*types.Func)
	if !ok || f.Pkg() == nil {
		return ""
	}
	switch f.Pkg().Path() {
	case "reflect", "runtime", "sync", "time":
		return f.FullName()
	}
	return ""
}

// call adds what a call does by itself. What it hands on is calls' to add.
func (c *classes) call(fn *ssa.Function, call ssa.CallInstruction) {
	common := call.Common()
	if b, ok := common.Value.(*ssa.Builtin); ok {
		c.builtin(fn, call, b.Name(), common.Args)
		return
	}
	callee := common.StaticCallee()
	if callee == nil || callee.Pkg == nil || callee.Pkg.Pkg.Path() != "sync" || callee.Parent() != nil {
		return
	}
	name := fullNameOf(callee)
	switch {
	case name == "sync.NewCond":
		if call.Value() != nil {
			c.make(c.content(c.value(call.Value())), call.Value(), "cond")
		}
	case len(common.Args) > 0:
		c.operate(fn, call, name, common.Pos(), c.pointee(common.Args[0]))
	}
}

// operate adds the operation of one of package sync's methods on an object.
func (c *classes) operate(fn *ssa.Function, at ssa.Instruction, method string, p token.Pos, object ref) {
	if w := syncWaits[method]; w != "" {
		c.wait(p, w, object)
	}
	for _, w := range syncServices[method] {
		c.serve(fn, at, w, object)
	}
	if method == "(*sync.WaitGroup).Go" {
		c.groups = append(c.groups, object)
	}
}

func (c *classes) builtin(fn *ssa.Function, call ssa.CallInstruction, name string, args []ssa.Value) {
	var out ref
	if result := call.Value(); result != nil {
		out = c.value(result)
	}
	switch name {
	case "close":
		c.serve(fn, call, needSend, c.value(args[0]))
	case "append":
		c.unify(out, c.value(args[0]))
		if len(args) > 1 {
			c.unify(c.content(out), c.content(c.value(args[1])))
		}
	case "copy":
		c.unify(c.content(c.value(args[0])), c.content(c.value(args[1])))
	case "ssa:wrapnilchk":
		c.unify(out, c.value(args[0]))
	case "Slice", "SliceData":
		c.unify(c.content(out), c.content(c.value(args[0])))
	case "Add":
	case "min", "max":
	default:
		c.open(out)
	}
}

// calls hands the arguments of the calls in fn to those called, and back the
// results.
func (c *classes) calls(fn *ssa.Function, node *callgraph.Node) {
	known := make(map[ssa.CallInstruction]bool)
	for _, e := range node.Out {
		if e.Site != nil {
			known[e.Site] = true
			c.pass(fn, e.Site, e.Callee.Func)
		}
	}
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			if call, ok := i.(ssa.CallInstruction); ok && !known[call] {
				if _, builtin := call.Common().Value.(*ssa.Builtin); !builtin {
					c.lose(call)
				}
			}
		}
	}
}

// pass handles one edge of the call graph.
func (c *classes) pass(fn *ssa.Function, call ssa.CallInstruction, callee *ssa.Function) {
	common := call.Common()
	name := ""
	if callee.Pkg != nil && callee.Pkg.Pkg.Path() == "sync" {
		name = fullNameOf(callee)
	}
	if isSync(name) {
		if common.IsInvoke() {
			c.operate(fn, call, name, token.NoPos, c.content(c.box(callee.Params[0].Type())))
		} else if common.StaticCallee() == nil && len(common.Args) > 0 {
			c.operate(fn, call, name, token.NoPos, c.content(c.value(common.Args[0])))
		}
		return
	}
	if callee.Blocks == nil {
		c.lose(call)
		return
	}
	params := callee.Params
	if common.IsInvoke() {
		if len(params) > 0 {
			c.unify(c.value(params[0]), c.box(params[0].Type()))
			params = params[1:]
		}
	}
	for i, a := range common.Args {
		if i < len(params) {
			c.unify(c.value(params[i]), c.value(a))
		}
	}
	if v := call.Value(); v != nil {
		for i := 0; i < callee.Signature.Results().Len(); i++ {
			c.unify(c.result(v, i), c.element(callee.Signature.Results().At(i).Type(), callee, i))
		}
	}
}

// result returns the cell of result i of a call.
func (c *classes) result(v *ssa.Call, i int) ref {
	if t, ok := v.Type().(*types.Tuple); ok {
		if i >= t.Len() {
			return 0
		}
		return c.element(t.At(i).Type(), v, i)
	}
	return c.value(v)
}

// lose opens what goes into, and comes out of, a call whose callee analysis
// does not see.
func (c *classes) lose(call ssa.CallInstruction) {
	for _, a := range call.Common().Args {
		c.open(c.value(a))
		if m, ok := a.(*ssa.MakeInterface); ok {
			c.open(c.value(m.X))
		}
	}
	if v := call.Value(); v != nil {
		for i := 0; i < call.Common().Signature().Results().Len(); i++ {
			c.open(c.result(v, i))
		}
	}
}
