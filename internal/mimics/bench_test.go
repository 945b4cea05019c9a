package mimics

import (
	"fmt"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// BenchmarkStep is the cost of a step: of one in which nothing comes, as nine of
// ten are, and of one in which 200 mimics and the outcomes of their errands do.
func BenchmarkStep(b *testing.B) {
	const n = 200
	mimics := make([]event.Mimic, n)
	for i := range mimics {
		mimics[i] = event.Mimic{
			Deed: deeds[i%8], Site: siteOf(fmt.Sprintf("op%d", i)), Region: siteOf(fmt.Sprintf("run%d", i/20)), FD: -1,
			Path: fmt.Sprintf("/data/%d/x", i), Network: "tcp", Address: fmt.Sprintf("10.0.0.%d:80", i), Data: make([]byte, 4096), Size: 4096,
		}
	}
	for _, every := range []int{1, 10} {
		b.Run(fmt.Sprintf("mimics=%d/every=%d", n, every), func(b *testing.B) {
			j := New(Config{Errands: 10 * n})
			now := int64(1)
			var outcomes []event.Outcome
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				var come []event.Mimic
				if now += 1e9 / int64(every); i%every == 0 {
					come = mimics
				}
				a := j.Step(now, 0, come, outcomes)
				outcomes = outcomes[:0]
				for _, e := range a.Errands {
					outcomes = append(outcomes, event.Outcome{ID: e.ID, Took: 1e6, End: event.Done, Where: e.Where})
				}
			}
		})
	}
}

// BenchmarkMarks is the cost of what ten thousand goroutines are in: all of them for
// long in calls that no mimic does, the dearest there is, or in channels, as most.
func BenchmarkMarks(b *testing.B) {
	for _, kind := range []event.Kind{event.Call, event.Receive} {
		b.Run(string(kind), func(b *testing.B) {
			j := New(Config{})
			j.Step(1e9, 0, []event.Mimic{{Deed: event.DoSync, Site: siteOf("sync"), Region: siteOf("run"), Path: "/data/x"}}, nil)
			gs := make([]event.Goroutine, 10000)
			for i := range gs {
				site := siteOf(fmt.Sprint("op", i%100))
				site.Line += 100 + i%100
				site.Kind = kind
				gs[i] = event.Goroutine{ID: uint64(i), Records: []event.Record{{Site: site, Since: 1}}, Regions: []event.RegionMark{{Site: siteOf("run"), Count: 7}}}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				j.Marks(gs)
				j.Step(1e9+int64(i+1)*1e8, 0, nil, nil)
			}
		})
	}
}
