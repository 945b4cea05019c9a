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
