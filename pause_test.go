package lifesign

import (
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/pause"
)

// What is told of pauses, and what only those hear who have asked for all.
func TestPausesAreFindings(t *testing.T) {
	var told []event.Finding
	heard := make(chan event.Finding, 100)
	o := newOutlet(func(f event.Finding) { heard <- f })
	complaints.attach(o)
	reported := 0
	teller := pauseTeller{told: map[pause.Kind]int64{}, report: func(pause.Pause) { reported++ }}
	at := int64(time.Hour)
	for _, p := range []pause.Pause{
		{Kind: pause.Stopped, What: "first", Length: 200 * time.Millisecond, Until: at},
		{Kind: pause.Stopped, What: "too soon", Length: time.Minute, Until: at + quiet - 1},
		{Kind: pause.Frozen, What: "another kind", Length: time.Second, Until: at + 1},
		{Kind: pause.Stopped, What: "later", Length: time.Second, Until: at + quiet},
		{Kind: pause.Starved, What: "too short", Length: 199 * time.Millisecond, Until: at},
		{Kind: pause.Late, What: "nothing was paused", Length: time.Minute, Until: at},
	} {
		teller.pause(p)
	}
	complaints.detach(o)
	o.drain(10 * time.Second)
	o.close()
	for len(heard) > 0 {
		told = append(told, <-heard)
	}
	if len(told) != 3 || told[0].What != "first" || told[1].What != "another kind" || told[2].What != "later" || reported != 6 {
		t.Errorf("told %+v, reported %d", told, reported)
	}
	for _, f := range told {
		if f.Verdict != event.Paused {
			t.Errorf("%s is told as %s", f.What, f.Verdict)
		}
	}
}

func TestWatchPausesOnce(t *testing.T) {
	stop, err := WatchPauses(pause.Options{NoSignal: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := WatchPauses(pause.Options{}); err != pause.ErrWatched {
		t.Errorf("a second time: %v, want %v", err, pause.ErrWatched)
	}
	stop()
	stop()
	stop, err = WatchPauses(pause.Options{NoSignal: true})
	if err != nil {
		t.Fatalf("after stop: %v", err)
	}
	stop()
}
