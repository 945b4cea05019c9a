package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func said(verdict, class, what string) group {
	return group{Verdict: verdict, Class: class, What: what}
}

func TestGrade(t *testing.T) {
	stuck := stuckOn("FUSE", 2*time.Second)
	frozen := stuckOn("froz", 15*time.Second)
	deadlock := want{kind: isDeadlocked, verdicts: []string{"stuck"}, class: "proven", within: 2 * time.Second}
	found := func(v, c, what string) []finding { return []finding{{Verdict: v, Class: c, What: what}} }
	for _, c := range []struct {
		name string
		w    want
		o    outcome
		want string // a part of what is wrong; "" if nothing is
	}{
		{"right", stuck, outcome{subject: said("stuck", "inferred", "fsync on a FUSE connection")}, ""},
		{"right by watch", stuck, outcome{found: found("stuck", "inferred", "on FUSE"), subject: said("unknown", "unknown", "")}, ""},
		{"names nothing", stuck, outcome{subject: said("stuck", "inferred", "fsync")}, `nothing names "FUSE"`},
		{"stuck called idle", stuck, outcome{subject: said("idle", "inferred", "")}, "called idle"},
		{"stuck called slow at first", stuck, outcome{found: found("slow", "inferred", "FUSE"), subject: said("stuck", "inferred", "FUSE")}, "called slow"},
		{"unknown before the budget", frozen, outcome{subject: said("unknown", "unknown", "")}, ""},
		{"unknown", stuck, outcome{subject: said("unknown", "unknown", "")}, "unknown, want stuck"},
		{"class", deadlock, outcome{subject: said("stuck", "inferred", "")}, "inferred, want proven"},
		{"idle called stuck", quiet("idle"), outcome{subject: said("stuck", "inferred", "")}, "called stuck"},
		{"idle called stuck for a moment", quiet("idle"), outcome{found: found("stuck", "inferred", ""), subject: said("idle", "inferred", "")}, "called stuck"},
		{"the heart", quiet("idle"), outcome{others: found("stuck", "proven", ""), subject: said("idle", "inferred", "")}, "thread that beats"},
		{"starved", quiet("starved"), outcome{subject: said("working", "proven", "")}, "working, want starved"},
		{"starved, and ran", quiet("starved"), outcome{subject: said("working", "proven", ""), ran: time.Millisecond}, ""},
		{"error", quiet("idle"), outcome{err: errNotAsExpected}, "not everything"},
	} {
		got := strings.Join(c.o.grade(c.w), "; ")
		if got != "" && c.want == "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTotals(t *testing.T) {
	deadlock := scenario{want: want{kind: isDeadlocked, verdicts: []string{"stuck"}, within: 2 * time.Second}}
	right := outcome{subject: said("stuck", "proven", ""), took: time.Second}
	late := outcome{subject: said("stuck", "proven", ""), took: 3 * time.Second}
	unknown := outcome{subject: said("unknown", "unknown", ""), took: time.Second}
	idle := scenario{want: quiet("idle")}
	for _, c := range []struct {
		name string
		runs map[*scenario][]outcome
		ok   bool
		told bool // whether all limits but those of time hold
	}{
		{"all is well", map[*scenario][]outcome{&deadlock: slices.Repeat([]outcome{right}, 20)}, true, true},
		{"one late", map[*scenario][]outcome{&deadlock: {right, late}}, false, true},
		{"one in twenty unknown", map[*scenario][]outcome{&deadlock: append(slices.Repeat([]outcome{right}, 19), unknown)}, true, true},
		{"two in twenty unknown", map[*scenario][]outcome{&deadlock: append(slices.Repeat([]outcome{right}, 18), unknown, unknown)}, false, false},
		{"an idle one called stuck", map[*scenario][]outcome{&idle: {right}}, false, false},
		{"a run that failed", map[*scenario][]outcome{&idle: {{err: errNotAsExpected}}}, false, false},
	} {
		var all totals
		for s, outcomes := range c.runs {
			for _, o := range outcomes {
				all.add(*s, o)
			}
		}
		if lines, ok := all.lines(true); ok != c.ok {
			t.Errorf("%s: %v, want %v: %s", c.name, ok, c.ok, strings.Join(lines, "; "))
		}
		if lines, ok := all.lines(false); ok != c.told {
			t.Errorf("%s, without limits of time: %v, want %v: %s", c.name, ok, c.told, strings.Join(lines, "; "))
		}
	}
}

func TestFindingIsAbout(t *testing.T) {
	var f finding
	line := `{"verdict":"stuck","thread":7,"chain":[{"thread":{"pid":1,"tid":7}},{"thread":{"pid":1,"tid":8}}],"waiters":[{"thread":{"pid":1,"tid":9}},{"goroutine":3}]}`
	if err := json.Unmarshal([]byte(line), &f); err != nil {
		t.Fatal(err)
	}
	for tid, want := range map[int]bool{7: true, 8: true, 9: true, 10: false, 0: false} {
		if got := f.about(tid); got != want {
			t.Errorf("about thread %d: %v, want %v", tid, got, want)
		}
	}
}

func TestRawFits(t *testing.T) {
	r := raw{states: "D", wchan: []string{"kernel_clone"}, calls: []int{58}}
	for _, c := range []struct {
		name string
		r    raw
		l    look
		want string
	}{
		{"as measured", r, look{state: "D", wchan: "kernel_clone", call: 58}, ""},
		{"state", r, look{state: "S", wchan: "kernel_clone", call: 58}, "state"},
		{"wchan", r, look{state: "D", wchan: "do_wait", call: 58}, "wchan"},
		{"call", r, look{state: "D", wchan: "kernel_clone", call: 1}, "call"},
		{"gone", r, look{}, "state"},
		{"gone as it ought to be", raw{}, look{}, ""},
		{"not gone", raw{}, look{state: "S"}, "state"},
		{"stands", raw{states: "R", runs: true}, look{state: "R"}, "does not run"},
		{"runs", raw{states: "R", runs: true}, look{state: "R", ran: 5e6}, ""},
	} {
		if got := c.r.fits(look{}, c.l); got != "" && c.want == "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCasesAreNamedOnce: a line of the table is found by its name.
func TestCasesAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range scenarios() {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
		if len(c.want.verdicts) == 0 || c.want.kind == "" {
			t.Errorf("%s: nothing is expected of it", c.name)
		}
	}
}
