package analyze

import (
	"go/token"
	"go/types"
	"strconv"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/ssa"
)

// confinement knows the locks that nobody releases but a function that has
// taken them before: in the whole program every release is dominated by an
// acquisition of the same lock in the same function, on every path to it. Who
// leaves such a function with the lock held leaves it held for good.
//
// Locks are told apart by where the variable or field is declared. One whose
// address is used for anything but its methods is not confined, except that a
// Cond may be made of it, which releases only what its caller holds. Reflection
// and unsafe code are left out of account.
type confinement struct {
	taken map[token.Pos]bool // locks that are acquired somewhere
	loose map[token.Pos]bool // and those that are not confined

	operands []*ssa.Value // of the instruction looked at
}

// has reports whether the lock that is declared as v is confined.
func (c *confinement) has(v *types.Var) bool {
	if v == nil {
		return false
	}
	p := v.Origin().Pos()
	return c.taken[p] && !c.loose[p]
}

// lockUse is a call of a lock's method.
type lockUse struct {
	lock   token.Pos
	key    string // of the expression that leads to the lock, see lockPath
	family string
	at     ssa.CallInstruction
}

// confine looks at every use of every lock.
func confine(funcs []*ssa.Function, graph *callgraph.Graph) *confinement {
	c := &confinement{taken: make(map[token.Pos]bool), loose: make(map[token.Pos]bool)}
	acquired := make(map[*ssa.Function][]lockUse)
	var releases []lockUse
	for _, fn := range funcs {
		if isGeneric(fn) || fn.Synthetic != "" && fn.Syntax() == nil && !called(graph, fn) {
			continue // promoted methods nobody calls are not uses
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				use, release, ok := c.use(i)
				switch {
				case !ok:
				case release:
					releases = append(releases, use)
				default:
					c.taken[use.lock] = true
					acquired[fn] = append(acquired[fn], use)
				}
			}
		}
	}
	for _, r := range releases {
		if !c.loose[r.lock] && !confined(r, acquired) {
			c.loose[r.lock] = true
		}
	}
	return c
}

func called(graph *callgraph.Graph, fn *ssa.Function) bool {
	node := graph.Nodes[fn]
	return node != nil && len(node.In) > 0
}

// use returns the use of a lock that the instruction is. Other uses of a lock's
// address make it loose.
func (c *confinement) use(i ssa.Instruction) (use lockUse, release, ok bool) {
	c.operands = i.Operands(c.operands[:0])
	for n, op := range c.operands {
		if *op == nil {
			continue
		}
		lock := lockDeclared(*op)
		if !lock.IsValid() {
			continue
		}
		call, _ := i.(ssa.CallInstruction)
		if call != nil && n == 1 && call.Common().StaticCallee() != nil {
			if m, method := lockMethods[fullNameOf(call.Common().StaticCallee())]; method && m.family != "" {
				if _, started := i.(*ssa.Go); !started {
					return lockUse{lock, lockPath(*op), m.family, call}, m.kind == "", true
				}
			}
		}
		if !harmless(i) {
			c.loose[lock] = true
		}
	}
	return lockUse{}, false, false
}

// harmless reports whether an instruction that has a lock's address does not
// give it away.
func harmless(i ssa.Instruction) bool {
	switch i := i.(type) {
	case *ssa.MakeClosure: // a variable that a literal shares
		return i.Fn.(*ssa.Function).Syntax() != nil
	case *ssa.DebugRef:
		return true
	case *ssa.Store: // of the zero value, into what is being made
		f, ok := i.Addr.(*ssa.FieldAddr)
		if !ok {
			return false
		}
		a, ok := f.X.(*ssa.Alloc)
		return ok && a.Comment == "complit"
	case *ssa.MakeInterface:
		for _, user := range *i.Referrers() {
			call, ok := user.(*ssa.Call)
			if !ok || fullNameOf(call.Call.StaticCallee()) != "sync.NewCond" {
				return false
			}
		}
		return true
	}
	return false
}

// lockDeclared returns where the lock that v is the address of is declared.
func lockDeclared(v ssa.Value) token.Pos {
	p, ok := v.Type().Underlying().(*types.Pointer)
	if !ok {
		return token.NoPos
	}
	if !isLock(p.Elem()) {
		return token.NoPos
	}
	switch v := v.(type) {
	case *ssa.FieldAddr:
		if f := structField(v.X.Type(), v.Field); f != nil {
			return f.Origin().Pos()
		}
	case *ssa.Global, *ssa.Alloc:
		return v.Pos()
	case *ssa.FreeVar:
		if _, variable := outermost(v).(*ssa.Alloc); variable {
			return v.Pos()
		}
	}
	return token.NoPos
}

func isLock(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != "sync" {
		return false
	}
	return n.Obj().Name() == "Mutex" || n.Obj().Name() == "RWMutex"
}

// outermost returns what a literal's variable is bound to, out of all literals.
func outermost(v ssa.Value) ssa.Value {
	for {
		free, ok := v.(*ssa.FreeVar)
		if !ok {
			return v
		}
		bound := binding(free)
		if bound == nil {
			return v
		}
		v = bound
	}
}

// binding returns what the variable of a literal is bound to, nil if it is not
// known: a literal is made at one place.
func binding(v *ssa.FreeVar) ssa.Value {
	fn := v.Parent()
	m := made(fn)
	if m == nil {
		return nil
	}
	for i, f := range fn.FreeVars {
		if f == v {
			return m.Bindings[i]
		}
	}
	return nil
}

// made returns the instruction that makes the literal fn.
func made(fn *ssa.Function) *ssa.MakeClosure {
	if fn.Parent() == nil || fn.Referrers() == nil {
		return nil
	}
	var out *ssa.MakeClosure
	for _, r := range *fn.Referrers() {
		if m, ok := r.(*ssa.MakeClosure); ok && m.Fn == fn {
			if out != nil {
				return nil
			}
			out = m
		}
	}
	return out
}

// lockPath identifies what leads to a lock: two values of one function with the
// same path are the same text about the same variables.
func lockPath(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.FieldAddr:
		return lockPath(v.X) + "." + strconv.Itoa(v.Field)
	case *ssa.Field:
		return lockPath(v.X) + "." + strconv.Itoa(v.Field)
	case *ssa.UnOp:
		if v.Op == token.MUL {
			return "*" + lockPath(v.X)
		}
	case *ssa.IndexAddr:
		return lockPath(v.X) + "[" + lockPath(v.Index) + "]"
	case *ssa.FreeVar:
		if bound := binding(v); bound != nil {
			return lockPath(bound)
		}
	case *ssa.Global:
		return v.String()
	case *ssa.Const:
		return v.String()
	}
	if fn := v.Parent(); fn != nil {
		return v.Name() + "@" + fn.String()
	}
	return v.Name()
}

// confined reports whether the release r is dominated by an acquisition. A
// literal that its function calls or defers releases where that stands.
func confined(r lockUse, acquired map[*ssa.Function][]lockUse) bool {
	var at ssa.Instruction = r.at
	for at != nil {
		for _, a := range acquired[at.Parent()] {
			if a.key == r.key && a.family == r.family && dominates(a.at, at) {
				return true
			}
		}
		at = runs(at.Parent())
	}
	return false
}

// dominates reports whether a has been executed whenever b is. What is deferred
// is not executed where it stands.
func dominates(a, b ssa.Instruction) bool {
	if _, deferred := a.(*ssa.Defer); deferred {
		return false
	}
	if a.Block() != b.Block() {
		return a.Block().Dominates(b.Block())
	}
	for _, i := range a.Block().Instrs {
		if i == a {
			return true
		}
		if i == b {
			return false
		}
	}
	return false
}

// runs returns the instruction by which the function around the literal fn
// runs it itself, nil if it does anything else with it.
func runs(fn *ssa.Function) ssa.Instruction {
	if fn.Parent() == nil {
		return nil
	}
	var users []ssa.Instruction
	var literal ssa.Value = fn
	if m := made(fn); m != nil {
		literal, users = m, *m.Referrers()
	} else if fn.Referrers() != nil {
		users = *fn.Referrers()
	}
	if len(users) != 1 {
		return nil
	}
	switch call := users[0].(type) {
	case *ssa.Call:
		if call.Call.Value == literal {
			return call
		}
	case *ssa.Defer:
		if call.Call.Value == literal {
			return call
		}
	}
	return nil
}
