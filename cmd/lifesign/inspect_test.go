package main

import (
	"errors"
	"testing"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/tell"
)

func TestInspectStatus(t *testing.T) {
	whole := func(v event.Verdict, c event.Class) *tell.Whole { return &tell.Whole{Verdict: v, Class: c} }
	failed := errors.New("no such process")
	for _, test := range []struct {
		name  string
		worst *tell.Whole
		err   error
		want  int
	}{
		{"working", whole(event.Working, event.Proven), nil, 0},
		{"idle", whole(event.Idle, event.Inferred), nil, 0},
		{"deadlocked", whole(event.Stuck, event.Proven), nil, 3},
		{"vanished", whole(event.Vanished, event.Proven), nil, 3},
		{"stuck", whole(event.Stuck, event.Inferred), nil, 4},
		{"slow", whole(event.Slow, event.Inferred), nil, 5},
		{"starved", whole(event.Starved, event.Proven), nil, 5},
		{"spinning", whole(event.Spinning, event.Inferred), nil, 5},
		{"paused", whole(event.Paused, event.Proven), nil, 6},
		{"unknown", whole(event.Unknown, event.Undecided), nil, 7},
		{"nothing could be looked at", nil, failed, 1},
		{"all is well but for an error", whole(event.Idle, event.Inferred), failed, 1},
		{"paused, and an error", whole(event.Paused, event.Proven), failed, 6},
	} {
		if got := inspectStatus(test.worst, []error{nil, test.err}); got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
}
