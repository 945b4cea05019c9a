package mimics

import (
	"math/rand"
	"sort"
	"testing"
)

// TestSlowest holds the histogram against the sorted list of what it has: it may
// say more than what all but the slowest percent took, by a quarter and a bit.
func TestSlowest(t *testing.T) {
	for seed := int64(0); seed < 200; seed++ {
		r := rand.New(rand.NewSource(seed))
		var h histogram
		var list []int64
		scale := int64(1) << uint(10+r.Intn(25))
		for n := 1 + r.Intn(1000); n > 0; n-- {
			ns := 1000 + r.Int63n(scale)
			h.add(ns)
			list = append(list, ns)
		}
		sort.Slice(list, func(a, b int) bool { return list[a] < list[b] })
		want := list[len(list)-1-len(list)/100]
		if got := h.slowest(); got < want || got > want+want/4+1000 {
			t.Fatalf("seed %d: got %d, want %d and little more", seed, got, want)
		}
	}
}

func TestBins(t *testing.T) {
	for ns := int64(1); ns < 1<<40; ns += 1 + ns/7 {
		if i := bin(ns); i < 127 && (ns >= top(i) || i > 0 && ns < top(i-1)) {
			t.Fatalf("%d is in bin %d, from %d up to %d", ns, i, top(i-1), top(i))
		}
	}
	for _, ns := range []int64{-1, -1 << 63, 1<<63 - 1} {
		if i := bin(ns); i < 0 || i > 127 {
			t.Errorf("%d is in bin %d", ns, i)
		}
	}
}

// TestLoadIsNotSlow: what takes longer while its region runs more often is load.
func TestLoadIsNotSlow(t *testing.T) {
	const floor = 500_000_000
	for _, test := range []struct {
		name string
		runs uint64 // a second, in the end
		want bool
	}{{"as often", 100, true}, {"twice as often", 200, true}, {"three times as often", 300, false}, {"rarely", 10, true}} {
		var h history
		for i := int64(0); i < 100; i++ {
			h.runs += 100
			h.add(20e6, i*1e9)
		}
		for i := int64(100); i < 100+window+1; i++ {
			h.runs += test.runs
			h.add(200e6, i*1e9)
		}
		if got := h.leaves(floor); got != test.want {
			t.Errorf("%s: slow is %v, want %v", test.name, got, test.want)
		}
	}
}

// TestSlowBecomesUsual: what has been slow for long enough is what is usual.
func TestSlowBecomesUsual(t *testing.T) {
	var h history
	i := int64(0)
	for ; i < 100; i++ {
		h.add(20e6, i*1e9)
	}
	slow := 0
	for ; i < 1000; i++ {
		h.add(200e6, i*1e9)
		if h.leaves(500e6) {
			slow++
		}
	}
	if slow < window || slow > 300 || h.leaves(500e6) {
		t.Errorf("slow for %d of 900, and in the end: %v", slow, h.leaves(500e6))
	}
}
