package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A service is a real program that does what it is there for.
type service struct {
	name string
	pids []int  // its processes, once it has begun
	like string // instead: the processes whose name matches
	load func(ctx context.Context) error
}

// report is what lifesign says of a service.
type report struct {
	service
	watcher *watcher
	found   map[string]int // findings by verdict
	bad     []finding      // of what is stuck or has vanished
	looks   map[string]int // verdicts of inspect
}

// healthyTable has lifesign watch real programs for so long, with and without
// load, and says what it found.
func healthyTable(ctx context.Context, r runner, subjects string, d time.Duration, only string, out io.Writer) (err error) {
	s, err := newStage(r.bin, r.programs, d+10*bound)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		if err != nil && !errors.Is(err, errNotAsExpected) {
			err = fmt.Errorf("%w; the programs say: %s", err, s.said())
		}
		err = errors.Join(err, s.end())
	}()
	services, err := begin(ctx, s, subjects, only)
	if err != nil {
		return err
	}
	var reports []*report
	failed := make(chan error, len(services))
	for _, v := range services {
		if v.load != nil {
			go func() {
				if err := v.load(ctx); err != nil && ctx.Err() == nil {
					failed <- fmt.Errorf("load %s: %w", v.name, err)
				}
			}()
		}
	}
	for i, v := range services {
		rep := &report{service: v, found: map[string]int{}, looks: map[string]int{}}
		if rep.watcher, err = v.watch(s, i); err != nil {
			return fmt.Errorf("watch %s: %w", v.name, err)
		}
		reports = append(reports, rep)
	}
	err = follow(ctx, s, reports, d, failed)
	return errors.Join(err, printReports(out, reports))
}

// watch has lifesign watch a service.
func (v service) watch(s *stage, i int) (*watcher, error) {
	flags := []string{"-json", fmt.Sprintf("%s/%d.jsonl", s.dir, i)}
	if v.like != "" {
		flags = append(flags, "-name", v.like)
	}
	return watch(s, flags, v.pids...)
}

// follow reads what is found, and inspects each service now and then.
func follow(ctx context.Context, s *stage, reports []*report, d time.Duration, failed <-chan error) error {
	end := time.After(d)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-end:
			return nil
		case <-tick.C:
		}
		for _, rep := range reports {
			if err := rep.read(); err != nil {
				return err
			}
		}
		if err := reports[n%len(reports)].look(ctx, s, n/len(reports)); err != nil {
			return err
		}
	}
}

// read takes in what watch has found.
func (rep *report) read() error {
	select {
	case <-rep.watcher.ended:
		return fmt.Errorf("lifesign watch of %s has ended: %v: %s", rep.name, rep.watcher.err, rep.watcher.said())
	default:
	}
	if err := rep.watcher.look(); err != nil {
		return err
	}
	for _, f := range rep.watcher.all {
		rep.found[f.Verdict]++
		rep.note(f)
	}
	rep.watcher.all = nil
	return nil
}

func (rep *report) note(f finding) {
	if f.Verdict == "stuck" || f.Verdict == "vanished" {
		rep.bad = append(rep.bad, f)
	}
}

// look inspects one of the service's processes. One that has ended meanwhile is
// none that is wrong.
func (rep *report) look(ctx context.Context, s *stage, n int) error {
	if len(rep.pids) == 0 {
		return nil
	}
	pid := rep.pids[n%len(rep.pids)]
	i, err := inspect(ctx, s, pid, time.Second)
	if err != nil {
		if gone(pid) {
			return nil
		}
		return fmt.Errorf("inspect %s: %w", rep.name, err)
	}
	rep.looks[i.Verdict]++
	rep.note(finding{Verdict: i.Verdict, What: i.What, PID: pid})
	return nil
}

func printReports(out io.Writer, reports []*report) error {
	const columns = "%-24s %9v %-32s %-40s %s\n"
	fmt.Fprintf(out, columns, "healthy", "processes", "found by watch", "said by inspect", "result")
	good := true
	for _, rep := range reports {
		result := "ok"
		if len(rep.bad) > 0 {
			result, good = fmt.Sprintf("WRONG: %d stuck or vanished", len(rep.bad)), false
		}
		fmt.Fprintf(out, columns, rep.name, len(rep.pids), summary(rep.found), summary(rep.looks), result)
		for _, f := range rep.bad {
			fmt.Fprintf(out, "  process %d: %v\n", f.PID, f)
		}
	}
	if !good {
		return errNotAsExpected
	}
	return nil
}

func summary(counts map[string]int) string {
	if len(counts) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Clip(tally(counts)), ", ")
}
