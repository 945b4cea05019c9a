package gen

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// An operation is noted, and what a mimic of it is given is captured, before it
// begins; its end, and its error if there is one, behind it.

func (w *weaver) statement(r *analyze.Rewrite) error {
	before, err := w.before(r)
	if err != nil {
		return err
	}
	w.insert(r.Start, before+"; ", r.Start, r.End)
	if !r.Open {
		w.close(r, "; "+w.after(r))
	}
	return nil
}

func (w *weaver) expression(r *analyze.Rewrite) error {
	capture, err := w.capture(r)
	if err != nil {
		return err
	}
	into := w.call("Into", r)
	if capture != "" {
		into += ".Keeping(" + capture + ")"
	}
	exit := "X1"
	if r.Err != "" {
		exit = "Failing"
	}
	w.insert(r.Start, fmt.Sprintf("%s.%s(%s, ", w.hook, exit, into), r.Start, r.End)
	w.close(r, ")")
	return nil
}

// before is what stands before the statement r.
func (w *weaver) before(r *analyze.Rewrite) (string, error) {
	capture, err := w.capture(r)
	if err != nil {
		return "", err
	}
	if capture != "" {
		capture = "; " + capture + ".Keep()"
	}
	return w.call("Enter", r) + capture, nil
}

// after is what stands behind it.
func (w *weaver) after(r *analyze.Rewrite) string {
	exit := w.call("Exit", r)
	if r.Err == "" {
		return exit
	}
	return fmt.Sprintf("%s; if %s != nil { %s%[2]s) }", exit, r.Err, w.open("Failed", r))
}

// capture is an expression that captures what r takes, "" if that is nothing.
func (w *weaver) capture(r *analyze.Rewrite) (string, error) {
	if strings.Contains(r.Err, "\n") {
		return "", fmt.Errorf("the model has the variable %q", r.Err)
	}
	if len(r.Take) == 0 {
		return "", nil
	}
	out := w.call("Wanted", r)
	for _, t := range r.Take {
		if t.Start < 0 || t.Start > t.End || t.End > len(w.src) || strings.Contains(t.Wrap, "\n") {
			return "", fmt.Errorf("the model takes %q of bytes %d to %d", t.Wrap, t.Start, t.End)
		}
		operand := w.src[t.Start:t.End]
		if bytes.ContainsAny(operand, "\r\n") {
			return "", fmt.Errorf("the model takes more than a line at byte %d", t.Start)
		}
		switch t.Kind {
		case analyze.TakeHandle, analyze.TakeBound, analyze.TakeText, analyze.TakeBytes, analyze.TakeChars, analyze.TakeNumber, analyze.TakeMapping, analyze.TakeRequest:
		default:
			return "", fmt.Errorf("the model takes a %q, which is not known", t.Kind)
		}
		value := string(operand)
		if t.Wrap != "" {
			value = strings.Replace(t.Wrap, "%s", value, 1)
		}
		out += fmt.Sprintf(".%s(%s)", t.Kind, value)
	}
	return out, nil
}
