package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table prints outcomes as they come.
type table struct {
	w     *tabwriter.Writer
	wrong int
}

func newTable(w io.Writer) *table {
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t.w, "subject\ton\tfault\tmimics\tfound\tclass\tfirst by\tseconds\tby mimics\twithout\tnamed\tplace\tfalse\twell again\tresult")
	return t
}

// add adds a line and returns what is wrong with it.
func (t *table) add(o outcome) []string {
	s := o.see()
	cells := []string{o.trial.subject, string(o.trial.on), "none", onOff(o.trial.mimics), "none", "-", "-", "-", "-", "-", "-", "-", fmt.Sprint(len(s.early)), "-"}
	if f := o.trial.fault; f != nil {
		cells[2] = f.name
		cells[8], cells[9] = o.since(s.mimics), o.since(s.others)
		cells[13] = o.after()
	}
	if f := s.first; f != nil {
		cells[4], cells[5], cells[6], cells[7] = f.Verdict, f.Class, s.by, o.since(f)
		cells[10], cells[11] = f.Place.Site.Func, s.place
	}
	bad := o.grade()
	t.wrong += len(bad)
	result := "ok"
	if o.trial.fault != nil && o.trial.mimics && s.first == nil && o.trial.blind != "" {
		result = "not found: " + o.trial.blind
	}
	if len(bad) > 0 {
		result = "WRONG: " + strings.Join(strings.Fields(strings.Join(bad, "; ")), " ")
	}
	fmt.Fprintln(t.w, strings.Join(append(cells, result), "\t"))
	return bad
}

func (t *table) flush() error { return t.w.Flush() }

// after says what became of the subject and of what was found.
func (o outcome) after() string {
	switch {
	case o.ended != 0:
		return fmt.Sprintf("ended by itself after %.1f s", time.Duration(o.ended-o.fault).Seconds())
	case !o.again:
		return "no"
	case !o.recovered:
		return "not told"
	case len(o.found) == 0:
		return "yes"
	}
	return "told"
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
