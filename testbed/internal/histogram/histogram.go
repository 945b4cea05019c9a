// Package histogram counts latencies in logarithmic buckets of 0.4 % width, so
// that a p99 of some hundred thousand publishes costs a fixed 100 kB and its
// rounding stays below the differences the bench is to tell.
package histogram

import (
	"math/bits"
	"time"
)

const (
	mantissa = 8 // bits kept below the leading one: 1/256 = 0.4 %
	buckets  = (64 - mantissa) << mantissa
)

// H is a histogram of durations. The zero value is empty and ready. It is not
// safe for concurrent use: every worker has its own, and they are merged.
type H struct {
	count [buckets]int64
	total int64
}

// Add counts d; a negative d counts as 0.
func (h *H) Add(d time.Duration) {
	h.count[bucket(uint64(max(d, 0)))]++
	h.total++
}

// Merge adds o's counts to h's.
func (h *H) Merge(o *H) {
	for i, n := range o.count {
		h.count[i] += n
	}
	h.total += o.total
}

// Quantile returns the lower edge of the bucket in which the part q of all that
// was counted, from the smallest, ends; 0 if nothing was counted.
func (h *H) Quantile(q float64) time.Duration {
	rank := int64(q * float64(h.total))
	var seen int64
	for i, n := range h.count {
		seen += n
		if n > 0 && seen >= max(rank, 1) {
			return time.Duration(edge(i))
		}
	}
	return 0
}

// bucket returns the number of v's bucket: the values below 512 have one each,
// above that the position of the leading one and the bits after it make it.
func bucket(v uint64) int {
	shift := bits.Len64(v) - 1 - mantissa
	if shift <= 0 {
		return int(v)
	}
	return (shift << mantissa) + int(v>>shift)
}

// edge returns the smallest value of bucket i.
func edge(i int) uint64 {
	shift := i>>mantissa - 1
	if shift <= 0 {
		return uint64(i)
	}
	return uint64(i-shift<<mantissa) << shift
}
