package judge

import "github.com/lifesign-go/lifesign/event"

const (
	// leeway is how many times as long as usual an operation may take.
	leeway = 10

	// rarely is below what durations are not kept: most operations end between
	// two samples, and none is suspected before the floor.
	rarely = int64(50e6)

	// uncountedLeeway is by how much the floor grows for a resource that does not
	// count what it finishes.
	uncountedLeeway = 4

	// maxSites bounds the sites whose durations are kept.
	maxSites = 4096
)

// histogram has how long operations at one site took, by powers of two. What
// ended between two samples is not in it: the budget's floor stands for that.
type histogram struct {
	counts  [40]uint32 // i: from 2^i milliseconds on
	all     uint32
	longest int64
}

func (h *histogram) add(ns int64) {
	i := 0
	for ms := ns / 1e6; ms > 1 && i < len(h.counts)-1; ms >>= 1 {
		i++
	}
	h.counts[i]++
	h.all++
	if ns > h.longest {
		h.longest = ns
	}
}

// usual returns how long all but the slowest percent took at most, of those
// that are kept: an outage that passed does not blind the judge for good.
func (h *histogram) usual() int64 {
	rest := h.all / 100
	for i := len(h.counts) - 1; i >= 0; i-- {
		if h.counts[i] > rest {
			if top := int64(2e6) << uint(i); top < h.longest {
				return top
			}
			return h.longest
		}
		rest -= h.counts[i]
	}
	return 0
}

// learn notes that an operation at a site has ended after ns. One that was told
// as stuck teaches nothing: its like is to be told again.
func (j *Judge) learn(site *event.Site, ns int64) {
	if ns < rarely {
		return
	}
	h := j.usual[*site]
	if h == nil {
		if len(j.usual) >= maxSites {
			return
		}
		h = &histogram{}
		j.usual[*site] = h
	}
	h.add(ns)
}

// budget returns how long an operation at a site may take: ten times as long
// as usual, and not less than least.
func (j *Judge) budget(site *event.Site, least int64) int64 {
	if h := j.usual[*site]; h != nil && leeway*h.usual() > least {
		return leeway * h.usual()
	}
	return least
}
