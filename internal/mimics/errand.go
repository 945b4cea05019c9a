package mimics

import "github.com/lifesign-go/lifesign/event"

const (
	// leeway is how many times as long as usual an operation may take.
	leeway = 10

	// uncounted is by how much the floor grows before anything is told as stuck:
	// most of what hangs does not count what it completes.
	uncounted = 4

	// maxHanging bounds the errands past their deadline with which new ones are
	// begun; twice as many may hang for a second look.
	maxHanging = 16
)

// errand is one that was given and has not ended.
type errand struct {
	id      uint64
	s       *subject
	region  *place // whose checker it was for
	where   event.Where
	mimic   event.Mimic
	again   bool     // something was suspected when it was given
	inquiry *inquiry // whose second look it is; nil of the first
	at      int64    // when it was given, CLOCK_MONOTONIC
	honest  int64    // the same on the honest clock
	epoch   int

	heard int64 // when something was heard of it last, on the honest clock
	out   event.Outcome
	known bool // something was heard
	late  bool // it is past its deadline
	quiet int64
	stand stand // what the kernel says of it
	left  bool  // it is not waited for any more
}

// earn adds to what may be given, for the time that has passed.
func (j *Judge) earn(passed int64) {
	if passed > 1e9 {
		passed = 1e9
	}
	if j.credit += passed * j.rate; j.credit > j.rate*1e9 {
		j.credit = j.rate * 1e9
	}
}

// give begins what was not done yet.
func (j *Judge) give() {
	var ready []*subject
	for _, s := range j.order {
		if s.fresh && j.clock.honest-s.came > stale*j.interval {
			s.fresh = false // its arguments may be true no more
			j.counts.Shared++
		}
		if s.place.stands && j.urgent(s) {
			s.fresh = false
			j.begin(s, event.Here, s.mimic, true, nil)
		}
		if s.fresh && j.free(s) {
			ready = append(ready, s)
		}
	}
	bySeniority(ready)
	for _, s := range ready {
		if !j.free(s) || j.counts.Hanging >= maxHanging || j.credit < 1e9 {
			continue
		}
		s.fresh = false
		j.begin(s, event.Here, s.mimic, false, nil)
	}
}

// urgent reports whether a subject is to be tried at once, as the program itself
// stands in the operation.
func (j *Judge) urgent(s *subject) bool {
	return s.deed.Helpers() && s.inquiry == nil && j.clock.honest >= s.rest && j.clock.honest-s.came <= stale*j.interval+j.fallback &&
		(s.place.busy != nil || j.clock.honest-s.begun >= j.interval) && j.mayLook() && j.idles(s)
}

// free reports whether the subject may be tried now.
func (j *Judge) free(s *subject) bool {
	return s.inquiry == nil && s.place.busy == nil && s.work.busy == nil && s.region.hung == 0 && j.clock.honest >= s.rest &&
		j.clock.honest-s.work.begun >= j.interval
}

// idles reports whether a subject may be tried at once, because something is
// suspected: it is not being tried, or that waits in the helper for its turn and is
// taken back.
func (j *Judge) idles(s *subject) bool {
	for _, e := range []*errand{s.place.busy, s.work.busy} {
		if e != nil && (e.known || e.again) {
			return false
		}
	}
	if e := s.place.busy; e != nil {
		j.abandon(e)
		j.remove(e)
	}
	return true
}

// begin gives an errand. again says that something is suspected.
func (j *Judge) begin(s *subject, where event.Where, m event.Mimic, again bool, q *inquiry) {
	j.lastID++
	j.counts.Errands++
	j.credit -= 1e9
	e := &errand{
		id: j.lastID, s: s, region: s.region, where: where, mimic: m, again: again, inquiry: q,
		at: j.clock.now, honest: j.clock.honest, epoch: j.clock.epoch, heard: j.clock.honest,
	}
	e.stand.anew()
	if again {
		j.counts.Looks++
	}
	if where == event.Here && m.Deed == s.deed {
		s.place.busy, s.work.busy = e, e
		s.begun, s.work.begun = j.clock.honest, j.clock.honest
	} else {
		s.away[where] = e
	}
	j.errands = append(j.errands, e)
	j.byID[e.id] = e
	j.act.Errands = append(j.act.Errands, event.Errand{ID: e.id, Mimic: m, Where: where, Again: again})
}

// mayLook reports whether a second look may be begun.
func (j *Judge) mayLook() bool {
	return j.credit > -j.rate*1e9 && j.counts.Hanging < 2*maxHanging
}

// age is for how long an errand has been done, in time that counts.
func (j *Judge) age(e *errand) int64 {
	age := j.clock.honest - e.honest
	if !e.known || e.out.Took < 0 {
		return 0 // whether it is done at all is not known
	}
	if e.out.Took < age {
		return e.out.Took
	}
	return age
}

// deadline is how long an errand may take.
func (j *Judge) deadline(e *errand) int64 {
	if e.where != event.Here || e.mimic.Deed != e.s.deed {
		return j.floor
	}
	if d := leeway * e.s.usual.all.slowest(); d > j.floor {
		return d
	}
	return j.floor
}

// hear takes an outcome into account.
func (j *Judge) hear(o *event.Outcome) {
	e := j.byID[o.ID]
	if e == nil {
		return // it was lost, or is not of this judge
	}
	e.heard, e.out, e.known = j.clock.honest, *o, true
	if o.Device != "" && e.where == event.Here {
		e.s.device = o.Device
	}
	if o.End == event.Hangs {
		e.stand.see(o.Thread, j.clock.honest)
		return
	}
	if o.End == event.Failed && ofTheName(o.Errno) {
		e.out.End = event.Unable
	}
	j.remove(e)
	if e.out.End == event.Unable {
		j.counts.Unable++
	}
	j.ended(e)
}

// ofTheName reports whether an error says something of the name, or of what
// the helper may do, and not of what the operation is on.
func ofTheName(errno string) bool {
	switch errno {
	case "ENOENT", "EACCES", "EPERM", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EEXIST", "EMFILE", "ENFILE", "ENOMEM",
		"EINTR", "EAGAIN", "EINVAL", "EBADF", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBUSY", "ETXTBSY", "ENXIO", "EFBIG", "EADDRNOTAVAIL", "EAFNOSUPPORT":
		return true
	}
	return false
}

// remove takes an errand out of what is outstanding.
func (j *Judge) remove(e *errand) {
	delete(j.byID, e.id)
	for i := range j.errands {
		if j.errands[i] == e {
			j.errands = append(j.errands[:i], j.errands[i+1:]...)
			break
		}
	}
	if e.s.place.busy == e {
		e.s.place.busy = nil
	}
	if e.s.work.busy == e {
		e.s.work.busy = nil
	}
	if e.s.away[e.where] == e {
		delete(e.s.away, e.where)
	}
	if e.late {
		j.counts.Hanging--
		if e.where == event.Here {
			e.region.hung--
		}
	}
}

// ended is told of each errand that has come to its end.
func (j *Judge) ended(e *errand) {
	s, o := e.s, &e.out
	if e.where != event.Here || e.mimic.Deed != s.deed {
		if e.inquiry != nil && !e.inquiry.closed {
			e.inquiry.answer(e, j.clock.honest)
		}
		return
	}
	told := s.inquiry != nil && s.inquiry.verdict == event.Stuck
	s.worked = s.worked || o.End == event.Done
	if o.End == event.Done && e.epoch == j.clock.epoch && !told {
		s.usual.add(o.Took, j.clock.honest)
	}
	switch {
	case s.inquiry != nil:
		j.again(s.inquiry, e)
	case o.End == event.Unable:
		s.rest = j.clock.honest + weary*j.interval
	case o.End == event.Failed:
		j.suspect(s, failing, e)
	case o.End == event.Differ:
		j.suspect(s, differing, e)
	case s.usual.leaves(j.floor):
		j.suspect(s, slowing, e)
	}
}

// overdue finds the errands that have passed their deadline.
func (j *Judge) overdue() {
	for _, e := range j.errands {
		if !e.known || e.out.End != event.Hangs || j.age(e) < j.deadline(e) {
			continue
		}
		if !e.late {
			e.late = true
			j.counts.Late++
			j.counts.Hanging++
			if e.where == event.Here {
				e.region.hung++
			}
		}
		if e.where != event.Here || e.mimic.Deed != e.s.deed || j.clock.honest < e.quiet {
			continue
		}
		if q := e.s.inquiry; q != nil {
			if q.acts() || q.kind == hanging {
				continue
			}
			j.drop(q, 0) // it is another thing now
		}
		j.suspect(e.s, hanging, e)
	}
}

// waits is for how many fallback budgets an errand may wait in the helper until it
// is begun: that bounds how long it keeps the program's disk busy, and nothing is
// heard of an errand meanwhile.
const waits = 9

// forget drops the errands of which nothing has been heard for too long.
func (j *Judge) forget() {
	for _, e := range append([]*errand(nil), j.errands...) {
		silence := j.clock.honest - e.heard
		if silence < j.fallback || !e.known && !e.again && silence < waits*j.fallback {
			continue
		}
		j.counts.Lost++
		e.out.End = event.Unable
		e.out.Text = "nothing is heard of it"
		j.remove(e)
		j.ended(e)
	}
}

// abandon says that an errand is not waited for any more.
func (j *Judge) abandon(e *errand) {
	if e.left {
		return
	}
	e.left = true
	j.counts.Abandoned++
	j.act.Abandon = append(j.act.Abandon, e.id)
}
