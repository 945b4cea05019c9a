package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
)

// table prints outcomes as they come; the lines of one case stand together.
type table struct {
	w     *tabwriter.Writer
	wrong int
	took  []time.Duration // of all that was found
}

func newTable(w io.Writer) *table {
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t.w, "case\tfound\tby\tclass\tseconds\tnamed\tought to be named\tgrade\tresult")
	return t
}

func (t *table) add(o outcome) {
	row := row{name: o.scenario.name, found: "none", by: "-", class: "-", seconds: "-", named: "-", ought: "nothing", grade: findings.Nothing}
	places := o.scenario.ought()
	if len(places) > 0 {
		row.ought = findings.Ought(places)
	}
	if o.scenario.alone {
		row.found, row.named = "-", fmt.Sprintf("/healthz says %d", o.health)
	}
	if stuck := findings.StuckOnly(o.found); len(stuck) > 0 {
		f := stuck[0].Finding
		row.found, row.by, row.class, row.named = f.Verdict, f.First(), f.Class, named(f)
		if more := len(stuck) - 1; more > 0 {
			row.found += fmt.Sprintf(" +%d", more)
		}
		if len(places) > 0 {
			row.grade = findings.Locate(f, places)
		}
	}
	if d, ok := o.took(); ok {
		row.seconds = fmt.Sprintf("%.2f", d.Seconds())
		t.took = append(t.took, d)
	}
	row.result = t.mark(o.grade())
	fmt.Fprintln(t.w, row)
}

// row is a line of the table.
type row struct {
	name, found, by, class, seconds, named, ought string
	grade                                         findings.Precision
	result                                        string
}

func (r row) String() string {
	return strings.Join([]string{r.name, r.found, r.by, r.class, r.seconds, r.named, r.ought, string(r.grade), r.result}, "\t")
}

func (t *table) addMedian(runs []outcome) {
	e := runs[0].scenario.expect
	if d, ok := median(runs); ok && e != nil && e.within > 0 {
		fmt.Fprintln(t.w, row{
			name: runs[0].scenario.name, found: fmt.Sprintf("median of %d", len(runs)), seconds: fmt.Sprintf("%.2f", d.Seconds()),
			ought: fmt.Sprintf("at most %.2f s", e.within.Seconds()), result: t.mark(gradeAll(runs)),
		})
	}
}

// addAll adds the median over all faults.
func (t *table) addAll() {
	if len(t.took) > 0 {
		slices.Sort(t.took)
		fmt.Fprintln(t.w, row{name: "all", found: fmt.Sprintf("median of %d", len(t.took)), seconds: fmt.Sprintf("%.2f", t.took[len(t.took)/2].Seconds())})
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

// named lists what f names, each place once.
func named(f findings.Finding) string {
	var parts []string
	seen := map[string]bool{}
	for _, m := range f.Mentions() {
		part := string(m.Role) + " " + m.Step.At()
		if !seen[part] {
			seen[part] = true
			parts = append(parts, part)
		}
	}
	return f.Place.Site.Object + ": " + strings.Join(parts, ", ")
}
