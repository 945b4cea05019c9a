package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// table prints a row a kernel.
func table(results []result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kernel\truns\tleft over\tlifesign\tclass\tseconds\tat\tgoleak\tprofile\tgo-deadlock\tbeside it")
	for _, r := range results {
		found, class, seconds, at := "-", "-", "-", "-"
		if r.found != nil {
			found, class, at = r.found.Verdict, r.found.Class, r.found.at()
			seconds = fmt.Sprintf("%.2f", r.seconds)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", r.name, r.tries, r.left, found, class, seconds, at,
			r.goleak, r.profile, r.complained(), r.beside())
	}
	w.Flush()
	return b.String()
}

// complained says what go-deadlock did in its own run.
func (r result) complained() string {
	if r.locksLeft == 0 {
		return "not triggered"
	}
	return fmt.Sprint(r.deadlock)
}

// beside says what is wrong with the healthy part.
func (r result) beside() string {
	var parts []string
	for _, f := range r.wrong {
		parts = append(parts, fmt.Sprintf("%s %s at %s", f.Verdict, f.Class, f.at()))
	}
	if r.idle {
		parts = append(parts, "did not work")
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// sum is how often who was right.
type sum struct {
	name                                  string
	kernels, triggered                    int
	found, proven                         int
	silent                                int // found where nothing was left over
	seconds                               []float64
	goleak, profile, deadlock, deadlockOf int
	wrong, idle                           int
}

func summarise(name string, results []result) sum {
	s := sum{name: name, kernels: len(results)}
	for _, r := range results {
		s.wrong += len(r.wrong)
		s.idle += count(r.idle)
		s.deadlockOf += count(r.locksLeft > 0)
		s.deadlock += count(r.locksLeft > 0 && r.deadlock > 0)
		if r.left == 0 {
			s.silent += count(r.found != nil)
			continue
		}
		s.triggered++
		s.goleak += count(r.goleak > 0)
		s.profile += count(r.profile > 0)
		if r.found != nil {
			s.found++
			s.proven += count(r.found.Class == "proven")
			s.seconds = append(s.seconds, r.seconds)
		}
	}
	return s
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// totals prints the sums, a row a variant.
func totals(sums []sum) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "variant\tkernels\ttriggered\tlifesign\tof which proven\tmedian seconds\tgoleak\tprofile\tgo-deadlock\tfound in what was over\tfalse, in the healthy part")
	for _, s := range sums {
		median := "-"
		if len(s.seconds) > 0 {
			slices.Sort(s.seconds)
			median = fmt.Sprintf("%.2f", s.seconds[len(s.seconds)/2])
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%d of %d\t%d\t%d\n", s.name, s.kernels, s.triggered, s.found, s.proven, median,
			s.goleak, s.profile, s.deadlock, s.deadlockOf, s.silent, s.wrong)
	}
	w.Flush()
	return b.String()
}
