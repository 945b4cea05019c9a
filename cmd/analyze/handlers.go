package analyze

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// handlers adds the functions in scope that run once per request because of
// what they are: handlers of net/http, by their shape, and what timers call.
func (w *walker) handlers(funcs []*ssa.Function) {
	for _, fn := range funcs {
		if w.packageOf(fn) == nil {
			continue
		}
		if isServeHTTP(fn) {
			w.request(&reach{fn: fn}, "it is the ServeHTTP of a handler").guard(guardHTTP)
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				w.timer(i)
				w.handed(i)
			}
		}
	}
}

// request adds a function that runs once per request, and returns why, nil if it is not
// in scope. The first reason stays.
func (w *walker) request(r *reach, why string) *cause {
	n := r.fn.Syntax()
	if n == nil || w.packageOf(r.fn) == nil {
		return nil
	}
	w.add(r)
	if w.requests[n] == nil {
		w.requests[n] = &cause{why: why, begins: r.begins(), chain: w.chain(r, r.fn.Pos())}
	}
	return w.requests[n]
}

// guard notes what rule there is for guards of the function. The first one stays.
func (c *cause) guard(rule *guardRule) {
	if c != nil && c.rule == nil {
		c.rule = rule
	}
}

// timer adds the function that i gives to a timer or to the end of a context.
func (w *walker) timer(i ssa.Instruction) {
	call, ok := i.(*ssa.Call)
	if !ok {
		return
	}
	callee := call.Call.StaticCallee()
	if callee == nil || callee.Name() != "AfterFunc" || len(call.Call.Args) != 2 {
		return
	}
	switch name := callee.String(); name {
	case "time.AfterFunc", "context.AfterFunc":
		if fn := w.functionOf(call.Call.Args[1]); fn != nil {
			w.request(&reach{fn: fn, by: call}, name+" calls it, as told at "+w.place(call.Pos()))
		}
	}
}

// handed adds the functions with the shape of a handler of net/http that i uses
// as a value: it converts them to http.HandlerFunc, or gives them to a router.
func (w *walker) handed(i ssa.Instruction) {
	var callee *ssa.Value
	if call, ok := i.(ssa.CallInstruction); ok && !call.Common().IsInvoke() {
		callee = &call.Common().Value
	}
	if c, ok := i.(*ssa.MakeClosure); ok && onlyCalled(c) {
		return
	}
	for _, operand := range i.Operands(nil) {
		if operand == callee || *operand == nil {
			continue
		}
		if fn, ok := (*operand).(*ssa.Function); ok {
			if fn = w.unbound(fn); fn != nil && servesHTTP(fn.Signature) {
				w.request(&reach{fn: fn}, "it is handed over as a handler of net/http at "+w.place(placeable(i))).guard(guardHTTP)
			}
		}
	}
}

// onlyCalled reports whether the function literal c is called where it stands,
// and no value.
func onlyCalled(c *ssa.MakeClosure) bool {
	for _, user := range *c.Referrers() {
		call, ok := user.(ssa.CallInstruction)
		if !ok || call.Common().Value != ssa.Value(c) {
			return false
		}
	}
	return true
}

// functionOf returns the function that the value v is, nil if that is not
// written in its place.
func (w *walker) functionOf(v ssa.Value) *ssa.Function {
	switch v := v.(type) {
	case *ssa.Function:
		return w.unbound(v)
	case *ssa.MakeClosure:
		return w.unbound(v.Fn.(*ssa.Function))
	case *ssa.ChangeType:
		return w.functionOf(v.X)
	}
	return nil
}

// unbound returns the method that a method value or expression stands for, and
// every other function as it is; nil for a method of an interface.
func (w *walker) unbound(fn *ssa.Function) *ssa.Function {
	if fn.Syntax() != nil || fn.Synthetic == "" {
		return fn
	}
	f, ok := fn.Object().(*types.Func)
	if !ok {
		return nil
	}
	return w.program.FuncValue(f.Origin())
}

// placeable returns where i stands, or what uses it, or its function.
func placeable(i ssa.Instruction) token.Pos {
	if i.Pos().IsValid() {
		return i.Pos()
	}
	if v, ok := i.(ssa.Value); ok && v.Referrers() != nil {
		for _, user := range *v.Referrers() {
			if user.Pos().IsValid() {
				return user.Pos()
			}
		}
	}
	return i.Parent().Pos()
}

func isServeHTTP(fn *ssa.Function) bool {
	return fn.Name() == "ServeHTTP" && fn.Signature.Recv() != nil && servesHTTP(fn.Signature)
}

// servesHTTP reports whether a function has the shape of a handler of net/http.
func servesHTTP(sig *types.Signature) bool {
	p := sig.Params()
	if p.Len() != 2 || sig.Results().Len() != 0 || sig.Variadic() {
		return false
	}
	return p.At(0).Type().String() == "net/http.ResponseWriter" && p.At(1).Type().String() == "*net/http.Request"
}

// What gRPC servers are known by.
const (
	grpcPath     = "google.golang.org/grpc"
	interceptor  = grpcPath + ".UnaryServerInterceptor"
	serverStream = grpcPath + ".ServerStream"
)

// generated adds the methods in scope that generated gRPC code calls once per
// request: through the interface of the service, from functions such as
// _KV_Range_Handler.
func (w *walker) generated(funcs []*ssa.Function) {
	for _, fn := range funcs {
		if isGenerated(fn) {
			w.services(fn, fn.Pkg.Pkg.Name()+"."+fn.Name(), lastParam(fn) == serverStream)
		}
	}
}

// isGenerated reports whether fn is what gRPC calls to serve a request: a
// generated function, by its name, that takes an interceptor or a stream.
func isGenerated(fn *ssa.Function) bool {
	if fn.Parent() != nil || !strings.HasPrefix(fn.Name(), "_") || !strings.HasSuffix(fn.Name(), "_Handler") {
		return false
	}
	last := lastParam(fn)
	return last == interceptor || last == serverStream
}

// lastParam returns the type of the function's last parameter, "" if it has
// none.
func lastParam(fn *ssa.Function) string {
	p := fn.Signature.Params()
	if p.Len() == 0 {
		return ""
	}
	return p.At(p.Len() - 1).Type().String()
}

// services adds the methods that fn, which gRPC knows as handler, and the
// literals in it call.
func (w *walker) services(fn *ssa.Function, handler string, stream bool) {
	for _, anon := range fn.AnonFuncs {
		w.services(anon, handler, stream)
	}
	node := w.graph.Nodes[fn]
	if node == nil {
		return
	}
	for _, e := range w.edges(node) {
		if e.Site == nil || !e.Site.Common().IsInvoke() || declaredIn(e.Site.Common().Value.Type()) == grpcPath {
			continue
		}
		if method := w.unbound(e.Callee.Func); method != nil {
			if c := w.request(&reach{fn: method}, "it is a method of a gRPC service: "+handler+" calls it"); c != nil {
				c.stream = c.stream || stream
				c.guard(guardGRPC)
			}
		}
	}
}

// declaredIn returns the import path of the package that declares the type t,
// "" if none does.
func declaredIn(t types.Type) string {
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
		return n.Obj().Pkg().Path()
	}
	return ""
}
