package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
)

const second = int64(time.Second)

// at is a finding, known so many seconds after zero.
func at(seconds int64, verdict, class, fn string, sources ...string) findings.Seen {
	var f findings.Seen
	f.Verdict, f.Class, f.At, f.SeenAt = verdict, class, seconds*second, seconds*second
	f.Place.Site.Func = fn
	for i, s := range sources {
		f.Shown = append(f.Shown, findings.Shown{Source: s, At: int64(i)})
	}
	return f
}

func TestGrade(t *testing.T) {
	marks := at(12, "stuck", "inferred", "fsync", "marks", "kernel")
	mimic := at(11, "wrong", "proven", "fsync", "mimics")
	tests := []struct {
		name   string
		want   want
		mimics bool
		found  []findings.Seen
		dies   bool
		ended  int64
		bad    string // part of what is wrong, "" if nothing is
	}{
		{"a hang, without mimics", stuck, false, []findings.Seen{marks}, false, 0, ""},
		{"a hang, not found", stuck, false, nil, false, 0, "not found"},
		{"a hang, called slow", stuck, true, []findings.Seen{at(12, "slow", "inferred", "fsync", "mimics")}, false, 0, "not found"},
		{"a hang, elsewhere", stuck, true, []findings.Seen{at(12, "stuck", "inferred", "accept", "marks")}, false, 0, "nothing to do with it"},
		{"before the fault", stuck, true, []findings.Seen{at(9, "stuck", "inferred", "fsync", "marks"), marks}, false, 0, "false"},
		{"a flip", wrong, true, []findings.Seen{mimic}, false, 0, ""},
		{"a flip, unseen", wrong, true, nil, false, 0, "not found"},
		{"a flip, without mimics", wrong, false, nil, false, 0, ""},
		{"a flip, by marks", wrong, true, []findings.Seen{at(12, "wrong", "proven", "fsync", "marks")}, false, 0, "nobody can"},
		{"slow", slow, true, []findings.Seen{at(12, "slow", "inferred", "fsync", "mimics")}, false, 0, ""},
		{"slow, called stuck", slow, true, []findings.Seen{marks}, false, 0, "slow is not stuck"},
		{"lost packets", told, true, []findings.Seen{at(15, "unknown", "unknown", "fsync", "mimics")}, false, 0, ""},
		{"lost packets, called proven", told, true, []findings.Seen{at(15, "stuck", "proven", "fsync", "mimics")}, false, 0, "proven"},
		{"refused, and the subject ends", wrong, true, nil, true, 16 * second, "6.0 s until"},
		{"refused, and the subject ends at once", wrong, true, nil, true, 11 * second, ""},
		{"refused, told, and the subject ends", wrong, true, []findings.Seen{mimic}, true, 13 * second, ""},
		{"the subject ends", wrong, true, []findings.Seen{mimic}, false, 13 * second, "ended by itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := outcome{
				trial: trial{fault: &fault{want: tt.want}, mimics: tt.mimics, dies: tt.dies, names: []string{"fsync"}},
				found: tt.found, fault: 10 * second, ended: tt.ended, again: true, recovered: true,
			}
			got := strings.Join(o.grade(), "; ")
			if tt.bad == "" && got != "" || !strings.Contains(got, tt.bad) {
				t.Errorf("wrong is %q, want %q", got, tt.bad)
			}
		})
	}
}

func TestGradeOfHealth(t *testing.T) {
	healthy := outcome{trial: trial{mimics: true}}
	if bad := healthy.grade(); len(bad) > 0 {
		t.Errorf("silence is wrong: %q", bad)
	}
	healthy.found = []findings.Seen{at(1, "slow", "inferred", "fsync", "mimics"), at(1, "unknown", "unknown", "fsync", "mimics")}
	if bad := healthy.grade(); len(bad) > 0 {
		t.Errorf("what nobody is told who has not asked for it: %q", bad)
	}
	healthy.found = []findings.Seen{at(1, "stuck", "inferred", "fsync", "mimics")}
	if bad := healthy.grade(); len(bad) != 1 || !strings.Contains(bad[0], "false") {
		t.Errorf("a finding without a fault: %q", bad)
	}
}

// What may stay unseen is no fault of lifesign's, and the table says why.
func TestWhatMayStayUnseen(t *testing.T) {
	o := outcome{trial: trial{fault: &fault{want: told}, mimics: true, blind: "nothing is sent"}, fault: 10 * second, again: true, recovered: true}
	table := newTable(io.Discard)
	if bad := table.add(o); len(bad) > 0 || table.wrong > 0 {
		t.Errorf("wrong: %q", bad)
	}
	o.trial.blind = ""
	if bad := table.add(o); len(bad) != 1 {
		t.Errorf("what must be seen, and is not: %q", bad)
	}
}

func TestRecovery(t *testing.T) {
	o := outcome{trial: trial{fault: &fault{want: stuck}, names: []string{"fsync"}}, fault: 10 * second, found: []findings.Seen{at(12, "stuck", "inferred", "fsync", "marks")}}
	for _, want := range []string{"did not work again", "nothing said", ""} {
		if got := strings.Join(o.grade(), "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("wrong is %q, want %q", got, want)
		}
		o.recovered, o.again = o.again, true
	}
}

func TestFirst(t *testing.T) {
	o := outcome{trial: trial{fault: &fault{want: stuck}, names: []string{"fsync"}}, fault: 10 * second}
	o.found = []findings.Seen{at(12, "stuck", "inferred", "fsync", "kernel", "marks"), at(13, "stuck", "inferred", "fsync", "mimics")}
	s := o.see()
	if s.by != "kernel" || o.since(s.first) != "2.00" || o.since(s.mimics) != "3.00" || o.since(s.others) != "2.00" {
		t.Errorf("first by %s after %s, mimics %s, others %s", s.by, o.since(s.first), o.since(s.mimics), o.since(s.others))
	}
}

// TestTrials: every subject goes through every fault of its medium, with mimics
// and without, and is healthy once.
func TestTrials(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range full(time.Minute) {
		if seen[x.String()] {
			t.Errorf("%s is there twice", x)
		}
		seen[x.String()] = true
		if len(x.names) == 0 {
			t.Errorf("%s: no place is right", x)
		}
	}
	if want := len(onDisks)*(1+2*len(diskFaults)) + len(onWires)*(1+2*len(wireFaults)); len(seen) != want {
		t.Errorf("%d trials, want %d", len(seen), want)
	}
}
