package observe

import (
	"fmt"
	"testing"
	"time"
)

func TestPeriodGrowsWithTheThreads(t *testing.T) {
	for threads, want := range map[int]time.Duration{
		0: 250 * time.Millisecond, 1: 250 * time.Millisecond, 250: 250 * time.Millisecond,
		251: 251 * time.Millisecond, 625: 625 * time.Millisecond, 999: 999 * time.Millisecond,
		1000: time.Second, 1 << 30: time.Second,
	} {
		if got := Period(threads); got != want {
			t.Errorf("%d threads: %v, want %v", threads, got, want)
		}
	}
}

// A story of a pace, in milliseconds.
func TestPace(t *testing.T) {
	const ms = int64(time.Millisecond)
	var p pace
	due := func(what string, want int64) {
		t.Helper()
		if p.due != want*ms {
			t.Errorf("%s: due at %d ms, want %d", what, p.due/ms, want)
		}
	}
	if p.late(5*ms) != 0 {
		t.Error("the first sample is late")
	}
	p.took(1000*ms, 10, false)
	due("the usual", 1250)
	p.ask(10, []int{7}, nil)
	due("a thread is asked about", 1100)
	if got := p.late(1130 * ms); got != 30*ms {
		t.Errorf("late by %d ms, want 30", got/ms)
	}
	if p.late(1090*ms) != 0 {
		t.Error("a sample that comes early is late")
	}
	p.took(1100*ms, 10, false)
	p.ask(10, []int{7}, nil)
	due("it is asked about again", 1350)
	p.ask(10, []int{7}, []int{7, 8})
	due("another one, too", 1200)
	p.news(1110 * ms)
	due("a thread was killed soon after the sample", 1120)
	p.news(1115 * ms)
	due("and one more", 1120)
	p.took(1120*ms, 10, true)
	due("after that was told", 1145)
	p.news(1143 * ms)
	due("news when the sample is nearly due", 1143)
	p.took(1143*ms, 10, false)
	due("a second one follows", 1168)
	p.took(1170*ms, 10, false)
	due("and a third", 1195)
	p.took(1195*ms, 10, false)
	due("and no more", 1445)

	p = pace{every: 70 * time.Millisecond}
	p.took(0, 5000, false)
	due("as the user wants", 70)
}

func TestInTurn(t *testing.T) {
	p := &Process{}
	ids := []int{3, 5, 9, 12, 20}
	for i, want := range []string{"[3 5]", "[9 12]", "[20 3]", "[5 9]"} {
		if got := fmt.Sprint(p.inTurn(ids, 2)); got != want {
			t.Errorf("turn %d: %s, want %s", i, got, want)
		}
	}
	if got := p.inTurn(ids, 5); len(got) != 5 {
		t.Errorf("room for all, and %v", got)
	}
	if got := p.inTurn(ids, -1); len(got) != 0 {
		t.Errorf("room for none, and %v", got)
	}
}
