package main

import (
	"errors"
	"testing"
	"time"

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

// A look lasts until the process has been seen for its span, however late the
// watcher's own samples were; but not for ever.
func TestLookThatIsLate(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		took, late time.Duration
		want       bool
	}{
		{0, 0, false}, {1999 * ms, 0, false}, {2000 * ms, 0, true},
		{2000 * ms, 10 * ms, false}, {2010 * ms, 10 * ms, true},
		{9000 * ms, 8000 * ms, false}, {9999 * ms, 9500 * ms, false}, {10000 * ms, 9500 * ms, true},
	} {
		start := time.Now()
		l := look{span: 2 * time.Second, start: start, late: test.late}
		if got := l.over(start.Add(test.took)); got != test.want {
			t.Errorf("after %v, of which samples were late for %v: over is %t", test.took, test.late, got)
		}
	}
}
