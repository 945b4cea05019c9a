package analyze

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// unsure are the locks, by the variable or field that they are, whose releases
// hooks would not all see. A hold record that outlives its lock's release is a
// false statement, so that nothing is woven on these locks at all.
type unsure map[*types.Var]string // why

func (u unsure) add(lock *types.Var, why string) {
	if lock != nil && u[lock.Origin()] == "" {
		u[lock.Origin()] = why
	}
}

func (u unsure) why(lock *types.Var) string {
	if lock == nil {
		return ""
	}
	return u[lock.Origin()]
}

// converted returns the locks that are embedded in something which is made an
// interface with their methods, or the type argument of such a constraint. Who
// unlocks such an interface unlocks something a hook does not know to be a lock.
func converted(funcs []*ssa.Function, fset *token.FileSet) unsure {
	u := make(unsure)
	for _, fn := range funcs {
		for i, t := range fn.TypeArgs() {
			if params := fn.Origin().TypeParams(); i < params.Len() {
				u.addConversion(t, params.At(i).Constraint(), fset, fn.Origin().Pos())
			}
		}
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				if m, ok := instr.(*ssa.MakeInterface); ok {
					u.addConversion(m.X.Type(), m.Type(), fset, conversionPos(m))
				}
			}
		}
	}
	return u
}

// conversionPos returns where m is. What converts without saying so has no
// place of its own but that of what uses it.
func conversionPos(m *ssa.MakeInterface) token.Pos {
	if m.Pos().IsValid() {
		return m.Pos()
	}
	if users := m.Referrers(); users != nil {
		for _, user := range *users {
			if user.Pos().IsValid() {
				return user.Pos()
			}
		}
	}
	return m.Parent().Pos()
}

// addConversion adds the embedded lock that values of type from lend their
// methods from, if the interface to has one that releases it.
func (u unsure) addConversion(from, to types.Type, fset *token.FileSet, p token.Pos) {
	if obj, _, _ := types.LookupFieldOrMethod(to, false, nil, "Unlock"); obj == nil {
		if obj, _, _ = types.LookupFieldOrMethod(to, false, nil, "RUnlock"); obj == nil {
			return
		}
	}
	for _, name := range []string{"Unlock", "RUnlock"} {
		obj, index, _ := types.LookupFieldOrMethod(from, true, nil, name)
		f, ok := obj.(*types.Func)
		if !ok || len(index) < 2 {
			continue
		}
		if _, ok := lockMethods[f.FullName()]; !ok {
			continue
		}
		var field *types.Var
		t := from
		for _, i := range index[:len(index)-1] {
			if field = structField(t, i); field == nil {
				return
			}
			t = field.Type()
		}
		u.add(field, "a hook cannot follow it through an interface, which it becomes at "+placeOf(fset, p))
	}
}

// lockVar returns the variable or field that the lock of the method n is, nil
// if it is none: an element, a result.
func (v *visitor) lockVar(n *ast.SelectorExpr) *types.Var {
	sel := v.info.Selections[n]
	t, index := sel.Recv(), sel.Index()
	var field *types.Var
	for _, i := range index[:len(index)-1] {
		if field = structField(t, i); field == nil {
			return nil
		}
		t = field.Type()
	}
	if field != nil {
		return field
	}
	switch x := bare(n.X).(type) {
	case *ast.Ident:
		lock, _ := v.info.ObjectOf(x).(*types.Var)
		return lock
	case *ast.SelectorExpr:
		lock, _ := v.info.ObjectOf(x.Sel).(*types.Var)
		return lock
	}
	return nil
}

// drop removes the operations on locks that are unsure, and lists them.
func (v *visitor) drop(u unsure) {
	v.ops = slices.DeleteFunc(v.ops, func(o *op) bool {
		why := u.why(o.lockVar)
		if why != "" {
			v.skipIn(o.fn, o.pos, o.what, why)
		}
		return why != ""
	})
}
