package guard

import (
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/hook"
)

// Crash is a panic that ended a unit of work.
type Crash struct {
	Value       any             // what was panicked with
	At          time.Time       //
	Stack       []runtime.Frame // where, innermost first, from the function that panicked to that of the unit
	Fingerprint uint64          // the same for the same kind of panic at the same place
	Address     uintptr         // of a memory fault; 0 if it is none
	Locks       []string        // that the unit has taken and left locked, as far as they are woven: "server.mu at server.go:10"
}

// Error is one line: what was panicked with, and where.
func (c *Crash) Error() string {
	where := ""
	if len(c.Stack) > 0 {
		f := c.Stack[0]
		where = fmt.Sprintf(" in %s at %s:%d", f.Function, f.File, f.Line)
	}
	return "crash contained: " + c.value() + where
}

// Unwrap returns what was panicked with, if that is an error.
func (c *Crash) Unwrap() error {
	err, _ := c.Value.(error)
	return err
}

// value writes the value of a panic on one line. Of methods of its that panic in
// turn package fmt takes care.
func (c *Crash) value() string {
	return strings.ReplaceAll(fmt.Sprint(c.Value), "\n", " ")
}

// depth bounds the stacks that are kept.
const depth = 64

// unitFunc is the function that calls a unit's.
const unitFunc = "github.com/lifesign-go/lifesign/guard.do"

// newCrash is called by the deferred function that has recovered v.
func newCrash(v any, begin hook.Point) *Crash {
	c := &Crash{Value: v, At: time.Now(), Locks: hook.HeldSince(begin)}
	var fault interface{ Addr() uintptr }
	if err, ok := v.(error); ok && errors.As(err, &fault) {
		c.Address = fault.Addr()
	}
	var pcs [depth]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function == unitFunc {
			break // who began the unit has no part in the crash
		}
		if !panicked || strings.HasPrefix(f.Function, "runtime.") && len(c.Stack) == 0 {
			panicked = panicked || f.Function == "runtime.gopanic"
			continue
		}
		c.Stack = append(c.Stack, f)
	}
	c.Fingerprint = fingerprint(c)
	return c
}

// fingerprint hashes the type of the panic and the lines on the stack. The text of
// the panic is left out, for it has values in it, and so are the functions' names:
// the compiler gives a function literal a second one where it has put the function
// around it into another.
func fingerprint(c *Crash) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%T", c.Value)
	if err, ok := c.Value.(runtime.Error); ok && c.Address == 0 {
		fmt.Fprintf(h, "%.20s", err.Error())
	}
	for _, f := range c.Stack {
		fmt.Fprintf(h, "\n%s:%d", f.File, f.Line)
	}
	return h.Sum64()
}
