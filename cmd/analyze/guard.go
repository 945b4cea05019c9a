package analyze

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// started is what is known of a go statement whose goroutine is there for one request.
type started struct {
	rule   *guardRule
	why    string       // what makes it one
	served []*types.Var // connections of the request, that it uses or that were accepted for it
	not    string       // why it has no guard, "" if it may have one
}

// body is a function, a declaration or literal, and what is known of its package.
type body struct {
	node ast.Node // nil if it is not known
	info *types.Info
}

// starter finds the go statements of a package that start a goroutine for one request.
type starter struct {
	*walker
	pkg     *load.Package
	regions map[ast.Stmt]*cause
	bodies  map[*types.Func]body // of the functions in scope
	found   map[*ast.GoStmt]*started
	units   map[ast.Node]bool // function literals that a call of guard.Go starts for one request
	stack   []ast.Node
}

// startedPerRequest returns the go statements in scope that start a goroutine for one
// request, and notes which of the regions belong to such goroutines alone.
func (w *walker) startedPerRequest(regions map[ast.Stmt]*cause) map[*ast.GoStmt]*started {
	s := &starter{walker: w, regions: regions, bodies: make(map[*types.Func]body), found: make(map[*ast.GoStmt]*started), units: make(map[ast.Node]bool)}
	for _, p := range w.inScope {
		for _, f := range p.Syntax {
			for _, d := range f.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
					if fn, ok := p.Info.Defs[d.Name].(*types.Func); ok {
						s.bodies[fn] = body{d, p.Info}
					}
				}
			}
		}
	}
	for _, p := range w.inScope {
		s.pkg = p
		for _, f := range p.Syntax {
			ast.Inspect(f, s.visit)
		}
	}
	w.perRequest(regions, s)
	return s.found
}

func (s *starter) visit(n ast.Node) bool {
	if n == nil {
		s.stack = s.stack[:len(s.stack)-1]
		return true
	}
	switch n := n.(type) {
	case *ast.GoStmt:
		if found := s.started(n, n.Call); found != nil {
			s.found[n] = found
		}
	case *ast.CallExpr:
		if f, ok := typeutil.Callee(s.pkg.Info, n).(*types.Func); ok && isGuardGo(f) && len(n.Args) == 3 && s.started(n, n) != nil {
			s.units[ast.Unparen(n.Args[1])] = true
		}
	}
	s.stack = append(s.stack, n)
	return true
}

// isGuardGo reports whether f is package guard's own go statement.
func isGuardGo(f *types.Func) bool { return f.FullName() == "github.com/lifesign-go/lifesign/guard.Go" }

// started returns what is known of n, which starts a goroutine by call; nil if it is
// not there for one request.
func (s *starter) started(n ast.Node, call *ast.CallExpr) *started {
	fn, loops := s.around()
	if fn == nil {
		return nil
	}
	used := s.uses(n)
	for _, loop := range loops {
		if !slices.ContainsFunc(used, func(v *types.Var) bool { return s.got(v, loop) }) {
			continue
		}
		if accept := s.accepts(loop); accept != nil && endless(s.pkg.Info, loop) != "" {
			return s.complete(&started{rule: guardAccept, why: "it is started in the loop that accepts connections at " + s.place(loop.Pos())}, n, call, used, accept)
		}
		if s.regions[loop.(ast.Stmt)] != nil && (s.ends(call) || slices.ContainsFunc(used, func(v *types.Var) bool { return isConn(v.Type()) })) {
			return s.complete(&started{rule: guardLoop, why: "it is started in the loop at " + s.place(loop.Pos()) + ", with what that has got"}, n, call, used, nil)
		}
	}
	if c := s.requests[fn]; c != nil && c.begins != ByTimer {
		if s.ends(call) || slices.ContainsFunc(used, func(v *types.Var) bool { return ownOf(fn, v) }) {
			return s.complete(&started{rule: guardRequest, why: "it is started by the request at " + s.place(fn.Pos())}, n, call, used, nil)
		}
	}
	return nil
}

// around returns the function around the node visited, and the loops of it that are,
// inner ones first.
func (s *starter) around() (fn ast.Node, loops []ast.Node) {
	for i := len(s.stack) - 1; i >= 0; i-- {
		switch n := s.stack[i].(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			return n, loops
		case *ast.ForStmt, *ast.RangeStmt:
			loops = append(loops, n)
		}
	}
	return nil, nil
}

// uses returns the variables that n uses and does not declare.
func (s *starter) uses(n ast.Node) []*types.Var {
	var out []*types.Var
	ast.Inspect(n, func(c ast.Node) bool {
		if id, ok := c.(*ast.Ident); ok {
			if v, ok := s.pkg.Info.Uses[id].(*types.Var); ok && !v.IsField() && !within(v.Pos(), n) && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
		return true
	})
	return out
}

func within(p token.Pos, n ast.Node) bool { return n.Pos() <= p && p < n.End() }

// ownOf reports whether v is a variable or parameter of the function n, and not its
// receiver.
func ownOf(n ast.Node, v *types.Var) bool {
	if d, ok := n.(*ast.FuncDecl); ok && d.Recv != nil && within(v.Pos(), d.Recv) {
		return false
	}
	return within(v.Pos(), n)
}

// got reports whether the loop declares v, or assigns to it.
func (s *starter) got(v *types.Var, loop ast.Node) bool {
	if within(v.Pos(), loop) {
		return true
	}
	found := false
	assigns := func(list ...ast.Expr) {
		for _, x := range list {
			if id, ok := x.(*ast.Ident); ok && s.pkg.Info.Uses[id] == v {
				found = true
			}
		}
	}
	ast.Inspect(loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.AssignStmt:
			assigns(n.Lhs...)
		case *ast.RangeStmt:
			assigns(n.Key, n.Value)
		}
		return !found
	})
	return found
}

// accepts returns what the loop accepts connections by, nil if it accepts none.
func (s *starter) accepts(loop ast.Node) *ast.CallExpr {
	var found *ast.CallExpr
	ast.Inspect(loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			f, ok := typeutil.Callee(s.pkg.Info, n).(*types.Func)
			if !ok || len(f.Name()) < 6 || f.Name()[:6] != "Accept" || f.Signature().Results().Len() == 0 {
				break
			}
			if r, known := blocks(f); known && r.wait == always || isConn(f.Signature().Results().At(0).Type()) {
				found = n
			}
		}
		return found == nil
	})
	return found
}

// isConn reports whether t is a connection, by its methods.
func isConn(t types.Type) bool {
	for _, name := range []string{"Close", "SetReadDeadline", "RemoteAddr"} {
		m, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
		if _, ok := m.(*types.Func); !ok {
			return false
		}
	}
	return true
}

// complete notes what else there is to know of a goroutine: what it serves, and whether
// somebody may wait for it.
func (s *starter) complete(out *started, n ast.Node, call *ast.CallExpr, used []*types.Var, accept *ast.CallExpr) *started {
	for _, v := range used {
		if isConn(v.Type()) && v.Parent() != s.pkg.Types.Scope() {
			out.served = append(out.served, v)
		}
	}
	if v := s.assigned(accept); v != nil && !slices.Contains(out.served, v) && isConn(v.Type()) {
		out.served = append(out.served, v)
	}
	if b := s.body(call); b.node == nil {
		out.not = string(notInScope)
	} else if at := b.waitedFor(out.rule != guardAccept); at.IsValid() {
		out.not = string(waitedFor) + ": " + s.place(at)
	}
	return out
}

// assigned returns the variable that gets the first result of the call.
func (s *starter) assigned(call *ast.CallExpr) *types.Var {
	if call == nil {
		return nil
	}
	var out *types.Var
	for i := len(s.stack) - 1; i >= 0 && out == nil; i-- {
		ast.Inspect(s.stack[i], func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && ast.Unparen(a.Rhs[0]) == call {
				if id, ok := a.Lhs[0].(*ast.Ident); ok {
					out, _ = s.pkg.Info.ObjectOf(id).(*types.Var)
				}
			}
			return out == nil
		})
		if _, ok := s.stack[i].(*ast.FuncDecl); ok {
			break
		}
	}
	return out
}

// ends reports whether the function that is called has no endless loop of its own.
func (s *starter) ends(call *ast.CallExpr) bool {
	b := s.body(call)
	return b.node != nil && len(loopsOf(b.info, b.node)) == 0
}

// body returns the function that is called.
func (s *starter) body(call *ast.CallExpr) body {
	if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok {
		return body{lit, s.pkg.Info}
	}
	if f := typeutil.StaticCallee(s.pkg.Info, call); f != nil {
		return s.bodies[f.Origin()]
	}
	return body{}
}

// waitedFor returns where the function does something that somebody may wait for, and
// would leave undone if it panicked before; no position if there is nothing. What it
// defers is done all the same: but with close it counts too if it ends a wait of the
// function around it, which would go on with what has not been done.
func (b body) waitedFor(close bool) (at token.Pos) {
	var look func(n ast.Node, deferred bool)
	look = func(root ast.Node, deferred bool) {
		ast.Inspect(root, func(n ast.Node) bool {
			if at.IsValid() || n == nil {
				return false
			}
			switch n := n.(type) {
			case *ast.GoStmt:
				return false
			case *ast.DeferStmt:
				if close && !deferred {
					look(n.Call, true)
				}
				return false
			default:
				if b.tells(n, deferred) {
					at = n.Pos()
				}
			}
			return true
		})
	}
	look(b.node, false)
	return at
}

// tells reports whether n may tell somebody that the goroutine is done, or has come to
// something. Of what is deferred only that counts which it was given to tell it with.
func (b body) tells(n ast.Node, deferred bool) bool {
	switch n := n.(type) {
	case *ast.SendStmt:
		return b.given(n.Chan)
	case *ast.ExprStmt:
		x, ok := ast.Unparen(n.X).(*ast.UnaryExpr)
		return ok && x.Op == token.ARROW && (!deferred || b.given(x.X))
	case *ast.CallExpr:
		switch f := typeutil.Callee(b.info, n).(type) {
		case *types.Builtin:
			return f.Name() == "close" && b.given(n.Args[0])
		case *types.Func:
			s, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
			return f.FullName() == "(*sync.WaitGroup).Done" && (!deferred || ok && b.given(s.X))
		case *types.Var:
			return !deferred && b.given(n.Fun)
		}
	}
	return false
}

// given reports whether x is a variable that the function was given, as a parameter or
// by being a literal.
func (b body) given(x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := b.info.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Parent() == v.Pkg().Scope() {
		return false
	}
	switch n := b.node.(type) {
	case *ast.FuncDecl:
		return !within(v.Pos(), n.Body)
	case *ast.FuncLit:
		return !within(v.Pos(), n.Body)
	}
	return false
}

// perRequest notes which regions only goroutines have that are there for one request.
func (w *walker) perRequest(regions map[ast.Stmt]*cause, s *starter) {
	at := make(map[token.Pos]bool)
	for n := range s.found {
		at[n.Pos()] = true
	}
	other := &walker{prog: w.prog, program: w.program, graph: w.graph, inScope: w.inScope, standard: w.standard, rank: w.rank, reached: make(map[*ssa.Function]*reach)}
	for _, r := range w.order {
		if g, ok := r.by.(*ssa.Go); r.depth == 0 && !(ok && at[g.Pos()]) && !s.units[r.fn.Syntax()] {
			other.add(&reach{fn: r.fn, by: r.by})
		}
	}
	other.follow()
	lasting := make(map[ast.Node]bool)
	for fn := range other.reached {
		lasting[fn.Syntax()] = true
	}
	for _, r := range w.order {
		n := r.fn.Syntax()
		if n == nil || lasting[n] || w.packageOf(r.fn) == nil {
			continue
		}
		for loop := range loopsOf(w.packageOf(r.fn).Info, n) {
			if c := regions[loop]; c != nil && c.begins == ByGo {
				c.perRequest = true
			}
		}
	}
}
