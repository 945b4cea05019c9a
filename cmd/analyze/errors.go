package analyze

import (
	"go/ast"
	"go/types"
)

var errorType = types.Universe.Lookup("error").Type()

// noteError finds where the error of the call n, the operation o, is to be had:
// in a variable that a statement assigns it to; else, if it is all that the call
// results in, by making the call an expression. What is compared with nil must
// be exactly an error.
func (v *visitor) noteError(o *op, n *ast.CallExpr) {
	r := &o.rewrite
	results, several := v.info.TypeOf(n).(*types.Tuple)
	last := v.info.TypeOf(n)
	if several && results.Len() > 0 {
		last = results.At(results.Len() - 1).Type()
	}
	if last == nil || !types.Identical(last, errorType) {
		return
	}
	switch r.Form {
	case Statement, Hoist:
		id := v.assigned()
		switch {
		case id != nil && id.Name != "_" && v.isError(id):
			if !v.names.redeclared["nil"] {
				r.Err = id.Name
			}
		case !several && !r.Open:
			*r = Rewrite{Form: Expression, Start: v.offset(n.Pos()), Cut: v.offset(n.Pos()), End: v.offset(n.End()), Err: "error"}
		}
	case Expression:
		r.Err = "error"
	}
}

func (v *visitor) isError(id *ast.Ident) bool {
	obj := v.info.ObjectOf(id)
	return obj != nil && types.Identical(obj.Type(), errorType)
}

// assigned returns the identifier that the last result of the call visited is
// assigned to, nil if it is none.
func (v *visitor) assigned() *ast.Ident {
	switch s := v.parent(0).(type) {
	case *ast.AssignStmt:
		id, _ := ast.Unparen(s.Lhs[len(s.Lhs)-1]).(*ast.Ident)
		return id
	case *ast.ValueSpec:
		return s.Names[len(s.Names)-1]
	}
	return nil
}
