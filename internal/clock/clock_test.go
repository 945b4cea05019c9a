package clock

import (
	"testing"
	"time"
)

func TestMonotonicKeepsTimeWithTheRuntime(t *testing.T) {
	for try := 0; ; try++ {
		t0, m0 := time.Now(), Monotonic()
		time.Sleep(20 * time.Millisecond)
		got, want := time.Duration(Monotonic()-m0), time.Since(t0)
		if d := want - got; d > -5*time.Millisecond && d < 5*time.Millisecond {
			return
		}
		// A machine with no CPU for this test between the two readings looks the
		// same as a wrong clock, but not ten times in a row.
		if try == 10 {
			t.Fatalf("%v passed by Monotonic, %v by the runtime", got, want)
		}
	}
}

func BenchmarkMonotonic(b *testing.B) {
	for i := 0; i < b.N; i++ {
		Monotonic()
	}
}

// Boot time is ahead of Monotonic by the suspends so far, of which there are none
// between two readings here.
func TestBootGoesOnAsMonotonicDoes(t *testing.T) {
	for try := 0; ; try++ {
		m0, b0 := Monotonic(), Boot()
		time.Sleep(20 * time.Millisecond)
		m, b := Monotonic()-m0, Boot()-b0
		if d := time.Duration(b - m); d > -5*time.Millisecond && d < 5*time.Millisecond && b > 0 {
			return
		}
		if try == 10 {
			t.Fatalf("%v passed by Boot, %v by Monotonic", time.Duration(b), time.Duration(m))
		}
	}
}
