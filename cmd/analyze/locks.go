package analyze

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/lifesign-go/lifesign/event"
)

// lockMethod is a row of the table of methods that package hook stands in for.
type lockMethod struct {
	fn     string     // function of package hook that takes the place of a call
	value  string     // and of a method value, "" if there is none
	kind   event.Kind // of the site; "" for a release, which has none
	family string     // an acquisition and its release have the same; "" if it is no lock
}

// lockMethods has the methods by full name.
var lockMethods = map[string]lockMethod{
	"(*sync.Mutex).Lock":       {"Lock", "LockFunc", event.Lock, "mutex"},
	"(*sync.Mutex).TryLock":    {"TryLock", "", event.Lock, "mutex"},
	"(*sync.Mutex).Unlock":     {"Unlock", "UnlockFunc", "", "mutex"},
	"(*sync.RWMutex).Lock":     {"RWLock", "RWLockFunc", event.RWLock, "write"},
	"(*sync.RWMutex).TryLock":  {"RWTryLock", "", event.RWLock, "write"},
	"(*sync.RWMutex).Unlock":   {"RWUnlock", "RWUnlockFunc", "", "write"},
	"(*sync.RWMutex).RLock":    {"RLock", "RLockFunc", event.RLock, "read"},
	"(*sync.RWMutex).TryRLock": {"TryRLock", "", event.RLock, "read"},
	"(*sync.RWMutex).RUnlock":  {"RUnlock", "RUnlockFunc", "", "read"},
	"(*sync.Cond).Wait":        {"CondWait", "", event.Cond, ""},
	"(*sync.WaitGroup).Wait":   {"WGWait", "", event.WaitGroup, ""},
}

// lockerMethods has those of every interface that has both.
var lockerMethods = map[string]lockMethod{
	"Lock":   {"LockerLock", "LockerLockFunc", event.Locker, "locker"},
	"Unlock": {"LockerUnlock", "LockerUnlockFunc", "", "locker"},
}

// locker is sync.Locker, made here so that no import of sync is needed.
var locker = func() *types.Interface {
	method := func(name string) *types.Func {
		return types.NewFunc(token.NoPos, nil, name, types.NewSignatureType(nil, nil, nil, nil, nil, false))
	}
	return types.NewInterfaceType([]*types.Func{method("Lock"), method("Unlock")}, nil).Complete()
}()

// method adds the selected method n if it is that of a lock, Cond or WaitGroup.
func (v *visitor) method(n *ast.SelectorExpr) {
	sel := v.info.Selections[n]
	if sel == nil || sel.Kind() == types.FieldVal {
		return
	}
	f, ok := sel.Obj().(*types.Func)
	if !ok {
		return
	}
	m, ok := lockMethods[f.FullName()]
	if !ok {
		if m, ok = lockerMethods[f.Name()]; !ok || !types.IsInterface(f.Signature().Recv().Type()) {
			return
		}
	}
	v.lockMethod(n, sel, m)
}

func (v *visitor) lockMethod(n *ast.SelectorExpr, sel *types.Selection, m lockMethod) {
	what := types.ExprString(n)
	path, recv, spelled := v.embedded(sel)
	if !spelled {
		why := "the lock is promoted through an unexported field of another package"
		v.skip(n.Sel.Pos(), what, why)
		v.facts.unsure.add(v.lockVar(n), "another package uses it, through a field that cannot be named there, at "+placeOf(v.prog.Fset, n.Pos()))
		return
	}
	_, pointer := recv.Underlying().(*types.Pointer)
	addr := !pointer && !types.IsInterface(recv)
	if m.fn == "LockerLock" || m.fn == "LockerUnlock" {
		t := recv
		if addr {
			t = types.NewPointer(recv)
		}
		if !types.Implements(t, locker) {
			return // another package's idea of Lock: what it does is woven where it is written
		}
	}
	r := Rewrite{
		Form: Method, Site: -1, Start: v.offset(n.X.Pos()), Cut: v.offset(n.X.End()), End: v.offset(n.End()),
		Func: m.fn, Addr: addr, Path: path,
	}
	switch call, _ := v.parent(0).(*ast.CallExpr); {
	case sel.Kind() == types.MethodExpr:
		if m.value == "" {
			v.skip(n.Sel.Pos(), what, "there is no hook for its method expression")
			return
		}
		r.Form, r.Var = MethodExpr, v.names.param
	case call != nil && call.Fun == n:
		r.Call, r.End = true, v.offset(call.End())
	case m.value == "":
		v.skip(n.Sel.Pos(), what, "there is no hook for its method value")
		return
	default:
		r.Func = m.value
	}
	v.addLock(n, m, r)
}

// addLock adds the rewrite r of the method n.
func (v *visitor) addLock(n *ast.SelectorExpr, m lockMethod, r Rewrite) {
	o := &op{rewrite: r}
	if m.family != "" {
		o.lockVar = v.lockVar(n)
	}
	if m.kind == "" && v.fn().blocked != "" {
		v.facts.unsure.add(o.lockVar, "it is released at "+placeOf(v.prog.Fset, n.Pos())+", where no hook can be: "+v.fn().blocked)
	}
	key := lockKey(v.info, n.X, r.Path)
	if m.kind == "" {
		if r.Call {
			v.release(release{v.fn().group, key, m.family, r.Start, v.deferred()})
		}
	} else {
		o.site = v.site(m.kind, n.Sel.Pos(), v.lockName(n, r))
		if m.kind.IsLock() {
			o.lock = &lock{group: v.fn().group, key: key, family: m.family, offset: r.Start}
			if call, ok := v.parent(0).(*ast.CallExpr); ok && r.Call {
				o.lock.call = call.Lparen
			}
		} else {
			v.idleAtHead(o, v.parent(0))
		}
	}
	v.add(o, n.Sel.Pos(), types.ExprString(n))
}

// lockName names the lock of the method n: by the last embedded field on the
// way to it, if there is one.
func (v *visitor) lockName(n *ast.SelectorExpr, r Rewrite) string {
	if r.Path == "" {
		return objectName(v.info, n.X)
	}
	if name := embeddedName(v.info.Selections[n]); name != "" {
		return name
	}
	return objectName(v.info, n.X) + r.Path
}

// deferred reports whether the call visited is the call of a defer statement,
// or inside a literal that is.
func (v *visitor) deferred() bool {
	if v.fn().deferred {
		return true
	}
	_, ok := v.parent(1).(*ast.DeferStmt)
	return ok
}

// embedded returns the embedded fields on the way from the selection's operand
// to the method's receiver, as ".a.Mutex", and the receiver's type there.
// spelled is false if one of them cannot be named in this package.
func (v *visitor) embedded(sel *types.Selection) (path string, recv types.Type, spelled bool) {
	recv = sel.Recv()
	index := sel.Index()
	for _, i := range index[:len(index)-1] {
		f := structField(recv, i)
		if f == nil || !f.Exported() && f.Pkg() != v.pkg.Types {
			return "", recv, false
		}
		path += "." + f.Name()
		recv = f.Type()
	}
	return path, recv, true
}
