package analyze

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// objectName names what x denotes as a person would: a field by its type,
// server.stream.mu; a package variable by its package, server.started; a local
// variable by its name.
func objectName(info *types.Info, x ast.Expr) string {
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return identName(info.ObjectOf(x), x.Name)
	case *ast.SelectorExpr:
		return selectorName(info, x)
	case *ast.IndexExpr:
		return objectName(info, x.X) + "[]"
	case *ast.StarExpr:
		return objectName(info, x.X)
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return objectName(info, x.X)
		}
		return types.ExprString(x)
	case *ast.CallExpr:
		return callName(info, x)
	case *ast.TypeAssertExpr:
		return objectName(info, x.X)
	default:
		return types.ExprString(x)
	}
}

// callName names the result of a call. A conversion, and RLocker, is another
// view of what there was.
func callName(info *types.Info, call *ast.CallExpr) string {
	if info.Types[call.Fun].IsType() && len(call.Args) == 1 {
		return objectName(info, call.Args[0])
	}
	name := calleeName(info, call)
	if s, ok := call.Fun.(*ast.SelectorExpr); ok && name == "(*sync.RWMutex).RLocker" {
		return objectName(info, s.X)
	}
	return name + "()"
}

func identName(obj types.Object, name string) string {
	if obj == nil || obj.Pkg() == nil {
		return name
	}
	if obj.Parent() == obj.Pkg().Scope() {
		return obj.Pkg().Name() + "." + name
	}
	return name
}

func selectorName(info *types.Info, x *ast.SelectorExpr) string {
	sel := info.Selections[x]
	if sel == nil { // a qualified identifier
		return identName(info.ObjectOf(x.Sel), x.Sel.Name)
	}
	owner := fieldOwner(sel)
	if owner == "" || owner == "sync.Cond" { // c.L is the lock of c, not of all conditions
		return objectName(info, x.X) + "." + x.Sel.Name
	}
	return owner + "." + x.Sel.Name
}

// fieldOwner returns the name of the type that declares the selected field or
// method, "" if that type has none.
func fieldOwner(sel *types.Selection) string {
	t := sel.Recv()
	index := sel.Index()
	for _, i := range index[:len(index)-1] {
		f := structField(t, i)
		if f == nil {
			return ""
		}
		t = f.Type()
	}
	return typeName(t)
}

// embeddedName names the last embedded field on the way to a promoted method,
// "" if the type that has it has no name.
func embeddedName(sel *types.Selection) string {
	t := sel.Recv()
	index := sel.Index()
	name := ""
	for _, i := range index[:len(index)-1] {
		f := structField(t, i)
		if f == nil {
			return ""
		}
		name = typeName(t)
		if name != "" {
			name += "." + f.Name()
		}
		t = f.Type()
	}
	return name
}

// structField returns field i of the struct that t is or points to.
func structField(t types.Type, i int) *types.Var {
	t = t.Underlying()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem().Underlying()
	}
	s, ok := t.(*types.Struct)
	if !ok || i >= s.NumFields() {
		return nil
	}
	return s.Field(i)
}

// typeName returns package.Type of the named type that t is or points to, ""
// if there is none.
func typeName(t types.Type) string {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	if !ok {
		return ""
	}
	if n.Obj().Pkg() == nil {
		return n.Obj().Name()
	}
	return n.Obj().Pkg().Name() + "." + n.Obj().Name()
}

// calleeName names the function that a call calls: time.After,
// (*os.File).Sync, (net.Conn).Read. A promoted method is named by the type it is
// called on.
func calleeName(info *types.Info, call *ast.CallExpr) string {
	fun := ast.Unparen(call.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = x.X
	case *ast.IndexListExpr:
		fun = x.X
	}
	switch x := fun.(type) {
	case *ast.Ident:
		return identName(info.ObjectOf(x), x.Name)
	case *ast.SelectorExpr:
		sel := info.Selections[x]
		if sel == nil {
			return identName(info.ObjectOf(x.Sel), x.Sel.Name)
		}
		if f, ok := sel.Obj().(*types.Func); ok {
			return fmt.Sprintf("(%s).%s", types.TypeString(methodOwner(sel, f), packageName), f.Name())
		}
		return selectorName(info, x)
	case *ast.FuncLit:
		return "func"
	}
	return types.ExprString(fun)
}

// methodOwner returns the type to name the method f by: its receiver's, unless
// that is an embedded type that its package does not export.
func methodOwner(sel *types.Selection, f *types.Func) types.Type {
	recv := f.Signature().Recv().Type()
	t := recv
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok && !n.Obj().Exported() && len(sel.Index()) > 1 {
		return sel.Recv()
	}
	return recv
}

func packageName(p *types.Package) string { return p.Name() }

// lockKey identifies a lock expression within a function: two expressions with
// the same key are the same text about the same variables.
func lockKey(info *types.Info, x ast.Expr, path string) string {
	root := x
	for {
		switch y := root.(type) {
		case *ast.ParenExpr:
			root = y.X
			continue
		case *ast.StarExpr:
			root = y.X
			continue
		case *ast.UnaryExpr:
			root = y.X
			continue
		case *ast.SelectorExpr:
			root = y.X
			continue
		case *ast.IndexExpr:
			root = y.X
			continue
		case *ast.CallExpr:
			root = y.Fun
			continue
		}
		break
	}
	key := types.ExprString(bare(x)) + path
	if id, ok := root.(*ast.Ident); ok {
		if obj := info.ObjectOf(id); obj != nil {
			key = fmt.Sprintf("%s@%d", key, obj.Pos())
		}
	}
	return key
}

// bare strips what does not change which lock an expression means: x, (x), *x
// and &x.
func bare(x ast.Expr) ast.Expr {
	for {
		switch y := x.(type) {
		case *ast.ParenExpr:
			x = y.X
		case *ast.StarExpr:
			x = y.X
		case *ast.UnaryExpr:
			if y.Op != token.AND {
				return x
			}
			x = y.X
		default:
			return x
		}
	}
}
