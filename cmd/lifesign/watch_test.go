package main

import (
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/tell"
)

// A verdict is told when it has lasted, and its end is. What findings tell is
// not told twice.
func TestCourse(t *testing.T) {
	const ms = 1_000_000
	var c course
	for _, step := range []struct {
		at   int64
		v    event.Verdict
		want string
	}{
		{1000, event.Working, ""}, {4000, event.Idle, ""},
		{4250, event.Slow, ""}, {6000, event.Slow, ""}, {6250, event.Slow, "slow (inferred): what"}, {9000, event.Slow, ""},
		{9250, event.Working, ""}, {10000, event.Slow, ""}, {13000, event.Slow, ""},
		{13250, event.Starved, ""}, {15250, event.Starved, "starved (inferred): what"},
		{15500, event.Stuck, ""}, {17500, event.Stuck, "that is over"}, {20000, event.Idle, ""},
		{20250, event.Unknown, ""}, {22250, event.Unknown, "unknown (inferred): what"},
	} {
		if got := c.look(step.at*ms, tell.Whole{Verdict: step.v, Class: event.Inferred, What: "what"}); got != step.want {
			t.Errorf("%s at %d ms: %q, want %q", step.v, step.at, got, step.want)
		}
	}
}

func TestPauses(t *testing.T) {
	var p pauses
	sample := func(at int64, why string) string {
		return p.look(event.Sample{At: at, Process: event.Process{Paused: why}})
	}
	got := []string{sample(1e9, ""), sample(2e9, "frozen"), sample(3e9, "frozen"), sample(4e9, "stopped"), sample(5e9, ""), sample(6e9, "")}
	if got, want := strings.Join(got, "|"), "|paused: frozen||paused: stopped|goes on, after 1.00 s|"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestParseTargets(t *testing.T) {
	for _, test := range []struct {
		args, name, want string
	}{
		{"", "", "the number of a process is needed"},
		{"7", "x", "not both"},
		{"0", "", `"0" is not the number of a process`},
		{"-7", "", `"-7" is not the number of a process`},
		{"", "(", "-name: "},
	} {
		_, err := parseTargets(strings.Fields(test.args), test.name)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q and -name %q: %v, want %s", test.args, test.name, err, test.want)
		}
	}
	got, err := parseTargets([]string{"7", "5", "7"}, "")
	if err != nil || len(got.pids) != 2 || got.pids[0] != 7 || got.pids[1] != 5 {
		t.Errorf("got %v, %v", got.pids, err)
	}
}
