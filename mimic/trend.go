package mimic

import (
	"runtime"
	"runtime/metrics"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// trendEvery is the time between two looks at the numbers of the whole process.
const trendEvery = 10 * second

// heapNames are what the heap's size is called, the better name first: what the
// last collection has found in use (since Go 1.21), and what is not yet known to
// be free. Before the first collection only the latter is known.
var heapNames = [...]string{"/gc/heap/live:bytes", "/memory/classes/heap/objects:bytes"}

// trend has the numbers of the whole process, and of the driver since last time.
type trend struct {
	at                     int64
	cost, runs, skipped    int64 // since at
	lacking                map[lack]int64
	panics, refused, hangs int64
	lost                   uint64 // failures of operations that were not noted, in all
}

func (t *trend) due(now int64) bool { return now-t.at >= trendEvery }

// take returns the mimic, and begins anew.
func (t *trend) take(now int64) event.Mimic {
	m := nobody(event.SeeTrend)
	m.Numbers = map[string]int64{
		"goroutines": int64(runtime.NumGoroutine()),
		"cost":       t.cost,
		"runs":       t.runs,
		"skipped":    t.skipped,
		"interval":   now - t.at,
	}
	if heap, ok := heapSize(); ok {
		m.Numbers["heap"] = heap
	}
	for name, n := range t.lacking {
		m.Numbers[string(name)] = n
	}
	for name, n := range map[string]int64{"panics": t.panics, "refused": t.refused, "hanging": t.hangs} {
		if n > 0 {
			m.Numbers[name] = n
		}
	}
	if lost := hook.FailuresLost(); lost > t.lost {
		m.Numbers["lost"] = int64(lost - t.lost)
		t.lost = lost
	}
	*t = trend{at: now, lacking: map[lack]int64{}, lost: t.lost}
	return m
}

func heapSize() (bytes int64, ok bool) {
	for _, name := range heapNames {
		s := []metrics.Sample{{Name: name}}
		metrics.Read(s)
		if s[0].Value.Kind() == metrics.KindUint64 && s[0].Value.Uint64() > 0 {
			return int64(s[0].Value.Uint64()), true
		}
	}
	return 0, false
}
