package main

import (
	"fmt"
	"io"
	"regexp"
	"text/tabwriter"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/event"
)

// reductions are what is printed of the mimic checkers of a program.
type reductions struct {
	Regions []analyze.Reduction `json:"regions"`
	Dropped []analyze.Dropped   `json:"dropped"` // of no region
}

// chosen returns the reductions that have a function that matches, all if only is
// nil.
func chosen(m *analyze.Model, only *regexp.Regexp) reductions {
	if only == nil {
		return reductions{m.Reductions, m.Unreduced}
	}
	var out reductions
	for _, r := range m.Reductions {
		found := only.MatchString(short(r.Region.Package, r.Region.Func)) || r.Left != nil && inLeft(r.Left, only)
		for _, d := range r.Dropped {
			found = found || only.MatchString(short(d.Package, d.Func))
		}
		if found {
			out.Regions = append(out.Regions, r)
		}
	}
	for _, d := range m.Unreduced {
		if only.MatchString(short(d.Package, d.Func)) {
			out.Dropped = append(out.Dropped, d)
		}
	}
	return out
}

// inLeft reports whether a function that is left matches.
func inLeft(l *analyze.Left, only *regexp.Regexp) bool {
	if only.MatchString(short(l.Package, l.Func)) {
		return true
	}
	for _, s := range l.Steps {
		if s.Call != nil && inLeft(s.Call, only) {
			return true
		}
	}
	return false
}

// short is what -func is matched with.
func short(pkg, fn string) string { return shortFunc(analyze.Function{Package: pkg, Func: fn}) }

// printReductions prints the reductions for people: those that have a checker
// first, then what is in none.
func printReductions(w io.Writer, m *analyze.Model, only *regexp.Regexp) error {
	l := newListing(m)
	list := chosen(m, only)
	checkers, operations := 0, 0
	for _, r := range list.Regions {
		if r.Left == nil {
			continue
		}
		l.checker(r)
		checkers++
		n, _, _ := r.Left.Count()
		operations += n
	}
	var without []analyze.Reduction
	for _, r := range list.Regions {
		if r.Left == nil {
			without = append(without, r)
		}
	}
	if len(without) > 0 {
		l.printf("regions without a checker\n\n")
		for _, r := range without {
			l.printf("  %s  %s  %s\n", r.Region.Func, l.name(r.Region.Place()), r.Region.Package)
			l.dropped("      ", r.Dropped)
		}
	}
	if len(list.Dropped) > 0 {
		l.printf("of no region\n\n")
		l.dropped("  ", list.Dropped)
	}
	if only == nil {
		l.printf("%s with %s; %s without one\n", number(checkers, "checker"), number(operations, "operation"), number(len(without), "region"))
	}
	_, err := io.WriteString(w, trailing.ReplaceAllString(l.text.String(), ""))
	return err
}

// checker prints the checker of a region.
func (l *listing) checker(r analyze.Reduction) {
	l.heading(r.Region.Package)
	operations, _, depth := r.Left.Count()
	what := string(r.Region.Kind)
	if r.Region.Kind == event.Call {
		what = "own checks"
	}
	l.printf("  %s  of the %s at %s: %s, %s deep\n", r.Checker, what, l.name(r.Region.Place()), number(operations, "operation"), number(depth, "call"))
	table := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
	l.left(table, r.Left, r.Region.Package, "      ")
	table.Flush()
	l.dropped("      ", r.Dropped)
}

// left prints what is left of a function and of what it calls. Functions of
// another package than the one above them have its name.
func (l *listing) left(w io.Writer, f *analyze.Left, above, indent string) {
	name := f.Func
	if f.Package != above {
		name = short(f.Package, f.Func)
	}
	fmt.Fprintf(w, "%s%s\t%s\t\n", indent, name, l.name(f.Place))
	indent += "  "
	for _, s := range f.Steps {
		if s.Call != nil {
			l.left(w, s.Call, f.Package, indent)
		} else {
			fmt.Fprintf(w, "%s%s\t%s\t%s\n", indent, s.Do, l.name(s.Site.Place()), s.Site.Object)
		}
	}
}

// dropped prints what is dropped: what has no mimic once, with its number, and the
// rest one by one. Of waits for others there are many, and why these have none is
// no news.
func (l *listing) dropped(indent string, list []analyze.Dropped) {
	type group struct{ what, why string }
	counts, waits := make(map[group]int), make(map[event.Kind]int)
	var kinds []event.Kind
	for _, d := range list {
		switch {
		case d.Do != "" || d.Kind == "":
		case d.Kind == event.Call:
			counts[group{d.What, d.Why}]++
		default:
			if waits[d.Kind] == 0 {
				kinds = append(kinds, d.Kind)
			}
			waits[d.Kind]++
		}
	}
	table := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
	for _, d := range list {
		what := d.What
		if d.Do == "" && d.Kind != "" {
			of := group{d.What, d.Why}
			if counts[of] == 0 {
				continue
			}
			what += times(counts[of])
			counts[of] = 0
		}
		fmt.Fprintf(table, "%sdropped\t%s\t%s\t%s\n", indent, l.name(d.Place), what, l.reason(d.Why))
	}
	table.Flush()
	if len(kinds) > 0 {
		l.printf("%sdropped  waits for others:", indent)
		for i, k := range kinds {
			if i > 0 {
				l.printf(",")
			}
			l.printf(" %s%s", k, times(waits[k]))
		}
		l.printf("\n")
	}
	l.printf("\n")
}

// times says that there are several.
func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" ×%d", n)
}
