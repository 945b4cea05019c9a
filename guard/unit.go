package guard

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"

	"github.com/lifesign-go/lifesign/hook"
)

// ErrTainted is what Commit returns to a unit that has crashed.
var ErrTainted = errors.New("the unit of work has crashed: what it holds is not to be kept")

// unit is a unit of work, and the context of what it does.
type unit struct {
	context.Context
	tainted uint32 // atomic
}

// unitKey asks a context for the innermost unit that it is of.
type unitKey struct{}

func (u *unit) Value(key any) any {
	if _, ok := key.(unitKey); ok {
		return u
	}
	return u.Context.Value(key)
}

// Tainted reports whether ctx is of a unit that has crashed, or of one within it.
func Tainted(ctx context.Context) bool {
	for {
		u, ok := ctx.Value(unitKey{}).(*unit)
		if !ok {
			return false
		}
		if atomic.LoadUint32(&u.tainted) != 0 {
			return true
		}
		ctx = u.Context
	}
}

// Commit calls keep, which makes what the unit of ctx has done last, and returns
// what it returns; or ErrTainted, if the unit has crashed. It is for the end of a
// unit: a crash that comes while keep runs does not stop it.
func Commit(ctx context.Context, keep func() error) error {
	if Tainted(ctx) {
		return ErrTainted
	}
	return keep()
}

// Do calls f as a unit of work. It returns what f returns, or a *Crash if f has
// panicked. Units may be within others; a crash taints the innermost one.
//
// While f runs, faults at addresses that are not nil are panics, too.
func Do(ctx context.Context, f func(ctx context.Context) error) error {
	return do(ctx, f, nil)
}

// do is Do; pass says which panics are no crashes and go on.
func do(ctx context.Context, f func(ctx context.Context) error, pass func(v any) bool) (err error) {
	u := &unit{Context: ctx}
	old := debug.SetPanicOnFault(true)
	begin := hook.Here()
	returned := false
	defer func() {
		debug.SetPanicOnFault(old)
		if returned {
			return
		}
		v := recover()
		if v == nil {
			return // runtime.Goexit
		}
		if pass != nil && pass(v) {
			panic(v)
		}
		atomic.StoreUint32(&u.tainted, 1)
		err = contain(newCrash(v, begin))
	}()
	err = f(u)
	returned = true
	return err
}

// Go starts f as a unit of work on a goroutine of its own. A crash of f is told
// to done, if that is not nil, as is its error.
//
// It is for work that ends: a loop that serves the whole program is not to be
// contained, since the program would go on without it.
func Go(ctx context.Context, f func(ctx context.Context) error, done func(error)) {
	go func() {
		err := Do(ctx, f)
		if done != nil {
			done(err)
		}
	}()
}
