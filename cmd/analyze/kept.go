package analyze

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// keeping knows, by the position of the call, the acquisitions of locks after
// which every way out of the function passes a release of the same lock, or
// has deferred one. From another function the lock may come out held, for
// somebody else to release. A way out by a panic does not count.
type keeping map[token.Pos]bool

// keep looks at every acquisition in funcs, and in the functions of the
// packages that nobody seems to call.
func keep(program *ssa.Program, funcs []*ssa.Function, packages map[*types.Package]*load.Package) keeping {
	k := make(keeping)
	given := make(keeping) // an instance of a generic function, say, gives it away
	for _, fn := range append(declared(program, packages), funcs...) {
		for _, b := range fn.Blocks {
			for n, i := range b.Instrs {
				use, release, ok := lockCall(i)
				if !ok || release {
					continue
				}
				if out := (&wayOut{use: use, seen: make(map[*ssa.BasicBlock]bool)}); out.from(b, n+1) {
					given[i.Pos()] = true
				} else {
					k[i.Pos()] = true
				}
			}
		}
	}
	for p := range given {
		delete(k, p)
	}
	return k
}

// declared returns the functions and methods of the packages, and the literals
// in them.
func declared(program *ssa.Program, packages map[*types.Package]*load.Package) (all []*ssa.Function) {
	var add func(fn *ssa.Function)
	add = func(fn *ssa.Function) {
		all = append(all, fn)
		for _, literal := range fn.AnonFuncs {
			add(literal)
		}
	}
	for _, p := range packages {
		for _, obj := range p.Info.Defs {
			if f, ok := obj.(*types.Func); ok {
				if fn := program.FuncValue(f); fn != nil {
					add(fn)
				}
			}
		}
	}
	return all
}

// heldLock says which lock is meant within a function, and in which of its
// ways.
type heldLock struct{ path, family string }

// lockCall returns the lock whose method the instruction calls or defers.
func lockCall(i ssa.Instruction) (use heldLock, release, ok bool) {
	instr, isCall := i.(ssa.CallInstruction)
	if _, started := i.(*ssa.Go); started || !isCall {
		return heldLock{}, false, false
	}
	call := instr.Common()
	var m lockMethod
	var of ssa.Value
	switch {
	case call.IsInvoke():
		m, ok = lockerMethods[call.Method.Name()]
		of = call.Value
	case call.StaticCallee() != nil && len(call.Args) > 0:
		m, ok = lockMethods[fullNameOf(call.StaticCallee())]
		of = call.Args[0]
	}
	if !ok || m.family == "" {
		return heldLock{}, false, false
	}
	return heldLock{lockPath(of), m.family}, m.kind == "", true
}

// wayOut looks for a way out of a function on which a lock is not released.
type wayOut struct {
	use  heldLock
	seen map[*ssa.BasicBlock]bool
}

// from reports whether there is one from the n-th instruction of b on.
func (w *wayOut) from(b *ssa.BasicBlock, n int) bool {
	for _, i := range b.Instrs[n:] {
		if w.releases(i) {
			return false
		}
		if _, ok := i.(*ssa.Return); ok {
			return true
		}
	}
	for _, next := range b.Succs {
		if !w.seen[next] {
			w.seen[next] = true
			if w.from(next, 0) {
				return true
			}
		}
	}
	return false
}

// releases reports whether the instruction releases the lock, defers that, or
// calls or defers a literal that does it somewhere.
func (w *wayOut) releases(i ssa.Instruction) bool {
	if use, release, ok := lockCall(i); ok {
		return release && use == w.use
	}
	call, ok := i.(ssa.CallInstruction)
	if !ok {
		return false
	}
	if _, started := i.(*ssa.Go); started {
		return false
	}
	literal := call.Common().StaticCallee()
	if literal == nil || literal.Parent() == nil {
		return false
	}
	for _, b := range literal.Blocks {
		for _, i := range b.Instrs {
			if use, release, ok := lockCall(i); ok && release && use == w.use {
				return true
			}
		}
	}
	return false
}
