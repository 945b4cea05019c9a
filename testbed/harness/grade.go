package main

import (
	"fmt"
	"slices"
	"time"
)

// grade returns what is wrong with a run, nothing if all is as expected.
func (o outcome) grade() []string {
	if o.err != nil {
		return []string{"void: " + o.err.Error()}
	}
	var wrong []string
	if !o.scenario.alone {
		wrong = o.scenario.expect.check(o.found)
	}
	if o.scenario.disturb != undisturbed && !o.load.felt() {
		wrong = append(wrong, "the disturbance was not felt: "+o.load.rates())
	}
	if w := o.gradeLoad(); w != "" {
		wrong = append(wrong, w)
	}
	if o.health != healthy {
		wrong = append(wrong, fmt.Sprintf("/healthz %d, want %d", o.health, healthy))
	}
	return wrong
}

// gradeLoad returns what is wrong with how the server fared.
func (o outcome) gradeLoad() string {
	switch {
	case o.scenario.hangs && o.load.stall == nil:
		return "the fault did not occur"
	case o.scenario.hangs:
	case o.load.stall != nil || o.scenario.disturb == undisturbed && o.load.over > 0:
		return "the server stood still"
	case o.load.end.Acked == 0:
		return "nothing was published"
	case o.scenario.disturb != undisturbed && o.load.end.Acked <= o.load.to.Acked:
		return "nothing was published after the disturbance"
	}
	return ""
}

// took returns how long it was from the fault to the first finding's line in
// the file. The fault is dated by the last publish that was acknowledged: what
// the load, a third process, can know.
func (o outcome) took() (d time.Duration, ok bool) {
	if o.load.stall == nil || len(o.found) == 0 {
		return 0, false
	}
	return time.Duration(o.found[0].seenAt - o.load.stall.LastAck), true
}

// median returns the median of how long the runs of a scenario took.
func median(runs []outcome) (d time.Duration, ok bool) {
	var all []time.Duration
	for _, o := range runs {
		if d, ok := o.took(); ok {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

// gradeAll returns what is wrong with the runs of one scenario together.
func gradeAll(runs []outcome) []string {
	e := runs[0].scenario.expect
	if e == nil {
		return nil
	}
	d, ok := median(runs)
	switch {
	case !ok:
		return []string{"never timed"}
	case e.within > 0 && d > e.within:
		return []string{fmt.Sprintf("median %.2f s, want at most %.2f s", d.Seconds(), e.within.Seconds())}
	}
	return nil
}
