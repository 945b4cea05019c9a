package mimics

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// TestSlowIsNeverStuck has an operation always end just before its deadline, here
// and everywhere on its device, while what it stands on counts nothing: whatever
// else, nothing is stuck or wrong.
func TestSlowIsNeverStuck(t *testing.T) {
	longest := int64(0)
	for seed := int64(0); seed < 20; seed++ {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(Config{})
		w.add("sync", "run", event.Mimic{Deed: event.DoSync, Path: "/data/wal/1", FD: -1})
		w.kernel["sync *"] = event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /data", InFlight: 1}
		for i := 0; i < 1200; i++ {
			deadline := uncounted * w.judge.floor
			if e := w.judge.places[siteOf("sync")]; e != nil && e.busy != nil {
				if d := w.judge.deadline(e.busy); d > deadline {
					deadline = d
				}
			}
			if deadline > 20e9 {
				deadline = 20e9
			}
			took := deadline - period*int64(1+r.Intn(3))
			if took > longest {
				longest = took
			}
			for _, where := range []event.Where{event.Here, event.Beside, event.Nearby} {
				w.does["sync "+string(where)] = behaviour{end: event.Done, took: took}
			}
			w.tick(period)
		}
		noAction(t, seed, w.found)
	}
	if longest < 10e9 {
		t.Errorf("nothing took longer than %d: this shows nothing", longest)
	}
}

// TestWhatGetsOnIsNeverStuck has an operation never end, while what it stands on
// finishes something, or its thread runs, always before four times the floor is up.
func TestWhatGetsOnIsNeverStuck(t *testing.T) {
	slow := 0
	for seed := int64(0); seed < 20; seed++ {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(Config{})
		w.add("sync", "run", event.Mimic{Deed: event.DoSync, Path: "/data/wal/1", FD: -1})
		w.marks["sync"] = event.Goroutine{ID: 7, Records: []event.Record{{Site: siteOf("sync"), Seq: 1, Since: 1}}}
		for _, where := range []event.Where{event.Here, event.Beside} {
			w.does["sync "+string(where)] = behaviour{end: event.Hangs}
		}
		next, done := int64(0), uint64(1)
		for i := 0; i < 600; i++ {
			if w.now >= next {
				next = w.now + int64(r.Intn(17))*period
				done++
			}
			w.kernel["sync here"] = event.Resource{Kind: event.OnDevice, Name: "block device 8:1", InFlight: 1 + uint64(r.Intn(3)), Completed: done}
			if r.Intn(40) == 0 {
				w.kernel["sync here"] = event.Resource{Name: "running"}
				next = w.now
			}
			w.tick(period)
		}
		noAction(t, seed, w.found)
		slow += len(w.found)
	}
	if slow < 10 {
		t.Errorf("only %d were told as slow", slow)
	}
}

// TestNoFindingWithoutAValidator: with the kernel, the other places and the program
// silent, neither a hang nor an error that may mean anything is told as more than
// unknown.
func TestNoFindingWithoutAValidator(t *testing.T) {
	unknown := 0
	for seed := int64(0); seed < 30; seed++ {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(Config{})
		w.add("sync", "run", event.Mimic{Deed: event.DoSync, Path: "/data/wal/1", FD: -1})
		w.add("dial", "run", event.Mimic{Deed: event.DoDial, Network: "tcp", Address: "10.0.0.7:1", FD: -1})
		w.add("link", "run", event.Mimic{Deed: event.SeeConnection, Network: "tcp", Address: "10.0.0.8:1", FD: -1,
			Numbers: map[string]int64{"unacked": 1, "lastack": 9e9, "sendqueue": 5}})
		w.add("query", "run", event.Mimic{Deed: event.SeePool, FD: -1, Err: "no"})
		for i := 0; i < 900; i++ {
			if r.Intn(120) == 0 {
				name := []string{"sync", "dial"}[r.Intn(2)]
				w.does[name+" here"] = []behaviour{
					{end: event.Hangs}, {end: event.Failed, errno: "ENOTCONN", text: "no"}, {end: event.Failed, errno: "ECONNREFUSED", text: "no"}, {end: event.Done, took: 1e6},
				}[r.Intn(4)]
				for _, where := range []event.Where{event.Beside, event.Nearby} {
					w.does["sync "+string(where)] = []behaviour{{end: event.Done, took: 1e6}, {end: event.Unable}}[r.Intn(2)]
				}
			}
			w.tick(period)
		}
		noAction(t, seed, w.found)
		unknown += len(w.found)
	}
	if unknown < 30 {
		t.Errorf("only %d were told as unknown", unknown)
	}
}

// TestUnableLeadsToNothing has every errand end well, or not be done, at any place
// and for any reason.
func TestUnableLeadsToNothing(t *testing.T) {
	errnos := []string{"ENOENT", "EACCES", "EPERM", "EMFILE", "ENOTDIR", "ENAMETOOLONG"}
	for seed := int64(0); seed < 30; seed++ {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(Config{})
		var names []string
		for i, deed := range []event.Deed{event.DoWrite, event.DoSync, event.DoRead, event.DoTruncate, event.DoOpen, event.DoDirectory} {
			names = append(names, fmt.Sprint("op", i))
			w.add(names[i], fmt.Sprint("run", i), event.Mimic{Deed: deed, Path: fmt.Sprintf("/data/%d/x", i), FD: -1})
		}
		unable := uint64(0)
		for i := 0; i < 600; i++ {
			name, where := names[r.Intn(len(names))], places[r.Intn(len(places))]
			b := behaviour{end: event.Done, took: 1e6}
			switch r.Intn(3) {
			case 0:
				b = behaviour{end: event.Unable, text: "no such file any more"}
			case 1:
				b = behaviour{end: event.Failed, errno: errnos[r.Intn(len(errnos))], text: "no"}
			}
			w.does[name+" "+string(where)] = b
			if r.Intn(20) == 0 {
				w.failure(name, "open /data/x: no such file or directory")
			}
			unable = w.tick(period).Counts.Unable
		}
		if len(w.found) > 0 {
			t.Fatalf("seed %d: %s", seed, told(w.found[0]))
		}
		if unable == 0 {
			t.Fatalf("seed %d: all could be done: this shows nothing", seed)
		}
	}
}

// noAction fails the test if a finding takes an action.
func noAction(t *testing.T, seed int64, found []event.Finding) {
	t.Helper()
	for _, f := range found {
		if f.Verdict != event.Slow && f.Verdict != event.Unknown {
			t.Fatalf("seed %d: %s", seed, told(f))
		}
	}
}
