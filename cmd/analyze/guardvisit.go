package analyze

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"
)

// guard adds the guard of the function n, just left, if there is one to weave. It
// begins before all else that is woven into the function, so that it ends last.
func (v *visitor) guard(n ast.Node, fn *function) {
	if !v.facts.guard || fn.body == nil {
		return
	}
	begin, end := v.offset(fn.body.Lbrace)+1, v.offset(fn.body.Rbrace)
	r := Rewrite{Site: -1, Start: begin, Cut: begin, End: end}
	if lit, ok := n.(*ast.FuncLit); ok && v.contain[lit] != nil {
		s := v.contain[lit]
		r.Form = Contain
		if r.Served, ok = v.servedIn(lit, s); !ok {
			v.unguarded(n.Pos(), s.rule, "its connection is a variable that changes, so that it could not be closed")
			return
		}
		v.guarded(r, n.Pos(), s.rule, s.why)
		return
	}
	c := v.facts.requests[n]
	if c == nil || c.rule == nil || c.slight && !fn.busy {
		return
	}
	if r.Form = c.rule.form; r.Form == Answer {
		if why := v.answer(&r, n); why != "" {
			v.unguarded(n.Pos(), c.rule, why)
			return
		}
	}
	v.guarded(r, n.Pos(), c.rule, c.why)
}

// guarded adds a guard, unless nothing is woven in this function.
func (v *visitor) guarded(r Rewrite, p token.Pos, rule *guardRule, why string) {
	before := len(v.ops)
	v.add(&op{rewrite: r}, p, "guard: "+rule.name)
	if len(v.ops) > before {
		v.guards = append(v.guards, Guarded{v.pkg.Path, v.fn().name, placeOf(v.prog.Fset, p), rule.name, why})
	}
}

func (v *visitor) unguarded(p token.Pos, rule *guardRule, why string) {
	v.skip(p, "guard: "+rule.name, why)
}

// isGuard reports whether it is the form of a guard.
func (f Form) isGuard() bool { return f == Pass || f == Answer || f == Contain || f == Started }

// answers reports whether there are guards in the file that return an error.
func (v *visitor) answers() bool {
	return slices.ContainsFunc(v.ops, func(o *op) bool { return o.rewrite.Form == Answer })
}

// answer completes r for the function n, or returns why it cannot be guarded.
func (v *visitor) answer(r *Rewrite, n ast.Node) string {
	if v.facts.recovers {
		return string(intercepted)
	}
	var results *ast.FieldList
	switch n := n.(type) {
	case *ast.FuncDecl:
		results = n.Type.Results
	case *ast.FuncLit:
		results = n.Type.Results
	}
	if results == nil || !types.Identical(v.info.TypeOf(results.List[len(results.List)-1].Type), types.Universe.Lookup("error").Type()) {
		return "its last result is no error"
	}
	last := results.List[len(results.List)-1]
	if len(last.Names) > 0 {
		if r.Err = last.Names[len(last.Names)-1].Name; r.Err == "_" {
			return "its error has no name"
		}
		return ""
	}
	r.Err, r.Var = v.names.err, v.names.result
	for _, f := range results.List {
		r.Marks = append(r.Marks, v.offset(f.Type.Pos()))
	}
	if !results.Opening.IsValid() {
		r.Open = true
		r.Marks = append(r.Marks, v.offset(last.Type.End()))
	}
	r.Start = r.Marks[0]
	return ""
}

// servedIn returns the names by which the body of lit, which a go statement starts,
// knows the connections that it serves. ok is false if it does not know them all.
func (v *visitor) servedIn(lit *ast.FuncLit, s *started) (names []string, ok bool) {
	given := 0 // parameters that are connections stand for arguments that are
	for _, f := range lit.Type.Params.List {
		for _, id := range f.Names {
			if id.Name != "_" && isConn(v.info.TypeOf(f.Type)) {
				names = append(names, id.Name)
				given++
			}
		}
	}
	scope := v.info.Scopes[lit.Type]
	for _, conn := range s.served {
		_, seen := scope.LookupParent(conn.Name(), lit.Body.Lbrace+1)
		if seen == conn && v.constant(conn) {
			names = append(names, conn.Name())
		} else if given--; given < 0 {
			return nil, false
		}
	}
	return names, true
}

// constant reports whether nothing assigns to the variable but its declaration in a
// statement, in which the variables of loops are left out.
func (v *visitor) constant(conn *types.Var) bool {
	declared, changed := false, false
	changes := func(list ...ast.Expr) {
		for _, x := range list {
			if id, ok := x.(*ast.Ident); ok && (v.info.Uses[id] == conn || v.info.Defs[id] == conn) {
				changed = true
			}
		}
	}
	for _, n := range v.stack {
		d, ok := n.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, x := range n.Lhs {
					if id, ok := x.(*ast.Ident); ok && v.info.Defs[id] == conn {
						declared = true
					} else {
						changes(x)
					}
				}
			case *ast.RangeStmt:
				changes(n.Key, n.Value)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					changes(n.X)
				}
			case *ast.Field:
				for _, id := range n.Names {
					declared = declared || v.info.Defs[id] == conn
				}
			}
			return true
		})
	}
	return declared && !changed
}

// goes adds the guard of the goroutine that n starts, if it is there for one request.
func (v *visitor) goes(n *ast.GoStmt) {
	s := v.facts.started[n]
	if s == nil || !v.facts.guard {
		return
	}
	if s.not != "" {
		v.unguarded(n.Pos(), s.rule, s.not)
		return
	}
	if lit, ok := ast.Unparen(n.Call.Fun).(*ast.FuncLit); ok {
		v.contain[lit] = s
		return
	}
	r, why := v.goCall(n.Call, s)
	if why != "" {
		v.unguarded(n.Pos(), s.rule, why)
		return
	}
	v.guarded(r, n.Pos(), s.rule, s.why)
}

// goCall returns the rewrite of the call n, which a go statement starts, or why there
// is none. The function that starts it in its place is generic.
func (v *visitor) goCall(n *ast.CallExpr, s *started) (Rewrite, string) {
	sig, ok := v.info.TypeOf(n.Fun).(*types.Signature)
	f := typeutil.StaticCallee(v.info, n)
	if !ok || f == nil {
		return Rewrite{}, "what it calls is not a function with a name"
	}
	params, results := sig.Params(), sig.Results()
	switch {
	case v.noGenerics != "" && params.Len()+results.Len() > 0:
		return Rewrite{}, v.noGenerics
	case f.Signature().TypeParams().Len() > 0:
		return Rewrite{}, "its function is generic"
	case sig.Variadic() || params.Len() > 3 || len(n.Args) != params.Len() || results.Len() > 1:
		return Rewrite{}, "its function has other than at most three parameters and one result"
	case len(n.Args) == 0 && v.line(n.Lparen) != v.line(n.Rparen):
		return Rewrite{}, "it is spread over several lines"
	}
	for i, x := range n.Args {
		if !types.Identical(v.info.TypeOf(x), params.At(i).Type()) {
			return Rewrite{}, "an argument is converted"
		}
	}
	r := Rewrite{Form: Started, Site: -1, Start: v.offset(n.Pos()), Cut: v.offset(n.Lparen), End: v.offset(n.End())}
	r.Func = "Go" + strconv.Itoa(params.Len()) + strings.Repeat("R", results.Len())
	for _, conn := range s.served {
		if v.isArgument(conn, n) {
			continue // it is one of those that are closed anyway
		}
		if _, seen := v.pkg.Types.Scope().Innermost(n.Pos()).LookupParent(conn.Name(), n.Pos()); seen != conn {
			return Rewrite{}, "its connection goes by a name that means something else there"
		}
		r.Served = append(r.Served, conn.Name())
	}
	return r, ""
}

func (v *visitor) isArgument(conn *types.Var, n *ast.CallExpr) bool {
	return slices.ContainsFunc(n.Args, func(x ast.Expr) bool {
		id, ok := ast.Unparen(x).(*ast.Ident)
		return ok && v.info.Uses[id] == conn
	})
}

// recovers reports whether one of the functions is an interceptor of a gRPC server and
// has a call of recover in it, or defers a function that has.
func recovers(funcs []*ssa.Function) bool {
	return slices.ContainsFunc(funcs, func(fn *ssa.Function) bool {
		if p := fn.Signature.Params(); p.Len() != 4 || !isInterceptor(p.At(2).Type()) {
			return false
		}
		return callsRecover(fn, 0)
	})
}

func isInterceptor(info types.Type) bool {
	name := info.String()
	return name == "*"+grpcPath+".UnaryServerInfo" || name == "*"+grpcPath+".StreamServerInfo"
}

// callsRecover looks into what fn defers, too.
func callsRecover(fn *ssa.Function, deferred int) bool {
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			switch i := i.(type) {
			case *ssa.Call:
				if f, ok := i.Call.Value.(*ssa.Builtin); ok && f.Name() == "recover" {
					return true
				}
			case *ssa.Defer:
				callee := i.Call.StaticCallee()
				if callee != nil && deferred < 3 && callsRecover(callee, deferred+1) {
					return true
				}
			}
		}
	}
	return false
}
