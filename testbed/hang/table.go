package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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
	for i, outcomes := range r.repeat(ctx, cases, runs) {
		for _, o := range outcomes {
			all.add(cases[i], o)
		}
		asExpected = printRow(out, cases[i], outcomes, timed) && asExpected
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	fmt.Fprintln(out)
	lines, limits := all.lines(timed)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return limits && asExpected, nil
}

// repeat makes every case so many times, r.parallel runs at a time, and yields the
// outcomes of one case after another, until ctx ends. A run that needs the machine
// to itself waits for all others, and they for it.
func (r runner) repeat(ctx context.Context, cases []scenario, runs int) iter.Seq2[int, []outcome] {
	return func(yield func(int, []outcome) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		outcomes, done := make([][]outcome, len(cases)), make([]sync.WaitGroup, len(cases))
		for i := range cases {
			outcomes[i] = make([]outcome, runs)
			done[i].Add(runs)
		}
		all := make(chan struct{})
		go func() {
			defer close(all)
			r.start(ctx, cases, runs, func(i, run int) {
				defer done[i].Done()
				if ctx.Err() == nil {
					outcomes[i][run] = r.observe(ctx, cases[i])
				}
			})
		}()
		for i := range cases {
			if done[i].Wait(); ctx.Err() != nil || !yield(i, outcomes[i]) {
				break
			}
		}
		stop()
		<-all
	}
}

// start has do make every run, in order as far as there is room, and returns when
// all of it is done.
func (r runner) start(ctx context.Context, cases []scenario, runs int, do func(i, run int)) {
	room := make(chan struct{}, r.parallel)
	var all sync.WaitGroup
	for i, c := range cases {
		share := c.share(r.parallel)
		for run := range runs {
			for range share {
				room <- struct{}{} // nobody else takes any, so nobody waits for one who waits
			}
			if share < r.parallel {
				sleep(ctx, apart)
			}
			all.Go(func() {
				do(i, run)
				for range share {
					<-room
				}
			})
		}
	}
	all.Wait()
}

// apart is the time between the beginnings of runs that go on at the same time. What
// costs processor time is their beginning: a stage, a watch, an eBPF program.
const apart = 150 * time.Millisecond

// share is how much a case takes of a machine on which so many runs go on: all of
// it if it would be another one beside others. Those that a disk is busy with are few
// at a time; most only wait.
func (c scenario) share(parallel int) int {
	switch {
	case c.program == "busy", c.program == "thrash", c.want.kind == isVanished:
		return parallel
	case c.busyDisk:
		return max(1, parallel/fewDisks)
	}
	return 1
}

// fewDisks is how many cases that keep a disk busy go on at a time.
const fewDisks = 4

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
