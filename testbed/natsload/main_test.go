package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		args string
		want string // part of the error, "" for none
	}{
		{"defaults", "", ""},
		{"localhost by name", "-url nats://localhost:4333", ""},
		{"IPv6 loopback", "-url nats://[::1]:4333", ""},
		{"another host", "-url nats://192.0.2.1:4222", "not a loopback address"},
		{"no host", "-url nats://:4222", "not a loopback address"},
		{"unknown target", "-target topic", "-target is stream or core"},
		{"message too small for its stamp", "-size 7", "-size from 8"},
		{"no publisher", "-publishers 0", "-publishers"},
		{"no time", "-duration 0s", "-duration"},
		{"argument", "nats://127.0.0.1:4222", "unexpected argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(strings.Fields(tt.args))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("parse(%q) = %v, want no error", tt.args, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("parse(%q) = %v, want an error with %q", tt.args, err, tt.want)
			}
		})
	}
}

func TestRunWithoutServerIsAnError(t *testing.T) {
	c, err := parse([]string{"-url", "nats://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), c, func(report.Line) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "connect to nats://127.0.0.1:1") {
		t.Errorf("run without a server = %v, want an error that names it", err)
	}
}

func TestStandstill(t *testing.T) {
	const second = int64(time.Second)
	s := standstill{limit: 2 * time.Second}
	steps := []struct {
		at, ack int64
		want    report.Event
	}{
		{5 * second, 0, ""},
		{6 * second, 6 * second, ""},
		{8 * second, 6 * second, ""},
		{8*second + 1, 6 * second, report.Stall},
		{9 * second, 6 * second, ""},
		{10 * second, 10 * second, report.Resumed},
		{11 * second, 10 * second, ""},
	}
	for i, st := range steps {
		if got := s.step(report.Line{At: st.at, LastAck: st.ack}); got != st.want {
			t.Errorf("step %d: event %q, want %q", i, got, st.want)
		}
	}
}

// TestStandstillFromTheBeginning has a server stand before it has acknowledged
// anything.
func TestStandstillFromTheBeginning(t *testing.T) {
	var c tally
	c.begin(mono.Now() - int64(3*time.Second))
	s := standstill{limit: 2 * time.Second}
	if got := s.step(c.line(report.Progress)); got != report.Stall {
		t.Errorf("event %q, want %q", got, report.Stall)
	}
}

func TestPaceChargesLateness(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var n int
	var worst time.Duration
	start := mono.Now()
	pace(ctx, 1000, func(due int64) {
		if n == 0 {
			time.Sleep(100 * time.Millisecond) // a server that stops
		}
		worst = max(worst, mono.Since(due))
		n++
	})
	if most := int(mono.Since(start)/time.Millisecond) + 1; n < 2 || n > most {
		t.Errorf("%d calls at 1000 a second, want at most %d", n, most)
	}
	if worst < 90*time.Millisecond {
		t.Errorf("worst lateness %v, want the stop's 100ms", worst)
	}
}
