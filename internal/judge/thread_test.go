package judge

import (
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// onFUSE is a thread that stands in an fsync on a file system that answers nobody.
func onFUSE(tid int, depth event.Depth) event.Thread {
	return event.Thread{
		ID: tid, Depth: depth, RanNS: 1000, Slices: 10, State: "S", Syscall: 74, Call: "fsync", Wchan: "request_wait_answer", Switches: 900,
		Resource: &event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /data", InFlight: 1},
	}
}

// watchThreads judges a world, with the threads of the kernel beside it, until the given time.
func watchThreads(t *testing.T, w *world, seconds float64, tids ...int) []event.Finding {
	t.Helper()
	j := New(Config{})
	var found []event.Finding
	var a Actions
	for n := 0; float64(n)*0.1 <= seconds; n++ {
		w.now = int64(n) * 100_000_000
		s := w.sample(a)
		s.Threads = []event.Thread{}
		for _, tid := range tids {
			s.Threads = append(s.Threads, onFUSE(tid, event.DepthResource))
		}
		a = j.Step(s)
		found = append(found, a.Findings...)
	}
	if len(j.Standings()) != len(tids) {
		t.Errorf("%d standings, want %d", len(j.Standings()), len(tids))
	}
	if class, _ := j.stuckNow(); class != event.Inferred {
		t.Errorf("stuck now: %q, want inferred", class)
	}
	return found
}

// TestBothHalvesMeet: what the page shows of a goroutine and the kernel of its
// thread is one finding.
func TestBothHalvesMeet(t *testing.T) {
	w := newWorld()
	lines := `site sync call (*os.File).Sync wal.go:14 (*wal).commit
done sync
g 7 in sync#2
is 7 syscall at wal.go:14
thread 7 fsync 900 "FUSE connection 52 at /data" 1 0`
	p := &player{t: t, world: w, judge: New(Config{})}
	p.play("lines", lines)
	found := watchThreads(t, w, 8, 4007)
	if len(found) != 1 || found[0].Verdict != event.Stuck || found[0].Chain[0].Goroutine != 7 || found[0].Chain[0].Task == nil || found[0].Chain[0].Task.TID != 4007 {
		t.Fatalf("found %+v, want goroutine 7 on thread 4007 and nothing else", found)
	}
}

// TestThreadAlone: a thread that no goroutine of the page is on is told by itself.
func TestThreadAlone(t *testing.T) {
	found := watchThreads(t, newWorld(), 8, 4007, 4008)
	if len(found) != 1 || found[0].Thread != 4007 || found[0].Class != event.Inferred || len(found[0].Waiters) != 1 || found[0].Episode == 0 {
		t.Fatalf("found %+v, want thread 4007 with 4008 behind it", found)
	}
}
