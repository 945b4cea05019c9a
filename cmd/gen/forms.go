package gen

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// weaver turns rewrites into edits.
type weaver struct {
	src        []byte
	hook, base string
	guard      *analyze.GuardWords
	edits      []edit
}

// rewrite adds the edits of r. What each form does is told in package analyze.
func (w *weaver) rewrite(r *analyze.Rewrite) error {
	if r.Start < 0 || r.Start > r.Cut || r.Cut > r.End || r.End > len(w.src) {
		return fmt.Errorf("the model has a %s at bytes %d, %d, %d", r.Form, r.Start, r.Cut, r.End)
	}
	switch r.Form {
	case analyze.Guard:
		w.insert(r.Start, fmt.Sprintf(" defer %s.Unwind(%[1]s.Here());", w.hook), r.Start, r.End)
	case analyze.Request:
		w.insert(r.Start, fmt.Sprintf(" defer %s.Unwind(%[1]s.Here()); %s;", w.hook, w.call("Begin", r)), r.Start, r.End)
	case analyze.Loop:
		w.loop(r)
	case analyze.Method:
		w.method(r)
	case analyze.MethodExpr:
		w.methodExpr(r)
	case analyze.Send:
		return w.send(r)
	case analyze.Recv:
		return w.receive(r)
	case analyze.Range:
		return w.rangeOver(r)
	case analyze.Select:
		w.selection(r)
	case analyze.Statement:
		return w.statement(r)
	case analyze.Hoist:
		return w.hoist(r)
	case analyze.Expression:
		return w.expression(r)
	case analyze.Deferred:
		return w.deferred(r)
	case analyze.Pass, analyze.Contain:
		w.body(r)
	case analyze.Answer:
		return w.answer(r)
	case analyze.Started:
		return w.started(r)
	default:
		return fmt.Errorf("the model has the form %q, which is not known", r.Form)
	}
	return nil
}

// insert adds text that opens a construct from lo to hi.
func (w *weaver) insert(off int, text string, lo, hi int) {
	w.edits = append(w.edits, edit{off: off, text: text, lo: lo, hi: hi})
}

// replace replaces del bytes within r.
func (w *weaver) replace(off, del int, text string, r *analyze.Rewrite) {
	w.edits = append(w.edits, edit{off: off, del: del, text: text, lo: off, hi: r.End})
}

// close adds text at the end of r.
func (w *weaver) close(r *analyze.Rewrite, text string) {
	w.edits = append(w.edits, edit{off: r.End, text: text, lo: r.Start, hi: r.End, closes: true})
}

// site is how woven code writes r's site.
func (w *weaver) site(r *analyze.Rewrite) string { return fmt.Sprintf("%s+%d", w.base, r.Site) }

// call is a call of a hook that takes the site and nothing else.
func (w *weaver) call(fn string, r *analyze.Rewrite) string {
	return fmt.Sprintf("%s.%s(%s)", w.hook, fn, w.site(r))
}

// open is the beginning of a call of r's hook: with the site, if it takes one.
func (w *weaver) open(fn string, r *analyze.Rewrite) string {
	if r.Site < 0 {
		return fmt.Sprintf("%s.%s(", w.hook, fn)
	}
	return fmt.Sprintf("%s.%s(%s, ", w.hook, fn, w.site(r))
}

func (w *weaver) loop(r *analyze.Rewrite) {
	w.insert(r.Start, w.call("Begin", r)+"; ", r.Start, r.End)
	w.insert(r.Cut, " "+w.call("Mark", r)+";", r.Cut, r.End-1)
	if !r.Open {
		w.close(r, "; "+w.call("End", r))
	}
}

func (w *weaver) method(r *analyze.Rewrite) {
	amp := ""
	if r.Addr {
		amp = "&"
	}
	w.insert(r.Start, w.open(r.Func, r)+amp, r.Start, r.End)
	// Where the text that goes spans lines, the lines stay; a comma keeps the
	// compiler from ending the statement there.
	end := r.Path
	if n := bytes.Count(w.src[r.Cut:r.End], []byte("\n")); n > 0 {
		end += "," + strings.Repeat("\n", n)
	}
	w.edits = append(w.edits, edit{off: r.Cut, del: r.End - r.Cut, text: end + ")", lo: r.Start, hi: r.End, closes: true})
}

func (w *weaver) methodExpr(r *analyze.Rewrite) {
	amp := ""
	if r.Addr {
		amp = "&"
	}
	fn := strings.TrimSuffix(r.Func, "Func")
	w.insert(r.Start, fmt.Sprintf("func(%s ", r.Var), r.Start, r.End)
	lines := strings.Repeat("\n", bytes.Count(w.src[r.Cut:r.End], []byte("\n")))
	body := fmt.Sprintf(") {%s %s%s%s%s) }", lines, w.open(fn, r), amp, r.Var, r.Path)
	w.edits = append(w.edits, edit{off: r.Cut, del: r.End - r.Cut, text: body, lo: r.Start, hi: r.End, closes: true})
}

// deferred takes the call apart: the arguments follow the function.
func (w *weaver) deferred(r *analyze.Rewrite) error {
	if !bytes.HasPrefix(w.src[r.Cut:], []byte("(")) {
		return fmt.Errorf("there is no parenthesis at byte %d", r.Cut)
	}
	comma := ""
	if r.Func != "Deferred" {
		comma = ", "
	}
	w.insert(r.Start, w.open(r.Func, r), r.Start, r.End)
	w.replace(r.Cut, 1, comma, r)
	return nil
}

const arrow = "<-"

func (w *weaver) send(r *analyze.Rewrite) error {
	if !bytes.HasPrefix(w.src[r.Cut:], []byte(arrow)) {
		return fmt.Errorf("there is no %s at byte %d", arrow, r.Cut)
	}
	w.insert(r.Start, w.open("To", r), r.Start, r.End)
	w.replace(r.Cut, len(arrow), ").Send(", r)
	w.close(r, ")")
	return nil
}

func (w *weaver) receive(r *analyze.Rewrite) error {
	if !bytes.HasPrefix(w.src[r.Start:], []byte(arrow)) {
		return fmt.Errorf("there is no %s at byte %d", arrow, r.Start)
	}
	w.replace(r.Start, len(arrow), w.open(r.Func, r), r)
	w.close(r, ")")
	return nil
}

func (w *weaver) rangeOver(r *analyze.Rewrite) error {
	if m := r.Marks; len(m) > 0 {
		if len(m) != 4 || m[0] < r.Start || m[1] < m[0] || r.Cut < m[1] || m[2] < r.End || m[3] < m[2] || len(w.src) < m[3] {
			return fmt.Errorf("the model has a %s with marks at bytes %v", r.Form, m)
		}
		w.insert(m[2], fmt.Sprintf(" %s = %s;", w.src[m[0]:m[1]], r.Var), m[2], m[3])
	}
	lines := strings.Repeat("\n", bytes.Count(w.src[r.Start:r.Cut], []byte("\n")))
	head := fmt.Sprintf(" %s, %s, %s := %s%s", r.Var, r.OK, r.Chan, w.open("RangeOver", r), lines)
	w.replace(r.Start, r.Cut-r.Start, head, r)
	tail := fmt.Sprintf("); %s; %s, %[1]s = %[3]s%[4]s)", r.OK, r.Var, w.open("RecvOK", r), r.Chan)
	w.close(r, tail)
	return nil
}

func (w *weaver) selection(r *analyze.Rewrite) {
	w.insert(r.Start, w.call("Enter", r)+"; ", r.Start, r.End)
	for _, m := range r.Marks {
		w.insert(m, " "+w.call("Exit", r)+";", m, r.End)
	}
}

func (w *weaver) hoist(r *analyze.Rewrite) error {
	if !bytes.HasPrefix(w.src[r.Start:], []byte(r.Word)) {
		return fmt.Errorf("there is no %s at byte %d", r.Word, r.Start)
	}
	semicolon := r.Cut
	for semicolon < r.End && (w.src[semicolon] == ' ' || w.src[semicolon] == '\t') {
		semicolon++
	}
	if semicolon == r.End || w.src[semicolon] != ';' {
		return fmt.Errorf("there is no semicolon at byte %d", r.Cut)
	}
	before, err := w.before(r)
	if err != nil {
		return err
	}
	w.replace(r.Start, len(r.Word), "{ "+before+";", r)
	w.replace(semicolon, 1, "; "+w.after(r)+"; "+r.Word, r)
	w.close(r, " }")
	return nil
}
