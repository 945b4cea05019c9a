package unit

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/lifesign-go/lifesign/hook"
)

// ErrTainted is what Commit returns to a unit that has crashed.
var ErrTainted = errors.New("the unit of work has crashed: what it holds is not to be kept")

// unitKey asks a context for the innermost unit that it is of.
type unitKey struct{}

// Tainted reports whether ctx is of a unit that has crashed, or of one within it.
func Tainted(ctx context.Context) bool {
	for {
		u, ok := ctx.Value(unitKey{}).(*unit)
		if !ok {
			return false
		}
		if u.isTainted() {
			return true
		}
		ctx = u.head().parent
	}
}

// Commit calls keep, which makes what the unit of ctx has done last, and returns
// what it returns; or ErrTainted, if the unit has crashed, or is about to: a function
// that the unit has deferred runs before anybody knows whether the panic ends it. It is
// for the end of a unit: a crash that comes while keep runs does not stop it.
func Commit(ctx context.Context, keep func() error) error {
	if Tainted(ctx) || panicking() && ctx.Value(unitKey{}) != nil {
		return ErrTainted
	}
	return keep()
}

// goPanic is the runtime's function that calls deferred ones while a panic is under way.
const goPanic = "runtime.gopanic"

// panicking reports whether a panic is under way in the innermost unit of the running
// goroutine, whose deferred functions it has called. It takes about a microsecond.
func panicking() bool { return innermost(goPanic, unitFunc) == goPanic }

// innermost returns that of some functions which stands innermost on the running
// goroutine's stack, "" if none does.
func innermost(names ...string) string {
	var pcs [depth]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			for _, name := range names {
				if f.Function == name {
					return name
				}
			}
		}
		if n < len(pcs) {
			return ""
		}
	}
}

// Do calls f as a unit of work. It returns what f returns, or a *Crash if f has
// panicked. Units may be within others; a crash taints the innermost one.
//
// While f runs, faults at addresses that are not nil are panics, too.
func Do(ctx context.Context, f func(ctx context.Context) error) error {
	return do(unitIn(ctx), f, nil)
}

// DoBut is Do for units that give up on purpose by a panic: those whose values pass
// reports true for are no crashes and go on to who called.
func DoBut(ctx context.Context, f func(ctx context.Context) error, pass func(v any) bool) error {
	return do(unitIn(ctx), f, pass)
}

// do is Do of u; pass says which panics are no crashes and go on.
func do(u *unit, f func(ctx context.Context) error, pass func(v any) bool) (err error) {
	old := debug.SetPanicOnFault(true)
	var begin hook.Point
	if hook.On() {
		begin = hook.Here()
	}
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
		u.taint()
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
	t := &task{f: f, done: done}
	go t.do(t.in(ctx))
}

// task is what Go has a goroutine do.
type task struct {
	single
	f    func(ctx context.Context) error
	done func(error)
}

func (t *task) do(u *unit) {
	err := do(u, t.f, nil)
	if t.done != nil {
		t.done(err)
	}
}
