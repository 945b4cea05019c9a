package mimics

import "sort"

const (
	// window is of how many of the newest the middle is taken.
	window = 16

	// enough is how many there must have been before them.
	enough = 64

	// aged is at how many a histogram forgets half of what it has.
	aged = 4096

	// notable is the share of the floor below which nothing is slow.
	notable = 50
)

// histogram has how long operations took, four bins to a power of two of
// microseconds.
type histogram struct {
	counts  [128]uint32
	all     uint32
	longest int64
}

func bin(ns int64) int {
	us := ns / 1000
	if us < 4 {
		if us < 0 {
			us = 0
		}
		return int(us)
	}
	i := 0
	for us >= 8 {
		us >>= 1
		i++
	}
	if i = 4 + 4*i + int(us-4); i > 127 {
		i = 127
	}
	return i
}

// top returns what is above all of a bin.
func top(i int) int64 {
	if i < 4 {
		return int64(i+1) * 1000
	}
	i -= 4
	return int64(i%4+5) << uint(i/4) * 1000
}

func (h *histogram) add(ns int64) {
	h.counts[bin(ns)]++
	h.all++
	if ns > h.longest {
		h.longest = ns
	}
	if h.all >= aged {
		h.all = 0
		for i := range h.counts {
			h.counts[i] /= 2
			h.all += h.counts[i]
		}
	}
}

// slowest returns how long all but the slowest percent took at most.
func (h *histogram) slowest() int64 {
	rest := h.all / 100
	for i := len(h.counts) - 1; i >= 0; i-- {
		if h.counts[i] > rest {
			if t := top(i); t < h.longest && i < len(h.counts)-1 {
				return t
			}
			return h.longest
		}
		rest -= h.counts[i]
	}
	return 0
}

// history is how long the errands of a subject took, and how often its region ran.
type history struct {
	all    histogram // of all
	learnt histogram // of those that are not among the newest
	recent []taken   // the newest at the end
	runs   uint64    // of its region, so far
	first  taken     // the first that was learnt: how often the region ran since
	last   taken     // the last that was learnt
	held   int       // how many in a row were not learnt, for the newest were slow
}

type taken struct {
	ns     int64
	runs   uint64
	honest int64
}

// add notes that one has ended after ns.
func (h *history) add(ns, honest int64) {
	h.all.add(ns)
	if len(h.recent) < window {
		h.recent = append(h.recent, taken{ns, h.runs, honest})
		return
	}
	old := h.recent[0]
	slow := h.middle() > 2*h.learnt.slowest() && h.learnt.all >= enough
	copy(h.recent, h.recent[1:])
	h.recent[window-1] = taken{ns, h.runs, honest}
	if slow && h.held < 10*window {
		h.held++ // it would make usual what is not; after that it is
		return
	}
	h.held = 0
	h.learnt.add(old.ns)
	if h.first.honest == 0 {
		h.first = old
	}
	h.last = old
}

// middle is what half of the newest took at most.
func (h *history) middle() int64 {
	if len(h.recent) < window {
		return 0
	}
	var ns [window]int64
	for i := range ns {
		ns[i] = h.recent[i].ns
	}
	sort.Slice(ns[:], func(a, b int) bool { return ns[a] < ns[b] })
	return ns[window/2]
}

// leaves reports whether the newest leave the distribution of those before, and
// the region does not run so much more often that it would be load.
func (h *history) leaves(floor int64) bool {
	m := h.middle()
	return h.learnt.all >= enough && m > 2*h.learnt.slowest() && m > floor/notable && !h.busier()
}

// busier reports whether the region has run more than twice as often while the
// newest were done as it did before.
func (h *history) busier() bool {
	a, b := h.recent[0], h.recent[len(h.recent)-1]
	if b.runs <= a.runs || b.honest <= a.honest || h.last.runs <= h.first.runs || h.last.honest <= h.first.honest {
		return false
	}
	now := float64(b.runs-a.runs) / float64(b.honest-a.honest)
	usual := float64(h.last.runs-h.first.runs) / float64(h.last.honest-h.first.honest)
	return now > 2*usual
}
