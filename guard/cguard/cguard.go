package cguard

import (
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/guard"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// Call calls fn, a C function that takes a pointer and returns nothing, with arg. It
// returns a *Crash if fn has crashed, and the error of Available without calling fn
// if it could not be guarded; a handler that somebody else has put in place since is
// not noticed. What arg points to obeys the rules of cgo.
//
// It may be called by any number of goroutines, and again in what C calls back. It
// returns on the goroutine that has called it; what fn has done by then stays done.
func Call(fn, arg unsafe.Pointer) error {
	if broken != nil {
		return broken
	}
	if c := call(fn, arg); c != nil {
		return contain(c)
	}
	return nil
}

// Available says why calls cannot be guarded, nil if they can: in builds without
// cgo, on other systems than Linux, and when somebody else has put a handler of these
// signals in place. It takes some microseconds.
func Available() error { return available() }

// contain tells of c, and has the program end soon.
func contain(c *Crash) error {
	now := clock.Monotonic()
	f := event.Finding{
		Verdict: event.Crashed, Class: event.Proven, At: now, Place: event.Step{Since: now},
		What: c.Error() + "; what it has locked stays locked",
	}
	if len(c.Stack) > 0 {
		at := c.Stack[c.blamed()]
		f.Place.Site = event.Site{Kind: event.Call, File: at.Object, Func: at.Symbol}
	}
	hook.Say(f)
	keep(c)
	guard.Drain("C code has crashed and was contained, and may have left memory and locks behind: " + c.Error())
	return c
}
