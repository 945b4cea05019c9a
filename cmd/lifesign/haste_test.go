package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// setting returns what the collector is set to.
func setting() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

func TestHasteEnds(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	debug.SetGCPercent(80)
	defer debug.SetGCPercent(100)
	h := beginHaste()
	if percent, limit := setting(); percent != -1 || limit > hasteLimit || limit <= 0 {
		t.Errorf("in haste GOGC is %d and the limit %d, want none and at most %d", percent, limit, hasteLimit)
	}
	h.end()
	h.end()
	if percent, limit := setting(); percent != 80 || limit != math.MaxInt64 {
		t.Errorf("after it GOGC is %d and the limit %d, want 80 and none", percent, limit)
	}
}

func TestHasteIsTheUsersToForbid(t *testing.T) {
	t.Setenv("GOGC", "50")
	h := beginHaste()
	defer h.end()
	if percent, _ := setting(); percent == -1 {
		t.Error("with GOGC set collections were put off all the same")
	}
}

// A heap that comes near to the limit has it raised.
func TestHasteMakesRoom(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	h := beginHaste()
	defer h.end()
	h.mu.Lock()
	h.within = 8 << 20
	debug.SetMemoryLimit(h.within)
	h.mu.Unlock()
	kept := make([]byte, 64<<20)
	var within int64
	for range 1000 {
		runtime.GC()
		h.mu.Lock()
		within = h.within
		h.mu.Unlock()
		if within >= 128<<20 {
			break
		}
	}
	runtime.KeepAlive(kept)
	if _, limit := setting(); within < 128<<20 || limit != within {
		t.Errorf("with 64 MB in use the limit is %d, want twice that", limit)
	}
}
