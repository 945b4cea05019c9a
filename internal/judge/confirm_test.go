package judge

import (
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

func TestCheckWait(t *testing.T) {
	site := func(k event.Kind) event.Site { return event.Site{Kind: k, File: "/src/a.go", Line: 7} }
	here := []event.Frame{{File: "/usr/lib/go/src/sync/mutex.go", Line: 46}, {File: "/build/a.go", Line: 7}}
	word := event.Word{Writer: event.Holding, Size: 8}
	parked := func(reason string, object uint64, stack []event.Frame) *event.Look {
		return &event.Look{Status: event.Waiting, Reason: reason, Object: object, Stack: stack}
	}
	for _, c := range []struct {
		name string
		kind event.Kind
		look *event.Look
		word event.Word
		want answer
		miss bool
	}{
		{"mutex", event.Lock, parked("sync.Mutex.Lock", 0x100, here), word, agrees, false},
		{"before Go 1.20", event.RLock, parked("semacquire", 0x104, here), word, agrees, false},
		{"address unknown", event.Lock, parked("sync.Mutex.Lock", 0, here), word, agrees, false},
		{"a writer behind a writer", event.RWLock, parked("sync.Mutex.Lock", 0x100, here), word, agrees, false},
		{"a writer behind readers", event.RWLock, parked("sync.RWMutex.Lock", 0x107, here), word, agrees, false},
		{"a reader", event.RLock, parked("sync.RWMutex.RLock", 0x100, here), word, agrees, false},
		{"a locker", event.Locker, parked("sync.RWMutex.RLock", 0x100, here), word, agrees, false},
		{"running", event.Lock, &event.Look{Status: event.Running, Stack: here}, word, contradicts, false},
		{"gone", event.Lock, &event.Look{Status: event.Gone}, word, contradicts, false},
		{"another reason", event.Lock, parked("chan receive", 0x100, here), word, contradicts, false},
		{"a reader for a writer's reason", event.RLock, parked("sync.RWMutex.Lock", 0x100, here), word, contradicts, false},
		{"a mutex for a writer's reason", event.Lock, parked("sync.RWMutex.Lock", 0x100, here), word, contradicts, false},
		{"beside the lock", event.Lock, parked("sync.Mutex.Lock", 0x108, here), word, contradicts, false},
		{"before the lock", event.Lock, parked("sync.Mutex.Lock", 0xff, here), word, contradicts, false},
		{"another line", event.Lock, parked("sync.Mutex.Lock", 0x100, []event.Frame{{File: "/src/a.go", Line: 8}}), word, contradicts, false},
		{"another file", event.Lock, parked("sync.Mutex.Lock", 0x100, []event.Frame{{File: "/src/ba.go", Line: 7}}), word, contradicts, false},
		{"a free lock", event.Lock, parked("sync.Mutex.Lock", 0x100, here), event.Word{Writer: event.NoWriter}, contradicts, false},
		{"no stack", event.Lock, parked("sync.Mutex.Lock", 0x100, nil), word, silent, true},
		{"no look", event.Lock, nil, word, silent, false},
		{"look not permitted", event.Lock, &event.Look{Err: "not permitted"}, word, silent, true},
		{"word not readable", event.Lock, parked("sync.Mutex.Lock", 0x100, here), event.Word{Err: "unmapped"}, silent, true},
		{"word without meaning", event.Lock, parked("sync.Mutex.Lock", 0x100, here), event.Word{}, silent, true},
	} {
		op := &event.Record{Site: site(c.kind), Object: 0x100}
		got, why := checkWait(op, c.look, c.word, true)
		if got != c.want || (why != "") != c.miss {
			t.Errorf("%s: got %d %q, want %d, something missing: %t", c.name, got, why, c.want, c.miss)
		}
	}
}

func TestClock(t *testing.T) {
	const ms = int64(1e6)
	sample := func(at int64, paused string) event.Sample {
		return event.Sample{At: at, Process: event.Process{Paused: paused}}
	}
	var c clock
	for i, step := range []struct {
		at     int64 // milliseconds
		paused string
		honest int64
		void   int
	}{
		{5000, "", 0, 0},
		{5100, "", 100, 0},
		{5400, "", 400, 0},
		{5701, "", 400, 1}, // late
		{5801, "", 500, 1},
		{5801, "", 500, 2}, // no time at all
		{5701, "", 500, 3}, // backwards
		{5801, "", 600, 3},
		{5901, "traced", 600, 4},
		{6001, "", 600, 5}, // it was paused for part of it
		{6101, "", 700, 5},
	} {
		judged := c.advance(sample(step.at*ms, step.paused), 300*ms)
		if judged != (step.paused == "") || c.honest != step.honest*ms || c.void != step.void {
			t.Errorf("step %d: got honest %d ms, void %d, judged %t; want %d, %d", i, c.honest/ms, c.void, judged, step.honest, step.void)
		}
	}
	c = clock{started: true, at: -1 << 62}
	c.advance(sample(1<<62, ""), 300*ms)
	if c.honest != 0 || c.void != 1 {
		t.Errorf("a hostile leap: got honest %d, void %d; want 0, 1", c.honest, c.void)
	}
}
