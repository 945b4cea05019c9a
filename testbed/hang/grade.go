package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verdicts returns every verdict on the subject, inspect's last.
func (o outcome) verdicts() []string {
	var all []string
	for _, f := range o.found {
		all = append(all, f.Verdict)
	}
	if o.subject.Verdict != "" {
		all = append(all, o.subject.Verdict)
	}
	return all
}

// best is the verdict that counts: what watch found last, for it had the longest
// look, else inspect's.
func (o outcome) best() string {
	for i := len(o.found) - 1; i >= 0; i-- {
		if v := o.found[i].Verdict; v != "unknown" {
			return v
		}
	}
	if o.subject.Verdict == "" {
		return "unknown"
	}
	return o.subject.Verdict
}

func (o outcome) class() string {
	for i := len(o.found) - 1; i >= 0; i-- {
		if v := o.found[i].Verdict; v != "unknown" {
			return o.found[i].Class
		}
	}
	return o.subject.Class
}

// broken lists the limits that a run breaks, whatever else is said of the case.
func (o outcome) broken(w want) []string {
	never := map[kind][]string{
		isStuck:      {"working", "idle", "slow"},
		isDeadlocked: {"working", "idle", "slow"},
		isQuiet:      {"stuck", "vanished"},
		isBusy:       {"stuck", "vanished"},
	}[w.kind]
	var wrong []string
	for _, v := range o.verdicts() {
		if slices.Contains(never, v) {
			wrong = append(wrong, fmt.Sprintf("a %s one was called %s", w.kind, v))
		}
	}
	for _, f := range o.others {
		wrong = append(wrong, "of the thread that beats: "+f.String())
	}
	return slices.Compact(wrong)
}

// grade says what is not as expected in a run: limits first.
func (o outcome) grade(w want) []string {
	switch {
	case errors.Is(o.err, errNotHere):
		return nil
	case o.err != nil:
		return []string{o.err.Error()}
	}
	wrong := o.broken(w)
	if w.kind == isUnseen {
		return wrong
	}
	best := o.best()
	if o.ran > 0 && best == "working" && slices.Contains(w.verdicts, "starved") {
		return wrong // the machine had a processor for it after all, and that is what it was told as
	}
	if !slices.Contains(w.verdicts, best) && !slices.Contains(w.early, best) {
		wrong = append(wrong, fmt.Sprintf("%s, want %s", best, strings.Join(w.verdicts, " or ")))
	}
	if c := o.class(); w.class != "" && slices.Contains(w.verdicts, best) && c != w.class {
		wrong = append(wrong, fmt.Sprintf("%s, want %s", c, w.class))
	}
	if w.names != "" && best != "unknown" && !o.mentions(w.names) {
		wrong = append(wrong, fmt.Sprintf("nothing names %q", w.names))
	}
	return wrong
}

func (o outcome) mentions(text string) bool {
	for _, f := range o.found {
		if strings.Contains(strings.ToLower(f.What), strings.ToLower(text)) {
			return true
		}
	}
	return o.subject.mentions(text)
}

// late says that a finding took longer than the limits allow, or "".
func (o outcome) late(w want) string {
	if w.kind != isVanished && w.kind != isDeadlocked || o.took <= w.within && o.took > 0 {
		return ""
	}
	if o.took == 0 {
		return fmt.Sprintf("not found by watch within %v", w.within)
	}
	return fmt.Sprintf("%.3f s, want at most %.1f s", o.took.Seconds(), w.within.Seconds())
}

// totals are the limits, over all runs.
type totals struct {
	runs, wrong, absent    int
	calledWell, calledBad  int // stuck ones called working, idle or slow; others called stuck
	real, known            int // stuck, deadlocked and vanished ones; those told better than unknown
	lateVanished, lateDead []time.Duration
	vanished, dead         []time.Duration
}

func (t *totals) add(c scenario, o outcome) {
	if errors.Is(o.err, errNotHere) {
		t.absent++
		return
	}
	t.runs++
	if o.err != nil {
		t.wrong++
		return
	}
	if len(o.broken(c.want)) > 0 {
		switch c.want.kind {
		case isStuck, isDeadlocked:
			t.calledWell++
		default:
			t.calledBad++
		}
	}
	switch c.want.kind {
	case isStuck, isDeadlocked, isVanished:
		t.real++
		if o.best() != "unknown" {
			t.known++
		}
	}
	late := o.late(c.want) != ""
	switch c.want.kind {
	case isVanished:
		t.vanished = append(t.vanished, o.took)
		if late {
			t.lateVanished = append(t.lateVanished, o.took)
		}
	case isDeadlocked:
		t.dead = append(t.dead, o.took)
		if late {
			t.lateDead = append(t.lateDead, o.took)
		}
	}
}

// lines are the totals for people, and whether all limits hold. Times are only
// told where they are not to count.
func (t *totals) lines(timed bool) (lines []string, ok bool) {
	ok = true
	limit := func(good bool, format string, a ...any) {
		word := "ok"
		if !good {
			word, ok = "BROKEN", false
		}
		lines = append(lines, fmt.Sprintf(format, a...)+": "+word)
	}
	if t.absent > 0 {
		lines = append(lines, fmt.Sprintf("runs of cases that this machine has not what they take: %d", t.absent))
	}
	limit(t.wrong == 0, "runs that could not be made: %d of %d", t.wrong, t.runs)
	limit(t.calledWell == 0, "stuck and deadlocked ones called working, idle or slow: %d", t.calledWell)
	limit(t.calledBad == 0, "slow, paused, starved, idle and busy ones called stuck: %d", t.calledBad)
	if t.real > 0 {
		limit(t.known*100 >= t.real*95, "real ones that are better than unknown: %d of %d, %.1f %% (at least 95 %%)", t.known, t.real, 100*float64(t.known)/float64(t.real))
	}
	timing := func(what string, all, late []time.Duration, most string) {
		if len(all) == 0 {
			return
		}
		text := fmt.Sprintf("%s: median %.3f s, most %.3f s; later than %s or never: %d of %d", what, median(all).Seconds(), slices.Max(all).Seconds(), most, len(late), len(all))
		if !timed {
			lines = append(lines, text+": told only")
			return
		}
		limit(len(late) == 0, "%s", text)
	}
	timing("a vanished thread", t.vanished, t.lateVanished, "0.1 s")
	timing("a deadlock", t.dead, t.lateDead, "2 s")
	return lines, ok
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
