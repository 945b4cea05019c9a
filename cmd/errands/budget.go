package errands

import (
	"time"
)

// Bounds of the budget: how much of it can be saved up, and what an errand is charged
// that has hung, which is no work of the disk's: when the disk answers again, that is to
// be seen.
const (
	maxSaved = 20 * time.Millisecond
	ofHung   = 10 * time.Millisecond
)

// budget bounds the time of a disk that errands take, as their own latencies measure
// it: share of each second. It goes into debt by one errand at a time, and waits until
// that is paid. It is pure: the time is handed in.
type budget struct {
	share float64 // of the time
	saved int64   // nanoseconds; negative: in debt
	at    int64   // when saved was right
}

func newBudget(share float64, now int64) budget {
	return budget{share: share, saved: int64(maxSaved), at: now}
}

// may reports whether an errand may begin.
func (b *budget) may(now int64) bool {
	if now > b.at {
		b.saved += int64(float64(now-b.at) * b.share)
		if b.saved > int64(maxSaved) {
			b.saved = int64(maxSaved)
		}
		b.at = now
	}
	return b.saved > 0
}

// took charges an errand.
func (b *budget) took(ns int64, hung bool) {
	if hung && ns > int64(ofHung) {
		ns = int64(ofHung)
	}
	b.saved -= ns
}
