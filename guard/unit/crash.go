package unit

import (
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// Crash is a panic that ended a unit of work.
type Crash struct {
	Value       any             // what was panicked with
	At          time.Time       //
	Stack       []runtime.Frame // where, innermost first, from the function that panicked to that of the unit
	Fingerprint uint64          // the same for the same kind of panic at the same place
	Address     uintptr         // of a memory fault; 0 if it is none
	Region      string          // that the unit was in, as far as it is woven: "(*server).run at server.go:36"; requests and what is in them are none
	goroutine   uint64          // whose it is, 0 if that is not known
	Locks       []string        // that the unit has taken and left locked, as far as they are woven: "server.mu at server.go:10"
}

// Error is one line: what was panicked with, and where.
func (c *Crash) Error() string {
	where := ""
	if len(c.Stack) > 0 {
		f := c.Stack[0]
		where = fmt.Sprintf(" in %s at %s:%d", f.Function, f.File, f.Line)
	}
	return "a unit of work has crashed: " + c.value() + where
}

// Unwrap returns what was panicked with, if that is an error.
func (c *Crash) Unwrap() error {
	err, _ := c.Value.(error)
	return err
}

// value writes the value of a panic on one line. Of methods of its that panic in
// turn package fmt takes care. The runtime has one text for all faults of memory, nil
// or not.
func (c *Crash) value() string {
	if c.Address != 0 {
		return fmt.Sprintf("fault at address %#x, where nothing is mapped any more, or not for that", c.Address)
	}
	return strings.ReplaceAll(fmt.Sprint(c.Value), "\n", " ")
}

// depth bounds the stacks that are kept.
const depth = 64

// unitFunc is the function that calls a unit's.
const unitFunc = "github.com/lifesign-go/lifesign/guard/unit.do"

// newCrash is called by the deferred function that has recovered v.
func newCrash(v any, begin hook.Point) *Crash {
	c := &Crash{Value: v, At: time.Now(), Locks: hook.HeldSince(begin), goroutine: hook.Goroutine()}
	var fault interface{ Addr() uintptr }
	if err, ok := v.(error); ok && errors.As(err, &fault) {
		c.Address = fault.Addr()
	}
	var pcs [depth]uintptr
	n := runtime.Callers(2, pcs[:])
	frames := runtime.CallersFrames(pcs[:n])
	panicked, whole := false, n < depth
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function == unitFunc {
			whole = true
			break // who began the unit has no part in the crash
		}
		if !panicked || strings.HasPrefix(f.Function, "runtime.") && len(c.Stack) == 0 {
			panicked = panicked || f.Function == goPanic
			continue
		}
		c.Stack = append(c.Stack, f)
	}
	c.Region = regionOf(hook.LeftSince(begin), c.Stack, whole)
	c.Fingerprint = fingerprint(c)
	return c
}

// regionOf returns which of the regions that a unit has left has crashed, "" if none
// has: the outermost one that is on the stack, unless it is of a request that is the
// unit's. If the stack is not whole it may have been on what is missing.
func regionOf(left []event.Site, stack []runtime.Frame, whole bool) string {
	for _, s := range left {
		if s.Kind == event.Request || s.PerRequest {
			return ""
		}
		if s.Kind != event.Region {
			continue
		}
		for _, f := range stack {
			if within(f, s) {
				return s.Func + " at " + s.Place()
			}
		}
		if !whole {
			return s.Func + " at " + s.Place()
		}
	}
	return ""
}

// within reports whether f is of the function that the loop s is in, and not before
// it. A function that was put into another may go by both names.
func within(f runtime.Frame, s event.Site) bool {
	name := s.Func
	if at := strings.Index(name, ".func"); at > 0 {
		name = name[:at]
	}
	return f.Line >= s.Line && path.Base(f.File) == path.Base(s.File) && strings.Contains(f.Function, "."+name)
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
