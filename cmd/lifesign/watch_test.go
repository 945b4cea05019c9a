package main

import (
	"fmt"
	"slices"
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
	var got []string
	for _, sample := range []struct {
		at  int64
		why string
	}{{1e9, ""}, {2e9, "frozen"}, {3e9, "frozen"}, {4e9, "stopped"}, {5e9, ""}, {6e9, ""}} {
		text, f := p.look(event.Sample{At: sample.at, Process: event.Process{Paused: sample.why}})
		if text == "" {
			if f.Verdict != "" {
				t.Errorf("at %d there is nothing to tell but %+v", sample.at, f)
			}
			continue
		}
		got = append(got, fmt.Sprintf("%s; %s at %d since %d: %s", text, f.Verdict, f.At/1e9, f.Place.Since/1e9, f.What))
	}
	want := []string{
		"paused: frozen; paused at 2 since 2: the process is frozen",
		"paused: stopped; paused at 4 since 4: the process is stopped",
		"goes on, after 1.00 s; working at 5 since 4: the process is not stopped any more",
	}
	if !slices.Equal(got, want) {
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
