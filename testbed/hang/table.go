package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const columns = "%-32s %-6s %-16s %-20s %-46s %-12s %-22s %s\n"

// observeTable makes every case so many times, without load and with a busy
// process on every core, and prints what lifesign says.
func observeTable(ctx context.Context, r runner, cases []scenario, runs int, out io.Writer) error {
	good := true
	for _, loaded := range []bool{false, true} {
		if loaded {
			fmt.Fprintf(out, "\nwith a busy process on every core\n")
		}
		ok, err := r.pass(ctx, cases, runs, loaded, !loaded, out)
		if err != nil {
			return err
		}
		good = good && ok
	}
	if !good {
		return errNotAsExpected
	}
	return nil
}

// pass makes every case so many times and prints a line for each. timed says
// whether limits of time count.
func (r runner) pass(ctx context.Context, cases []scenario, runs int, loaded, timed bool, out io.Writer) (ok bool, err error) {
	if loaded {
		s, err := newStage(r.bin, r.programs, longest)
		if err != nil {
			return false, err
		}
		defer s.end()
		if err := load(s, longest); err != nil {
			return false, err
		}
	}
	fmt.Fprintf(out, columns, "case", "state", "verdict", "class", "resource named", "seconds", "expected", "ok")
	var all totals
	asExpected := true
	for _, c := range cases {
		outcomes := r.repeat(ctx, c, runs)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		for _, o := range outcomes {
			all.add(c, o)
		}
		asExpected = printRow(out, c, outcomes, timed) && asExpected
	}
	fmt.Fprintln(out)
	lines, limits := all.lines(timed)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return limits && asExpected, nil
}

// together is how many runs of a case are made at the same time: most of them
// only wait.
const together = 5

// repeat makes a case so many times. One that needs processors is made alone.
func (r runner) repeat(ctx context.Context, c scenario, runs int) []outcome {
	outcomes := make([]outcome, runs)
	free := make(chan struct{}, together)
	if c.alone() {
		free = make(chan struct{}, 1)
	}
	var all sync.WaitGroup
	for i := range outcomes {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			if ctx.Err() == nil {
				outcomes[i] = r.observe(ctx, c)
			}
		})
	}
	all.Wait()
	return outcomes
}

// alone reports whether a case would be another one beside others of its kind.
func (c scenario) alone() bool {
	return c.program == "busy" || c.program == "thrash" || c.want.kind == isVanished
}

// printRow prints what was said in all runs of a case, and whether that is right.
func printRow(out io.Writer, c scenario, outcomes []outcome, timed bool) bool {
	var verdicts, classes, states, named []string
	var took []time.Duration
	wrong := map[string]int{}
	for i, o := range outcomes {
		verdicts, classes = append(verdicts, o.best()), append(classes, o.class())
		states, named = append(states, o.state), append(named, o.named())
		if o.took > 0 {
			took = append(took, o.took)
		}
		says := o.grade(c.want)
		if late := o.late(c.want); late != "" && timed && o.err == nil {
			says = append(says, late)
		}
		if len(says) > 0 {
			o.explain(c, i+1)
		}
		for _, w := range says {
			wrong[w]++
		}
	}
	seconds := "-"
	if len(took) > 0 {
		seconds = fmt.Sprintf("%.2f", median(took).Seconds())
		if most := slices.Max(took); len(took) > 1 {
			seconds += fmt.Sprintf("-%.2f", most.Seconds())
		}
	}
	result := "ok"
	if len(wrong) > 0 {
		result = "WRONG: " + strings.Join(tally(wrong), "; ")
	}
	expected := strings.Join(c.want.verdicts, "/")
	if len(c.want.early) > 0 {
		expected += " (" + strings.Join(c.want.early, "/") + ")"
	}
	if err := outcomes[0].err; errors.Is(err, errNotHere) {
		result = err.Error()
	}
	fmt.Fprintf(out, columns, c.name, most(states), most(verdicts), most(classes), shorten(most(named), 46), seconds, expected, result)
	return len(wrong) == 0
}

// named is what the words on the subject name, without what differs from run to run.
func (o outcome) named() string {
	text := ""
	if o.subject.Verdict != "" {
		text = o.subject.named()
	} else if len(o.found) > 0 {
		text = o.found[0].What
	}
	text = scratch.ReplaceAllString(text, "DIR")
	return figures.ReplaceAllString(text, "N")
}

var (
	scratch = regexp.MustCompile(`/[\w/]*/lifesign-hang-\d+`)
	figures = regexp.MustCompile(`0x[0-9a-f]+|\d+\.\d+ s|\[\d+\]|\b\d{3,}\b|\b7:\d+ \(loop\d+|\bconnection \d+`)
)

// explain prints all that was said in a run that is not as expected.
func (o outcome) explain(c scenario, run int) {
	fmt.Fprintf(os.Stderr, "%s, run %d:\n", c.name, run)
	if o.err != nil {
		fmt.Fprintf(os.Stderr, "  error: %v\n", o.err)
	}
	if o.subject.Verdict != "" {
		fmt.Fprintf(os.Stderr, "  inspect: %v\n", o.subject)
	}
	for _, f := range slices.Concat(o.found, o.others) {
		fmt.Fprintf(os.Stderr, "  watch: %v\n", f)
	}
}

// most names the values of all runs, the most frequent first.
func most(all []string) string {
	counts := map[string]int{}
	for _, s := range all {
		counts[s]++
	}
	if len(counts) == 1 {
		return all[0]
	}
	return strings.Join(tally(counts), ", ")
}

func tally(counts map[string]int) []string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if n := counts[b] - counts[a]; n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	for i, n := range names {
		text := n
		if text == "" {
			text = "-"
		}
		names[i] = fmt.Sprintf("%s x%d", text, counts[n])
	}
	return names
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
