package mimics

import (
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// A refused write is a doubt from the moment at which the program tells of it until
// it is told, or was tolerated.
func TestDoubts(t *testing.T) {
	const ms = int64(1e6)
	j := New(Config{})
	site := event.Site{Kind: event.Call, File: "/src/wal.go", Line: 12}
	write := event.Mimic{Deed: event.DoWrite, Region: event.Site{Kind: event.Region, File: "/src/wal.go", Line: 3}, Site: site, Path: "/data/wal", FD: -1, Offset: -1, Size: 3, Data: []byte("abc")}
	failure := event.Mimic{Deed: event.SeeFailure, Site: site, Err: "no space left on device", Numbers: map[string]int64{"errno": 28, "count": 1}}
	now, open, found := int64(1e12), map[uint64]event.Errand{}, 0
	step := func(end event.End, mimics ...event.Mimic) {
		var outcomes []event.Outcome
		for id, e := range open {
			o := event.Outcome{ID: id, At: now, Took: ms, End: event.Done, Where: e.Where}
			if e.Where != event.Memory && end == event.Failed {
				o.End, o.Errno, o.Text = event.Failed, "ENOSPC", "write 3 bytes: no space left on device"
			}
			outcomes = append(outcomes, o)
			delete(open, id)
		}
		now += 50 * ms
		acts := j.Step(now, 0, mimics, outcomes)
		for _, e := range acts.Errands {
			open[e.ID] = e
		}
		found += len(acts.Findings)
	}
	for i := 0; i < 60; i++ {
		step(event.Done, write)
	}
	if j.Doubts() {
		t.Error("nothing is wrong, and it doubts")
	}
	step(event.Done, write, failure)
	if !j.Doubts() {
		t.Error("the program's own write has failed, and nothing is looked into")
	}
	steps := 0
	for ; j.Doubts() && steps < 100; steps++ {
		step(event.Failed)
	}
	if found != 1 || steps > 14 {
		t.Errorf("%d findings in %d steps of 50 ms", found, steps)
	}
	for i := 0; i < 200; i++ {
		step(event.Done, write)
	}
	if found != 2 || j.Doubts() {
		t.Errorf("%d findings, doubts: %v; want one more, that it is over", found, j.Doubts())
	}
}

// A client that goes by a proxy cannot dial the address itself, and is well: as long as
// the program meets nothing, nothing is told.
func TestWhatAProgramMayReachByAnotherWay(t *testing.T) {
	const ms = int64(1e6)
	for _, end := range []event.End{event.Failed, event.Hangs} {
		for _, met := range []bool{false, true} {
			j, now, found := New(Config{}), int64(1e12), 0
			site := event.Site{Kind: event.Call, File: "/src/client.go", Line: 12}
			dial := event.Mimic{
				Deed: event.DoDial, Region: event.Site{Kind: event.Region, File: "/src/client.go", Line: 3}, Site: site, FD: -1, Offset: -1,
				Network: "tcp", Address: "docker:80", Numbers: map[string]int64{event.Indirect: 1},
			}
			failure := event.Mimic{Deed: event.SeeFailure, Site: site, Err: "connect: connection refused", Numbers: map[string]int64{"errno": 111, "count": 1}}
			began := map[uint64]int64{}
			where := map[uint64]event.Where{}
			for i := 0; i < 400; i++ {
				mimics := []event.Mimic{dial}
				if met && i%20 == 0 {
					mimics = append(mimics, failure)
				}
				var outcomes []event.Outcome
				for id, at := range began {
					o := event.Outcome{ID: id, At: now, Took: now - at, End: event.Done, Where: where[id]}
					switch {
					case o.Where != event.Here:
						o.Took = ms
					case end == event.Hangs:
						o.End = event.Hangs
					default:
						o.End, o.Errno, o.Text = event.Failed, "ECONNREFUSED", "connect: connection refused"
					}
					if o.End != event.Hangs {
						delete(began, id)
					}
					outcomes = append(outcomes, o)
				}
				now += 100 * ms
				acts := j.Step(now, 0, mimics, outcomes)
				for _, e := range acts.Errands {
					began[e.ID], where[e.ID] = now, e.Where
				}
				found += len(acts.Findings)
			}
			if met && found == 0 || !met && found > 0 {
				t.Errorf("%s, met by the program: %v: %d findings", end, met, found)
			}
		}
	}
}
