package analyze

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"

	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/event"
)

// noGenerics says why hooks that are generic cannot be called in a file, "" if
// they can.
func noGenerics(p *load.Package, f *ast.File) string {
	v := p.Info.FileVersions[f]
	if v == "" && p.Module != nil {
		v = "go1.16" // of a module without a go line
		if p.Module.GoVersion != "" {
			v = "go" + p.Module.GoVersion
		}
	}
	if v != "" && version.Compare(v, "go1.18") < 0 {
		return "the hook is generic, and the language version here is " + v
	}
	return ""
}

// channel checks that an operation on x can be woven.
func (v *visitor) channel(x ast.Expr, p token.Pos, what string) bool {
	t := v.info.TypeOf(x)
	if t == nil {
		return false
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		v.skip(p, what, "the channel's type is a type parameter")
		return false
	}
	if v.noGenerics != "" {
		v.skip(p, what, v.noGenerics)
		return false
	}
	return true
}

func (v *visitor) send(n *ast.SendStmt) {
	what := "send to " + types.ExprString(n.Chan)
	if v.comms[n] || !v.channel(n.Chan, n.Arrow, what) {
		return
	}
	v.add(&op{
		site:    v.site(v.unlessNil(event.Send, n.Arrow), n.Arrow, objectName(v.info, n.Chan)),
		rewrite: Rewrite{Form: Send, Start: v.offset(n.Pos()), Cut: v.offset(n.Arrow), End: v.offset(n.End())},
	}, n.Arrow, what)
}

func (v *visitor) receive(n *ast.UnaryExpr) {
	what := "receive from " + types.ExprString(n.X)
	if v.comms[n] || !v.channel(n.X, n.OpPos, what) {
		return
	}
	r := Rewrite{Form: Recv, Start: v.offset(n.OpPos), Cut: v.offset(n.X.Pos()), End: v.offset(n.End()), Func: "Recv"}
	if ok, two := v.commaOK(); two {
		if !takesBool(ok) {
			v.skip(n.OpPos, what, "its second result is assigned to a type other than bool")
			return
		}
		r.Func = "RecvOK"
	}
	o := &op{site: v.site(v.unlessNil(event.Receive, n.OpPos), n.OpPos, objectName(v.info, n.X)), rewrite: r}
	v.idleSource(o, n, n.X)
	v.add(o, n.OpPos, what)
}

// commaOK reports whether the expression visited has two results, and the type
// that takes the second; nil if that is the blank identifier.
func (v *visitor) commaOK() (ok types.Type, two bool) {
	i := 0
	for {
		if _, paren := v.parent(i).(*ast.ParenExpr); !paren {
			break
		}
		i++
	}
	var second ast.Expr
	switch n := v.parent(i).(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) != 2 || len(n.Rhs) != 1 {
			return nil, false
		}
		second = n.Lhs[1]
	case *ast.ValueSpec:
		if len(n.Names) != 2 || len(n.Values) != 1 {
			return nil, false
		}
		second = n.Names[1]
	default:
		return nil, false
	}
	if id, blank := second.(*ast.Ident); blank && id.Name == "_" {
		return nil, true
	}
	return v.info.TypeOf(second), true
}

func takesBool(t types.Type) bool {
	return t == nil || types.AssignableTo(types.Typ[types.Bool], t)
}

func (v *visitor) rangeOver(n *ast.RangeStmt) {
	if t := v.info.TypeOf(n.X); t == nil {
		return
	} else if _, ok := coreChan(t); !ok {
		return
	}
	what := "range over " + types.ExprString(n.X)
	if !v.channel(n.X, n.For, what) {
		return
	}
	r := Rewrite{
		Form: Range, Start: v.offset(n.For) + len("for"), Cut: v.offset(n.X.Pos()), End: v.offset(n.X.End()),
		Var: "_", OK: v.names.ok, Chan: v.names.ch,
	}
	id, named := n.Key.(*ast.Ident)
	switch {
	case n.Key == nil || named && id.Name == "_":
	case n.Tok == token.DEFINE:
		r.Var = id.Name
	case asks(v.info, n.Key):
		v.skip(n.For, what, "it assigns to something that it calls a function or receives to find")
		return
	case v.line(n.Key.Pos()) != v.line(n.Body.Lbrace):
		v.skip(n.For, what, "its header is spread over several lines")
		return
	default:
		r.Var = v.names.element
		r.Marks = []int{v.offset(n.Key.Pos()), v.offset(n.Key.End()), v.offset(n.Body.Lbrace) + 1, v.offset(n.Body.Rbrace)}
	}
	o := &op{site: v.site(v.unlessNil(event.Range, n.For), n.For, objectName(v.info, n.X)), rewrite: r}
	v.idleSource(o, n, n.X)
	v.add(o, n.For, what)
}

// selection adds a select that can block.
func (v *visitor) selection(n *ast.SelectStmt) {
	var marks []int
	waits := true
	for _, c := range n.Body.List {
		clause := c.(*ast.CommClause)
		if clause.Comm == nil {
			waits = false
			continue
		}
		v.comms[commOf(clause.Comm)] = true
		marks = append(marks, v.offset(clause.Colon)+1)
	}
	if !waits {
		return
	}
	kind := v.unlessNil(event.Select, n.Select)
	if len(n.Body.List) == 1 { // to the call graph's eyes no select, but its operation
		kind = v.unlessNil(kind, opPos(commOf(n.Body.List[0].(*ast.CommClause).Comm)))
	}
	if len(marks) == 0 {
		kind = event.Never
	}
	start, _ := v.labelled(n)
	o := &op{site: v.site(kind, n.Select, ""), rewrite: Rewrite{
		Form: Select, Start: v.offset(start), Cut: v.offset(n.Select), End: v.offset(n.End()), Marks: marks,
	}}
	o.site.Needs = v.needOfCases(n)
	v.idleAtHead(o, n)
	switch {
	case len(marks) == 0:
		o.idle("a select without cases is written to park a goroutine for good")
	case v.isPause(n):
		o.idle(whyOutside)
	}
	v.add(o, n.Select, "select")
}

// opPos returns where the send or receive n has its arrow.
func opPos(n ast.Node) token.Pos {
	if s, ok := n.(*ast.SendStmt); ok {
		return s.Arrow
	}
	return n.Pos()
}

// unlessNil returns the kind of an operation at p on a channel: kind, or that
// of what nothing can serve.
func (v *visitor) unlessNil(kind event.Kind, p token.Pos) event.Kind {
	if v.facts.nils[p] {
		return event.Never
	}
	return kind
}

// commOf returns the operation of a select case: the send statement or the
// receive expression.
func commOf(s ast.Stmt) ast.Node {
	var x ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.AssignStmt:
		x = s.Rhs[0]
	default:
		return s
	}
	return ast.Unparen(x)
}
