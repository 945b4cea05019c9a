package histogram

import (
	"math"
	"testing"
	"time"
)

func TestBucketsAreInOrderAndNarrow(t *testing.T) {
	last := -1
	for v := uint64(1); v < math.MaxInt64/3; v += v/3 + 1 {
		b := bucket(v)
		if b < last || b >= buckets {
			t.Fatalf("bucket(%d) = %d after %d of %d", v, b, last, buckets)
		}
		last = b
		low := edge(b)
		if low > v || float64(v-low) > float64(v)/(1<<mantissa) {
			t.Errorf("edge(bucket(%d)) = %d, off by more than 0.4 %%", v, low)
		}
	}
}

func TestQuantile(t *testing.T) {
	var h, even H
	if got := h.Quantile(0.99); got != 0 {
		t.Errorf("p99 of nothing = %v, want 0", got)
	}
	for i := 1; i <= 1000; i += 2 {
		h.Add(time.Duration(i))
		even.Add(time.Duration(i + 1))
	}
	h.Add(-5)
	h.Merge(&even)
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0, 0}, {0.5, 499}, {0.99, 988}, {1, 1000}} {
		got := h.Quantile(tt.q)
		if d := got - tt.want; d < -4 || d > 4 {
			t.Errorf("Quantile(%v) = %d, want %d within 0.4 %%", tt.q, got, tt.want)
		}
	}
}
