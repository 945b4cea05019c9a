package page

import (
	"strings"
	"sync/atomic"

	"github.com/lifesign-go/lifesign/event"
)

// AllOfGroup, before a worker's group in its row of the site table, says that
// the group is stuck when all of it is, not when one is.
const AllOfGroup = "all:"

func (r *Reader) readWorkers(into *Reading) {
	into.Workers = into.Workers[:0]
	n := atomic.LoadUint64(&r.view.Header.WorkerCount)
	if n > uint64(len(r.view.Workers)) {
		n = uint64(len(r.view.Workers))
	}
	for i := range r.view.Workers[:n] {
		w := &r.view.Workers[i]
		site := atomic.LoadUint64(&w.Site)
		if site == 0 {
			continue
		}
		if site > uint64(len(r.sites)) || r.sites[site-1].Kind != event.Worker {
			into.Damaged++
			continue
		}
		s := &r.sites[site-1]
		seq := atomic.LoadUint64(&w.Seq)
		m := event.WorkerMark{
			Index: i, Site: *s, Name: s.Func, Group: strings.TrimPrefix(s.Object, AllOfGroup), All: strings.HasPrefix(s.Object, AllOfGroup),
			Busy: seq&1 == 1, Seq: seq, Goroutine: atomic.LoadUint64(&w.G),
			Since: int64(atomic.LoadUint64(&w.Since)), Budget: int64(atomic.LoadUint64(&w.Budget)),
			Progress: atomic.LoadUint64(&w.Progress), Last: int64(atomic.LoadUint64(&w.Last)),
		}
		m.Reported = m.Busy && atomic.LoadUint64(&w.Reported) == seq
		into.Workers = append(into.Workers, m)
	}
}

// Report tells the worker in a slot that the work it has, its seq-th, is taken
// for dead.
func (v *View) Report(index int, seq uint64) {
	if index >= 0 && index < len(v.Workers) {
		atomic.StoreUint64(&v.Workers[index].Reported, seq)
	}
}
