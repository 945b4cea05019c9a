package pause

import (
	"math"
	"runtime/metrics"
)

// ownRuntime reads what this program's runtime counts. Metrics that it does not
// have are -1: those of stops are of Go 1.22, that of processor time of Go 1.20.
type ownRuntime struct {
	samples []metrics.Sample
	phase   phase
}

// The samples, in order.
const (
	sampleGCStop = iota
	sampleWorldStop
	sampleCycles
	sampleAssist
	sampleDedicated
	sampleIdle
)

func newOwnRuntime() *ownRuntime {
	return &ownRuntime{samples: []metrics.Sample{
		sampleGCStop:    {Name: "/sched/pauses/total/gc:seconds"},
		sampleWorldStop: {Name: "/sched/pauses/total/other:seconds"},
		sampleCycles:    {Name: "/gc/cycles/total:gc-cycles"},
		sampleAssist:    {Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		sampleDedicated: {Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		sampleIdle:      {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}}
}

// read fills in what the runtime says.
func (o *ownRuntime) read(r *Reading) {
	metrics.Read(o.samples)
	r.GCStopNS, r.GCStops = histogram(o.samples[sampleGCStop].Value)
	r.WorldStopNS, _ = histogram(o.samples[sampleWorldStop].Value)
	r.Cycles, r.GCNS = -1, -1
	if v := o.samples[sampleCycles].Value; v.Kind() == metrics.KindUint64 {
		r.Cycles = int64(v.Uint64())
	}
	total, known := 0.0, false
	for _, s := range o.samples[sampleAssist:] {
		if s.Value.Kind() == metrics.KindFloat64 {
			total, known = total+s.Value.Float64(), true
		}
	}
	if known {
		r.GCNS = int64(total * 1e9)
	}
	r.Marking = o.phase.marking(r.GCStops, r.Cycles)
}

// histogram is the sum of a histogram of seconds, to within a bucket's width, in
// nanoseconds; and how many values are in it.
func histogram(v metrics.Value) (ns, n int64) {
	if v.Kind() != metrics.KindFloat64Histogram {
		return -1, -1
	}
	h := v.Float64Histogram()
	for i, count := range h.Counts {
		if count == 0 {
			continue
		}
		low, high := h.Buckets[i], h.Buckets[i+1]
		if math.IsInf(low, -1) {
			low = 0
		}
		if math.IsInf(high, 1) {
			high = low
		}
		ns += int64(float64(count) * (low + high) / 2 * 1e9)
		n += int64(count)
	}
	return ns, n
}

// phase tells whether a collection marks. The runtime does not say it, but counts
// what it stops the world for: once when marking begins, once when it ends and the
// cycle is counted. One stop more than that is a cycle under way. Rarely a cycle
// stops the world once more to end, so the count is compared with the least of the
// newest readings.
type phase struct {
	recent [32]int64
	n      int
}

func (p *phase) marking(stops, cycles int64) bool {
	if stops < 0 || cycles < 0 {
		return false
	}
	over := stops - 2*cycles
	p.recent[p.n%len(p.recent)] = over
	p.n++
	least := over
	for i := 0; i < p.n && i < len(p.recent); i++ {
		if p.recent[i] < least {
			least = p.recent[i]
		}
	}
	return over > least
}
