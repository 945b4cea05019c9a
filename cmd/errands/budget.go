package errands

import (
	"time"
)

// Bounds of the budget: how much of it can be saved up, and what an errand is charged at
// most. One that has hung is no work of the disk's, and a disk of which each takes 20 ms
// is to be tried each five seconds all the same: that is one of all that the program does
// there in that time. And of how many directories the disk is remembered.
const (
	maxSaved    = 20 * time.Millisecond
	maxCharge   = 5 * time.Millisecond
	maxRemember = 1024
)

// budget bounds the time of a disk that errands take, as their own latencies measure
// it: share of each second. It goes into debt by one errand at a time, and waits until
// that is paid. It is pure: the time is handed in.
type budget struct {
	share float64 // of the time
	saved int64   // nanoseconds; negative: in debt
	at    int64   // when saved was right
	usual int64   // what errands have taken lately
}

func newBudget(share float64, now int64) *budget {
	return &budget{share: share, saved: int64(maxSaved), at: now}
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

// begin charges an errand what it will probably take, so that those that have waited do
// not all begin at once, and returns that.
func (b *budget) begin() int64 {
	b.saved -= b.usual
	return b.usual
}

// took charges an errand what it has taken beyond what it was charged when it began.
func (b *budget) took(ns, charged int64) {
	if ns > int64(maxCharge) {
		ns = int64(maxCharge)
	}
	b.saved -= ns - charged
	b.usual += (ns - b.usual) / 4
}

// budgets has one a disk. A directory's disk is known once an errand was done there;
// until then its errands share one budget with all of which no more is known.
type budgets struct {
	share float64
	disks map[string]disk // by directory
	all   map[disk]*budget
}

// disk is a device, as a file system has it; the zero one is not known.
type disk struct{ major, minor uint32 }

func newBudgets(share float64) budgets {
	return budgets{share, map[string]disk{}, map[disk]*budget{}}
}

// of returns the budget of what is done in a directory.
func (b *budgets) of(dir string, now int64) *budget {
	d := b.disks[dir]
	if b.all[d] == nil {
		b.all[d] = newBudget(b.share, now)
	}
	return b.all[d]
}

// learn notes what disk a directory is on.
func (b *budgets) learn(dir string, d disk) {
	if _, known := b.disks[dir]; !known && len(b.disks) >= maxRemember {
		return
	}
	b.disks[dir] = d
}
