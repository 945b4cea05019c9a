package analyze

import (
	"go/ast"
	"go/constant"
	"go/types"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/lifesign-go/lifesign/cmd/load"
	serving "github.com/lifesign-go/lifesign/internal/reach"
)

// edge is one that leads from a function to another.
type edge struct {
	to    int32
	at    ssa.Instruction // where; nil if it may be anywhere
	lasts bool            // it is still ahead while the call at that place lasts
}

// flow is the call graph as who-serves-whom needs it, which must miss nothing:
// that of variable types analysis, and what that leaves out. Functions are
// numbered. One that is lent functions, see lending, has two numbers: by itself
// it leads to all that it is ever given; as it is called by others, which lead to
// what they give it themselves, it does not.
type flow struct {
	prog        *load.Program
	program     *ssa.Program
	funcs       []*ssa.Function
	number      map[*ssa.Function]int32
	called      []int32         // numbers of functions as others call them
	bare        map[int32]int32 // what of those the numbers by themselves are
	bottom      map[int32]bool  // functions below which on a stack there may be nobody who called them
	lending     *lending
	next        [][]edge
	spontaneous []int32 // what the runtime starts by itself
	first       []int32 // what it starts the program with
	origins     *origins
	methods     map[string][]types.Type // types that values in interfaces can have, by names of their methods
}

func newFlow(prog *load.Program, program *ssa.Program, funcs []*ssa.Function, graph *callgraph.Graph, origins *origins) *flow {
	f := &flow{
		prog: prog, program: program, funcs: funcs,
		number: make(map[*ssa.Function]int32, len(funcs)),
		called: make([]int32, len(funcs)), bare: make(map[int32]int32), bottom: make(map[int32]bool), lending: lend(funcs),
		origins: origins, methods: make(map[string][]types.Type),
	}
	origins.implementations = f.implementations
	for i, fn := range funcs {
		f.number[fn], f.called[i] = int32(i), int32(i)
	}
	n := len(funcs)
	for i, fn := range funcs {
		if f.lending.has[fn] {
			f.called[i], f.bare[int32(n)] = int32(n), int32(i)
			n++
		}
	}
	f.next = make([][]edge, n)
	for _, t := range program.RuntimeTypes() {
		set := program.MethodSets.MethodSet(t)
		for i := range set.Len() {
			name := set.At(i).Obj().Name()
			f.methods[name] = append(f.methods[name], t)
		}
	}
	for i, fn := range funcs {
		if !isGeneric(fn) {
			f.function(int32(i), fn, graph.Nodes[fn])
		}
	}
	f.reflection()
	f.exported()
	f.sink()
	return f
}

// function adds what fn calls.
func (f *flow) function(from int32, fn *ssa.Function, node *callgraph.Node) {
	known := make(map[ssa.CallInstruction]bool)
	if node != nil {
		for _, e := range node.Out {
			if e.Site == nil {
				continue
			}
			known[e.Site] = true
			if f.byName(from, e) {
				continue
			}
			f.edge(from, e.Callee.Func, e.Site)
			if e.Callee.Func.Blocks == nil && !isGeneric(e.Callee.Func) {
				f.handsOn(from, fn, e.Site)
			}
		}
	}
	f.starts(fn)
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			call, ok := i.(ssa.CallInstruction)
			if !ok || known[call] {
				continue
			}
			if _, builtin := call.Common().Value.(*ssa.Builtin); !builtin {
				f.unresolved(from, fn, call)
			}
		}
	}
}

// handsOn adds the functions that fn gives to one without a body: assembly, C,
// or another package's by linkname. That calls them at once or later.
func (f *flow) handsOn(from int32, fn *ssa.Function, call ssa.CallInstruction) {
	p := packageOf(fn)
	own := p != nil && p.Pkg.Path() == "runtime"
	for _, a := range call.Common().Args {
		if _, ok := a.Type().Underlying().(*types.Signature); !ok {
			continue
		}
		for _, g := range f.origins.functions(a) {
			f.edge(from, g, nil) // now or later
			f.alone(g)
			if !own {
				f.spontaneously(g)
			}
		}
	}
}

// spontaneously notes that the runtime may start fn.
func (f *flow) spontaneously(fn *ssa.Function) {
	if n, ok := f.number[fn]; ok {
		f.spontaneous = append(f.spontaneous, n)
		f.alone(fn)
	}
}

// starters are the functions whose callers have something called by the
// runtime later on, by the number of the parameter that it is.
var starters = map[string]int{
	"time.AfterFunc":       1,
	"runtime.SetFinalizer": 1,
	"runtime.AddCleanup":   1,
}

// starts adds what the runtime starts by itself on behalf of fn.
func (f *flow) starts(fn *ssa.Function) {
	o := fn
	if fn.Origin() != nil {
		o = fn.Origin()
	}
	i, ok := starters[fullNameOf(o)]
	if !ok || i >= len(fn.Params) {
		return
	}
	for _, g := range f.origins.functions(fn.Params[i]) {
		f.spontaneously(g)
	}
}

// unresolved adds what a call can lead to for which variable types analysis has
// nothing: the value came through unsafe code or reflection, or it is nil. What
// package runtime calls that way is deferred by functions that are on the stack
// below it, or spontaneous, or what it starts the program with.
func (f *flow) unresolved(from int32, fn *ssa.Function, at ssa.CallInstruction) {
	call := at.Common()
	if fullNameOf(fn) == "time.goFunc" {
		return // it starts what AfterFunc was given, see starters
	}
	if !call.IsInvoke() {
		if p := packageOf(fn); p != nil && serving.IsRuntime(p.Pkg.Path()) {
			return
		}
		for _, g := range f.origins.functions(call.Value) {
			f.edge(from, g, at)
		}
		return
	}
	for _, m := range f.implementations(call) {
		f.edge(from, m, at)
	}
}

// implementations returns the methods that a call through an interface can lead
// to by the types alone: those of whatever is put into an interface anywhere.
func (f *flow) implementations(call *ssa.CallCommon) (out []*ssa.Function) {
	i, ok := call.Value.Type().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	for _, t := range f.methods[call.Method.Name()] {
		if !types.Implements(t, i) {
			continue
		}
		if m := f.program.LookupMethod(t, call.Method.Pkg(), call.Method.Name()); m != nil {
			out = append(out, m)
		}
	}
	return out
}

// reflection adds what reflect's Call can call: exported methods of what is in
// interfaces, and functions that are.
func (f *flow) reflection() {
	var callers []int32
	for i, fn := range f.funcs {
		if fullNameOf(fn) == "(reflect.Value).call" {
			callers = append(callers, int32(i))
		}
	}
	if len(callers) == 0 {
		return
	}
	from := callers[0]
	for _, t := range f.program.RuntimeTypes() {
		set := f.program.MethodSets.MethodSet(t)
		for i := range set.Len() {
			if m := set.At(i); m.Obj().Exported() && !types.IsInterface(t) {
				if fn := f.program.MethodValue(m); fn != nil {
					f.edge(from, fn, nil)
				}
			}
		}
	}
	for _, sig := range f.boxedSignatures() {
		list, _ := f.origins.taken.At(sig).([]*ssa.Function)
		for _, fn := range list {
			f.edge(from, fn, nil)
		}
	}
}

// byName handles a call by reflection of a method with a constant name, which
// is all that such a call can lead to. It reports whether e is one.
func (f *flow) byName(from int32, e *callgraph.Edge) bool {
	args := e.Site.Common().Args
	if name := fullNameOf(e.Callee.Func); name != "(reflect.Value).Call" && name != "(reflect.Value).CallSlice" || len(args) == 0 {
		return false
	}
	names, ok := methodNames(args[0], 0)
	if !ok {
		return false
	}
	for _, name := range names {
		for _, t := range f.methods[name] {
			if m := f.program.LookupMethod(t, nil, name); f.knows(m) {
				f.lead(from, edge{f.number[m], e.Site, true})
			}
		}
	}
	return true
}

// methodNames returns the names of the methods that v, a reflect.Value or
// Method, can be; ok is false if that is not known.
func methodNames(v ssa.Value, depth int) (names []string, ok bool) {
	if depth > 8 {
		return nil, false
	}
	switch v := v.(type) {
	case *ssa.Call:
		return calledName(v)
	case *ssa.Extract:
		call, ok := v.Tuple.(*ssa.Call)
		if !ok || v.Index != 0 {
			return nil, false
		}
		return calledName(call)
	case *ssa.Field:
		return methodNames(v.X, depth+1)
	case *ssa.Phi:
		for _, e := range v.Edges {
			more, ok := methodNames(e, depth+1)
			if !ok {
				return nil, false
			}
			names = append(names, more...)
		}
		return names, true
	case *ssa.UnOp:
		return methodNames(v.X, depth+1)
	case *ssa.FieldAddr:
		return methodNames(v.X, depth+1)
	case *ssa.Alloc:
		for _, user := range *v.Referrers() {
			s, ok := user.(*ssa.Store)
			if !ok {
				continue
			}
			more, ok := methodNames(s.Val, depth+1)
			if !ok {
				return nil, false
			}
			names = append(names, more...)
		}
		return names, len(names) > 0
	}
	return nil, false
}

// calledName returns the constant name that reflect's MethodByName is called
// with.
func calledName(call *ssa.Call) ([]string, bool) {
	common, args := call.Call, call.Call.Args
	if common.IsInvoke() {
		if common.Method.FullName() != "(reflect.Type).MethodByName" {
			return nil, false
		}
	} else if fullNameOf(common.StaticCallee()) != "(reflect.Value).MethodByName" {
		return nil, false
	} else {
		args = args[1:]
	}
	c, ok := args[0].(*ssa.Const)
	if !ok || c.Value == nil {
		return nil, false
	}
	return []string{constant.StringVal(c.Value)}, true
}

// boxedSignatures returns the types of functions that are put into interfaces,
// or are exported fields.
func (f *flow) boxedSignatures() []types.Type {
	var seen typeutil.Map
	for _, t := range f.program.RuntimeTypes() {
		switch u := t.Underlying().(type) {
		case *types.Signature:
			seen.Set(u, true)
		case *types.Struct:
			for i := range u.NumFields() {
				if sig, ok := u.Field(i).Type().Underlying().(*types.Signature); ok && u.Field(i).Exported() {
					seen.Set(sig, true)
				}
			}
		}
	}
	return seen.Keys()
}

// exported adds what the runtime starts the program with, and what C calls.
func (f *flow) exported() {
	exports := make(map[types.Object]bool)
	for _, p := range f.prog.Packages {
		if len(p.Cgo) > 0 {
			cgoExports(p, exports)
		}
	}
	for i, fn := range f.funcs {
		if isMain(fn) || fn.Pkg != nil && fn == fn.Pkg.Func("init") {
			f.first = append(f.first, int32(i))
		}
		if o := fn.Object(); o != nil && exports[o] {
			f.spontaneous = append(f.spontaneous, int32(i))
		}
	}
}

// cgoExports adds the functions of p that are marked to be called from C.
func cgoExports(p *load.Package, exports map[types.Object]bool) {
	for _, file := range p.Syntax {
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Doc == nil {
				continue
			}
			for _, c := range fn.Doc.List {
				if strings.HasPrefix(c.Text, "//export ") {
					exports[p.Info.Defs[fn.Name]] = true
				}
			}
		}
	}
}
