package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is what became of one way in one setting.
type row struct {
	way      way
	setting  setting
	outcomes []outcome
}

// String is a line that tells how far it is.
func (r row) String() string { return fmt.Sprintf("%-10s %-9s %s", r.way.name, r.setting, r.became()) }

// became says in a word what became of it.
func (r row) became() string {
	var all []string
	for _, o := range r.outcomes {
		what := "restarted"
		if o.contained {
			what = "contained"
		}
		if o.renewed {
			what = "contained, drained"
		}
		if !slices.Contains(all, what) {
			all = append(all, what)
		}
	}
	return strings.Join(all, " and ")
}

// wrong says what of the row is not as it should be.
func (r row) wrong() []string {
	var all []string
	complain := func(format string, args ...any) {
		if what := fmt.Sprintf(format, args...); !slices.Contains(all, what) {
			all = append(all, what)
		}
	}
	contained := r.way.contained && r.setting != bare
	for _, o := range r.outcomes {
		switch {
		case o.contained && !contained:
			complain("it was contained")
		case !o.contained && contained:
			complain("it was not contained")
		case contained && o.failed > 0:
			complain("it was contained, and others have noticed it")
		}
		if o.contained && o.draining != r.way.drains {
			complain("it was contained, and whether it drains is %v", o.draining)
		}
		if want := r.way.ends; !contained && r.setting != supervised && o.ended != want {
			complain("it has ended with %q, want %q", o.ended, want)
		}
		if r.setting == supervised && !regexp.MustCompile(r.way.dump).MatchString(o.dump) {
			complain("no dump says %q", r.way.dump)
		}
	}
	return all
}

// gap is the median time without service.
func (r row) gap() time.Duration {
	var all []time.Duration
	for _, o := range r.outcomes {
		all = append(all, o.gap)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// failed is how many requests of others got no answer, at most.
func (r row) failed() int {
	most := 0
	for _, o := range r.outcomes {
		most = max(most, o.failed)
	}
	return most
}

// says is the line of the first dump that is expected.
func (r row) says() string {
	for _, o := range r.outcomes {
		for _, line := range strings.Split(o.dump, "\n") {
			if regexp.MustCompile(r.way.dump).MatchString(line) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// table writes all rows, complaints last, and returns how many complaints there are.
func table(out io.Writer, rows []row) (wrong int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "way\tsetting\twhat became of it\twithout service\tothers failed\tthe dump says")
	for _, r := range rows {
		without := "no"
		if !strings.HasPrefix(r.became(), "contained") {
			without = r.gap().Round(time.Millisecond).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", r.way.what, r.setting, r.became(), without, r.failed(), r.says())
	}
	w.Flush()
	for _, r := range rows {
		for _, what := range r.wrong() {
			wrong++
			fmt.Fprintf(out, "%s, %s: %s\n", r.way.what, r.setting, what)
			fmt.Fprintf(out, "%s\n", r.outcomes[len(r.outcomes)-1].said)
		}
	}
	return wrong
}
