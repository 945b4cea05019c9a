package gen

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// isGuard reports whether rewrites of the form are guards, which call package
// guard/unit and no hooks.
func isGuard(f analyze.Form) bool {
	return f == analyze.Pass || f == analyze.Answer || f == analyze.Contain || f == analyze.Started
}

// body puts a guard at the beginning of a function.
func (w *weaver) body(r *analyze.Rewrite) {
	fn, more := "Pass", ""
	if r.Form == analyze.Contain {
		fn = "End"
		for _, conn := range r.Served {
			more += ", " + conn
		}
	}
	w.insert(r.Start, fmt.Sprintf(" defer %s.%s(%[1]s.Begin()%[3]s);", w.guard.Unit, fn, more), r.Start, r.End)
}

// answer puts a guard at the beginning of a function, and gives its results names if
// they have none.
func (w *weaver) answer(r *analyze.Rewrite) error {
	for i, at := range r.Marks {
		if at < r.Start || at > r.Cut {
			return fmt.Errorf("the model has an %s with marks at bytes %v", r.Form, r.Marks)
		}
		name := fmt.Sprintf("%s%d ", r.Var, i)
		switch {
		case r.Open && i == 0:
			name = "(" + r.Err + " "
		case r.Open:
			name = ")"
		case i == len(r.Marks)-1:
			name = r.Err + " "
		}
		w.insert(at, name, at, at)
	}
	w.insert(r.Cut, fmt.Sprintf(" defer %s.Answer(%[1]s.Begin(), &%[2]s, %[3]s);", w.guard.Unit, r.Err, w.guard.Crashed), r.Cut, r.End)
	return nil
}

// started has a go statement start the function that starts the call's.
func (w *weaver) started(r *analyze.Rewrite) error {
	if !bytes.HasPrefix(w.src[r.Cut:], []byte("(")) {
		return fmt.Errorf("there is no parenthesis at byte %d", r.Cut)
	}
	comma := ""
	if !strings.HasPrefix(r.Func, "Go0") {
		comma = ", "
	}
	w.insert(r.Start, fmt.Sprintf("%s.%s(%[1]s.For(%[3]s), ", w.guard.Unit, r.Func, strings.Join(r.Served, ", ")), r.Start, r.End)
	w.replace(r.Cut, 1, comma, r)
	return nil
}
