package analyze

import (
	"go/ast"
	"go/token"
	"go/types"
)

// again returns why x, an operand of the call, cannot be evaluated a second
// time, "" if it can; faults says that it may panic.
func (t *taker) again(x ast.Expr) (faults bool, why string) {
	info := t.v.info
	if tv := info.Types[x]; tv.Value != nil {
		return false, ""
	}
	switch x := x.(type) {
	case *ast.ParenExpr:
		return t.again(x.X)
	case *ast.Ident:
		return false, ""
	case *ast.SelectorExpr:
		return t.selected(x)
	case *ast.StarExpr:
		_, why := t.again(x.X)
		return true, why
	case *ast.IndexExpr:
		return t.element(x)
	case *ast.SliceExpr:
		_, why := t.all(x.X, x.Low, x.High, x.Max)
		return true, why
	case *ast.UnaryExpr:
		if x.Op == token.SUB || x.Op == token.ADD || x.Op == token.XOR {
			return t.again(x.X)
		}
		return false, "it is no plain value"
	case *ast.BinaryExpr:
		b, ok := info.TypeOf(x).Underlying().(*types.Basic)
		if !ok || b.Info()&types.IsInteger == 0 {
			return false, newValue
		}
		faults, why := t.all(x.X, x.Y)
		switch x.Op {
		case token.QUO, token.REM, token.SHL, token.SHR:
			faults = true
		}
		return faults, why
	case *ast.CallExpr:
		return t.conversion(x)
	}
	return false, newValue
}

const newValue = "it makes a new value"

// all is again of several, of which some may be nil.
func (t *taker) all(list ...ast.Expr) (faults bool, why string) {
	for _, x := range list {
		if x == nil {
			continue
		}
		f, why := t.again(x)
		if why != "" {
			return false, why
		}
		faults = faults || f
	}
	return faults, ""
}

// selected is again of a field, or of another package's variable.
func (t *taker) selected(x *ast.SelectorExpr) (faults bool, why string) {
	s := t.v.info.Selections[x]
	if s == nil {
		return false, ""
	}
	if s.Kind() != types.FieldVal {
		return false, newValue
	}
	faults, why = t.again(x.X)
	return faults || s.Indirect(), why
}

// element is again of an element of a slice, an array or a string.
func (t *taker) element(x *ast.IndexExpr) (faults bool, why string) {
	of := t.v.info.TypeOf(x.X)
	if _, param := types.Unalias(of).(*types.TypeParam); param {
		return false, "its type is a type parameter"
	}
	switch of.Underlying().(type) {
	case *types.Map:
		return false, "it is an element of a map"
	case *types.Slice, *types.Array, *types.Basic, *types.Pointer:
		_, why := t.all(x.X, x.Index)
		return true, why
	}
	return false, newValue
}

// conversion is again of a conversion that copies nothing, or of a length.
func (t *taker) conversion(x *ast.CallExpr) (faults bool, why string) {
	fun := t.v.info.Types[x.Fun]
	switch {
	case fun.IsBuiltin():
		if id, ok := ast.Unparen(x.Fun).(*ast.Ident); ok && (id.Name == "len" || id.Name == "cap") {
			return t.again(x.Args[0])
		}
		return false, newValue
	case !fun.IsType():
		return false, "it is a call"
	case len(x.Args) != 1:
		return false, newValue
	case !sameShape(t.v.info.TypeOf(x.Args[0]), fun.Type):
		return false, newValue
	}
	return t.again(x.Args[0])
}

// sameShape reports whether a conversion between the two types allocates
// nothing and cannot panic: numbers, or types that differ in their names.
func sameShape(from, to types.Type) bool {
	for _, of := range []types.Type{from, to} {
		if _, param := types.Unalias(of).(*types.TypeParam); param {
			return false
		}
	}
	a, aok := from.Underlying().(*types.Basic)
	b, bok := to.Underlying().(*types.Basic)
	if aok && bok {
		number := types.BasicInfo(types.IsInteger | types.IsFloat)
		return a.Info()&number != 0 && b.Info()&number != 0 || a.Info()&types.IsString != 0 && b.Info()&types.IsString != 0
	}
	return types.Identical(from.Underlying(), to.Underlying()) && !types.IsInterface(to)
}
