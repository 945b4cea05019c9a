package analyze

import (
	"go/ast"
	"go/types"
)

var errorType = types.Universe.Lookup("error").Type()

// errorOf returns what Rewrite.Err is for the call n, the node visited, in this
// form: the error must be exactly one, or what is compared with nil is
// something else.
func (v *visitor) errorOf(n *ast.CallExpr, form Form) string {
	if v.names.redeclared["nil"] {
		return ""
	}
	last := v.info.TypeOf(n)
	if tuple, ok := last.(*types.Tuple); ok {
		if tuple.Len() == 0 {
			return ""
		}
		last = tuple.At(tuple.Len() - 1).Type()
	}
	if last == nil || !types.Identical(last, errorType) {
		return ""
	}
	switch form {
	case Expression:
		return "error"
	case Statement, Hoist:
		if id := v.assigned(); id != nil && id.Name != "_" {
			if obj := v.info.ObjectOf(id); obj != nil && types.Identical(obj.Type(), errorType) {
				return id.Name
			}
		}
	}
	return ""
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
