package analyze

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// lending knows the parameters of function type that their function only lends:
// it calls them, itself or in its literals, and hands them on to others that do
// no more. sync.Once's Do is one, and so are errgroup's Go and what sorts and
// walks. What such a function is given is then its caller's to answer for, and
// not that of everybody who calls it.
//
// Parameters that are stored anywhere but in a variable that nothing else is
// assigned to are not lent.
type lending struct {
	of      map[ssa.Value]*ssa.Parameter // what has the value of a parameter that is lent
	has     map[*ssa.Function]bool       // functions with such a value, literals included
	borrows map[*ssa.Function]bool       // literals with one of a function around them
}

// loan is what becomes of one parameter.
type loan struct {
	values []ssa.Value
	passed []*ssa.Parameter
	kept   bool // or it is lost from sight
}

// lend finds what is lent.
func lend(funcs []*ssa.Function) *lending {
	loans := make(map[*ssa.Parameter]*loan)
	for _, fn := range funcs {
		if isGeneric(fn) || fn.Blocks == nil {
			continue
		}
		for _, p := range fn.Params {
			if isFunction(p.Type()) {
				l := new(loan)
				l.value(p)
				loans[p] = l
			}
		}
	}
	for again := true; again; { // those that hand on to one that keeps keep
		again = false
		for _, l := range loans {
			for _, p := range l.passed {
				if to := loans[p]; !l.kept && (to == nil || to.kept) {
					l.kept, again = true, true
				}
			}
		}
	}
	out := &lending{make(map[ssa.Value]*ssa.Parameter), make(map[*ssa.Function]bool), make(map[*ssa.Function]bool)}
	for p, l := range loans {
		if l.kept {
			continue
		}
		for _, v := range l.values {
			out.of[v] = p
			out.has[v.Parent()] = true
			if v.Parent() != p.Parent() {
				out.borrows[v.Parent()] = true
			}
		}
	}
	return out
}

func isFunction(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

// value follows what is done to a value that the parameter has.
func (l *loan) value(v ssa.Value) {
	l.values = append(l.values, v)
	if v.Referrers() == nil {
		l.kept = true
		return
	}
	for _, user := range *v.Referrers() {
		switch user := user.(type) {
		case *ssa.DebugRef:
		case *ssa.If:
		case *ssa.BinOp: // a comparison with nil
		case *ssa.ChangeType:
			l.value(user)
		case *ssa.Store:
			l.variable(user, v)
		case *ssa.MakeClosure:
			for _, free := range l.captured(user, v) {
				l.value(free)
			}
		case ssa.CallInstruction:
			l.call(user.Common(), v)
		default:
			l.kept = true
		}
		if l.kept {
			return
		}
	}
}

// call follows a call of v, or one that v is given to.
func (l *loan) call(call *ssa.CallCommon, v ssa.Value) {
	callee := call.StaticCallee()
	for i, a := range call.Args {
		if a != v {
			continue
		}
		if callee == nil || i >= len(callee.Params) || callee.Blocks == nil {
			l.kept = true
			return
		}
		l.passed = append(l.passed, callee.Params[i])
	}
}

// variable follows a variable of the function's own that v is stored in. It has
// that value only if nothing else is stored there.
func (l *loan) variable(s *ssa.Store, v ssa.Value) {
	a, ok := s.Addr.(*ssa.Alloc)
	if !ok || s.Val != v {
		l.kept = true
		return
	}
	addresses := []ssa.Value{a}
	for len(addresses) > 0 && !l.kept {
		at := addresses[0]
		addresses = addresses[1:]
		for _, user := range *at.Referrers() {
			switch user := user.(type) {
			case *ssa.Store:
				l.kept = l.kept || user != s
			case *ssa.UnOp:
				if user.Op == token.MUL {
					l.value(user)
				}
			case *ssa.MakeClosure:
				for _, free := range l.captured(user, at) {
					addresses = append(addresses, free)
				}
			case *ssa.DebugRef:
			default:
				l.kept = true
			}
		}
	}
}

// captured returns the variables of the literal that m makes which are v.
func (l *loan) captured(m *ssa.MakeClosure, v ssa.Value) (out []*ssa.FreeVar) {
	fn := m.Fn.(*ssa.Function)
	l.kept = l.kept || made(fn) != m // a bound method, which is made anywhere
	for i, b := range m.Bindings {
		if b == v {
			out = append(out, fn.FreeVars[i])
		}
	}
	return out
}

// lent returns the parameters of fn that are lent, by their places.
func (l *lending) lent(fn *ssa.Function) (places []int) {
	for i, p := range fn.Params {
		if l.of[p] != nil {
			places = append(places, i)
		}
	}
	return places
}
