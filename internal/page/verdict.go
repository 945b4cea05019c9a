package page

import "sync/atomic"

// Verdict is what the watcher thinks of the program.
type Verdict struct {
	At    int64  // CLOCK_MONOTONIC nanoseconds; 0 if nobody watches
	Code  uint64 // one of the Verdict constants
	Count uint64 // findings of something stuck so far
	Text  string // what is stuck, as far as there is room
}

// SetVerdict writes what the watcher thinks of the program. It has one caller
// at a time.
func (v *View) SetVerdict(w Verdict) {
	h := v.Header
	atomic.StoreUint64(&h.VerdictAt, 0)
	n := copy(h.VerdictText[:], w.Text)
	atomic.StoreUint64(&h.VerdictSize, uint64(n))
	atomic.StoreUint64(&h.Verdict, w.Code)
	atomic.StoreUint64(&h.VerdictCount, w.Count)
	atomic.StoreUint64(&h.VerdictAt, uint64(w.At))
}

// Verdict returns what the watcher wrote last. ok is false while it writes, and
// if nobody ever has.
func (v *View) Verdict() (w Verdict, ok bool) {
	h := v.Header
	w.At = int64(atomic.LoadUint64(&h.VerdictAt))
	w.Code, w.Count = atomic.LoadUint64(&h.Verdict), atomic.LoadUint64(&h.VerdictCount)
	n := atomic.LoadUint64(&h.VerdictSize)
	if n > uint64(len(h.VerdictText)) {
		return Verdict{}, false
	}
	w.Text = string(h.VerdictText[:n])
	if w.At == 0 || int64(atomic.LoadUint64(&h.VerdictAt)) != w.At {
		return Verdict{}, false
	}
	return w, true
}
