package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestSeventeenWays(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range ways {
		if seen[w.name] || w.what == "" || w.ends == "" || w.dump == "" {
			t.Errorf("%+v", w)
		}
		seen[w.name] = true
	}
	if len(seen) != 17 {
		t.Errorf("%d ways, want 17", len(seen))
	}
}

func TestWhatIsWrongIsTold(t *testing.T) {
	contained := way{name: "a", contained: true, ends: fatal, dump: "nil"}
	fatally := way{name: "b", ends: fatal, dump: "map"}
	for name, test := range map[string]struct {
		way     way
		setting setting
		outcome outcome
		want    string // "" if nothing is wrong
	}{
		"contained":              {contained, guarded, outcome{contained: true}, ""},
		"bare":                   {contained, bare, outcome{ended: fatal}, ""},
		"restarted":              {fatally, guarded, outcome{ended: fatal}, ""},
		"dumped":                 {fatally, supervised, outcome{dump: "x\na map y\n"}, ""},
		"not contained":          {contained, guarded, outcome{ended: fatal}, "it was not contained"},
		"contained all the same": {contained, bare, outcome{contained: true}, "it was contained"},
		"noticed":                {contained, guarded, outcome{contained: true, failed: 1}, "it was contained, and others have noticed it"},
		"another end":            {fatally, bare, outcome{ended: "signal: killed"}, `it has ended with "signal: killed", want "exit status 2"`},
		"drains":                 {contained, guarded, outcome{contained: true, draining: true}, "it was contained, and whether it drains is true"},
		"no dump":                {fatally, supervised, outcome{}, `no dump says "map"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := row{test.way, test.setting, []outcome{test.outcome, test.outcome}}
			got, _, _ := strings.Cut(strings.Join(r.wrong(), "|"), "|")
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			var out bytes.Buffer
			if n := table(&out, []row{r}); (n > 0) != (test.want != "") || !strings.Contains(out.String(), test.want) {
				t.Errorf("%d complaints in\n%s", n, out.String())
			}
		})
	}
}

func TestGapIsToTheFirstAnswer(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	for _, test := range []struct {
		answers []time.Time
		want    time.Duration
	}{
		{nil, 50 * time.Millisecond},
		{[]time.Time{at(90), at(102)}, 48 * time.Millisecond},
		{[]time.Time{at(102), at(104), at(149), at(300)}, 45 * time.Millisecond},
	} {
		p := &poller{over: make(chan struct{}), done: make(chan struct{}), answers: test.answers}
		close(p.done)
		if _, gap := p.end(at(100), at(150)); gap != test.want {
			t.Errorf("%v: %v, want %v", test.answers, gap, test.want)
		}
	}
}
