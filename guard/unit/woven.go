package unit

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/lifesign-go/lifesign/hook"
)

// What `lifesign build -guard` weaves into a program calls the functions below. A
// deferred one calls recover itself, as it must.

// Begin is where a guard begins: what a deferred function is given of it.
func Begin() hook.Point {
	debug.SetPanicOnFault(true)
	return hook.Here()
}

// End is deferred at the beginning of a goroutine that is there for one request, begun
// at p: its panic ends it and not the program, and what it served is closed.
func End(p hook.Point, served ...any) {
	if v := recover(); v != nil {
		shut(served)
		_ = contain(newCrash(v, p))
	}
}

// Answer is deferred at the beginning of a function that answers one request: its
// panic makes it return crashed, and does not end the program. If who has called it
// answers a request itself, the panic is that one's.
func Answer(p hook.Point, err *error, crashed error) {
	v := recover()
	if v == nil {
		return
	}
	if hook.InRequest() || inUnit() {
		panic(v)
	}
	*err = crashed
	_ = contain(newCrash(v, p))
}

// Pass is deferred at the beginning of a handler of net/http, which contains panics by
// itself: a panic goes on as it came, to net/http or whoever recovers it before. It
// is told of, and escalates if it has left a lock locked; but it counts for nothing,
// as what has not ended the program before must not by its number. hooks must be on.
func Pass(p hook.Point) {
	v := recover()
	if v == nil {
		return
	}
	if hook.On() && !givesUp(v) && !hook.InRequest() && !inUnit() {
		pass(newCrash(v, p))
	}
	panic(v)
}

// givesUp reports whether v is net/http's ErrAbortHandler, by its text: to name it
// would link that package.
func givesUp(v any) bool {
	err, ok := v.(error)
	for ok && err != nil {
		if err.Error() == "net/http: abort Handler" {
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}

// inUnit reports whether there is a unit on the running goroutine's stack.
func inUnit() bool { return innermost(unitFunc) != "" }

// shut closes those of what a goroutine served that are connections.
func shut(served []any) {
	for _, s := range served {
		if conn, ok := s.(interface {
			Close() error
			SetReadDeadline(time.Time) error
		}); ok {
			conn.Close()
		}
	}
}

// Serves is what a goroutine serves.
type Serves []any

// For lists it.
func For(served ...any) Serves { return served }

// Go0 is what `go f()` starts, and the others are that for functions with parameters,
// and with a result, which a go statement drops.
func Go0(s Serves, f func()) {
	defer End(Begin(), s...)
	f()
}

func Go0R[R any](s Serves, f func() R) {
	defer End(Begin(), s...)
	f()
}

func Go1[A any](s Serves, f func(A), a A) {
	defer End(Begin(), append(s, a)...)
	f(a)
}

func Go1R[A, R any](s Serves, f func(A) R, a A) {
	defer End(Begin(), append(s, a)...)
	f(a)
}

func Go2[A, B any](s Serves, f func(A, B), a A, b B) {
	defer End(Begin(), append(s, a, b)...)
	f(a, b)
}

func Go2R[A, B, R any](s Serves, f func(A, B) R, a A, b B) {
	defer End(Begin(), append(s, a, b)...)
	f(a, b)
}

func Go3[A, B, C any](s Serves, f func(A, B, C), a A, b B, c C) {
	defer End(Begin(), append(s, a, b, c)...)
	f(a, b, c)
}

func Go3R[A, B, C, R any](s Serves, f func(A, B, C) R, a A, b B, c C) {
	defer End(Begin(), append(s, a, b, c)...)
	f(a, b, c)
}
