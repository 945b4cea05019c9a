package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table prints outcomes as they come; the lines of one case stand together.
type table struct {
	w     *tabwriter.Writer
	wrong int
}

func newTable(w io.Writer) *table {
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t.w, "case\texpected\tfound\tclass\tseconds\tnamed\thealthz\tgrade")
	return t
}

func (t *table) add(o outcome) {
	expected, found, class, seconds, named := "none", "none", "-", "-", "-"
	if o.scenario.expect != nil {
		expected = o.scenario.expect.verdict
	}
	if o.scenario.alone {
		expected, found = "-", "-"
		if o.load.stall != nil {
			named = "stands, and nobody says so"
		}
	}
	if len(o.found) > 0 {
		found, class, named = o.found[0].Verdict, o.found[0].Class, places(o.found[0].finding)
	}
	if d, ok := o.took(); ok {
		seconds = fmt.Sprintf("%.2f", d.Seconds())
	}
	fmt.Fprintf(t.w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", o.scenario.name, expected, found, class, seconds, named, o.health, t.mark(o.grade()))
}

func (t *table) addMedian(runs []outcome) {
	e := runs[0].scenario.expect
	if d, ok := median(runs); ok && e != nil && e.within > 0 {
		fmt.Fprintf(t.w, "%s\tat most %.2f s\tmedian of %d\t\t%.2f\t\t\t%s\n",
			runs[0].scenario.name, e.within.Seconds(), len(runs), d.Seconds(), t.mark(gradeAll(runs)))
	}
}

func (t *table) mark(wrong []string) string {
	t.wrong += len(wrong)
	if len(wrong) == 0 {
		return "ok"
	}
	// A compiler's message has lines; a table's row has not.
	return "WRONG: " + strings.Join(strings.Fields(strings.Join(wrong, "; ")), " ")
}

// places lists what f names, each place once.
func places(f finding) string {
	var parts []string
	seen := map[string]bool{}
	for _, m := range f.mentions() {
		part := string(m.role) + " " + m.step.at()
		if !seen[part] {
			seen[part] = true
			parts = append(parts, part)
		}
	}
	return f.Place.Site.Object + ": " + strings.Join(parts, ", ")
}
