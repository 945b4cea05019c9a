package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
)

// grade returns what is wrong with a run, nothing if all is as expected.
func (o outcome) grade() []string {
	if o.err != nil {
		return []string{"void: " + o.err.Error()}
	}
	var wrong []string
	switch {
	case o.scenario.alone:
	case o.scenario.self != nil && o.scenario.hangs:
		wrong = o.gradeFindings()
	default:
		wrong = o.scenario.expect.check(findings.StuckOnly(o.found))
	}
	if d := o.scenario.disturb; d != undisturbed && d != everything && !o.load.felt() {
		wrong = append(wrong, "the disturbance was not felt: "+o.load.rates())
	}
	if w := o.gradeLoad(); w != "" {
		wrong = append(wrong, w)
	}
	if o.scenario.self == nil && o.health != healthy {
		wrong = append(wrong, fmt.Sprintf("/healthz %d, want %d", o.health, healthy))
	}
	return wrong
}

// gradeFindings returns what is wrong with what was found in a subject that
// makes its own fault. What is found after the fault beside it is a
// consequence; what is found before is a false alarm.
func (o outcome) gradeFindings() []string {
	var wrong []string
	places := o.scenario.self.Ought.Places
	stuck := findings.StuckOnly(o.found)
	for _, f := range stuck {
		if o.load.stall != nil && f.At < o.load.stall.LastAck {
			wrong = append(wrong, fmt.Sprintf("before the fault: %s, %s: %s at %s", f.Verdict, f.Class, f.What, f.Place.At()))
		}
	}
	switch {
	case len(stuck) == 0 && o.scenario.self.Ought.Note == "":
		wrong = append(wrong, "not found")
	case len(stuck) > 0 && findings.Locate(stuck[0].Finding, places) != findings.Operation:
		wrong = append(wrong, fmt.Sprintf("%s at %s is not the operation", stuck[0].What, stuck[0].Place.At()))
	}
	if o.scenario.self.Disk && !o.again {
		wrong = append(wrong, "the subject did not work again")
	}
	if o.scenario.self.Disk && !o.recovered {
		wrong = append(wrong, "nothing said that it goes on again")
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
	case o.scenario.disturb == everything:
	case o.scenario.disturb != undisturbed && o.load.end.Acked <= o.load.to.Acked:
		return "nothing was published after the disturbance"
	}
	return ""
}

// took returns how long it was from the fault to the first finding's line in
// the file. The fault is dated by the last publish that was acknowledged: what
// the load, a third process, can know.
func (o outcome) took() (d time.Duration, ok bool) {
	if o.load.stall == nil || len(findings.StuckOnly(o.found)) == 0 {
		return 0, false
	}
	return time.Duration(findings.StuckOnly(o.found)[0].SeenAt - o.load.stall.LastAck), true
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
