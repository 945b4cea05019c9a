package mimics

import "github.com/lifesign-go/lifesign/event"

// kind is what is suspected.
type kind int

const (
	hanging   kind = iota // an errand that does not end
	failing               // one that ended with an error
	differing             // one that read what was not written
	slowing               // errands that take longer than they used to
	silent                // a connection on which nothing is acknowledged
	full                  // a listener whose connections nobody accepts
	exhausted             // a pool whose connections are all in use
	refusing              // a pool's ping, or a function of the author's, that fails
)

// looked reports whether it is a suspicion of what is only looked at.
func (k kind) looked() bool { return k >= silent }

// more is how many repetitions of a failure must have ended.
const more = 2

// inquiry is a suspicion of a subject, until it is dropped, or what was told of it
// is over. Times are those of the honest clock unless they say otherwise.
type inquiry struct {
	s      *subject
	kind   kind
	since  int64 // when that which was first suspected was begun, CLOCK_MONOTONIC
	began  int64 // the same
	opened int64 // since when it has stood without a void interval
	closed bool

	errand *errand       // that hangs, while it does; nil if nothing hangs
	mimic  event.Mimic   // what was suspected first
	out    event.Outcome // how that failed or differed

	bad     int           // repetitions in a row that ended in the same way
	badAt   int64         // when the last of them ended
	good    int           // repetitions in a row that succeeded
	goodAt  int64         // when the first of them did
	well    int           // looks in a row that found it well
	next    int64         // no repetition before that
	lastBad event.Outcome // of the last repetition, if it did not hang
	unable  int64         // since when it could not be tried, 0 if it could

	words map[event.Where]word
	asked map[event.Where]int64
	dials int   // new connections to the same address that failed, in a row
	dialt int64 // when the first of them did
	marks mark

	accepted bool          // it is a connection that the program may have accepted: it is not dialled
	places   []*place      // its own, and others' that do the same work
	verdict  event.Verdict // that was told; "" if none was
	lost     bool          // what was told can no longer be tried
	ep       *episode
}

// word is what a validator said.
type word struct {
	out    event.Outcome
	honest int64
}

// suspect opens an inquiry about an errand.
func (j *Judge) suspect(s *subject, k kind, e *errand) {
	// It may have waited in the helper before it was begun.
	since, began := e.at, e.honest
	if at := e.out.At - e.out.Took; at > since && at <= j.clock.now {
		since = at
	}
	if at := j.clock.honest - e.out.Took; at > began && e.out.Took >= 0 {
		began = at
	}
	q := &inquiry{
		s: s, kind: k, since: since, began: began, opened: j.clock.honest, mimic: e.mimic, out: e.out, lastBad: e.out,
		words: map[event.Where]word{}, asked: map[event.Where]int64{},
	}
	if k == hanging {
		q.errand = e
	}
	if k == differing {
		s.differed(j.clock.honest)
	}
	j.open(q)
}

// suspectLook opens one about what is looked at.
func (j *Judge) suspectLook(s *subject, k kind) {
	l := &s.looks
	j.open(&inquiry{
		s: s, kind: k, since: l.at, began: l.honest, opened: l.honest, mimic: l.before, accepted: k == silent && j.accepted(s),
		words: map[event.Where]word{}, asked: map[event.Where]int64{},
	})
}

func (j *Judge) open(q *inquiry) {
	j.counts.Suspected++
	q.places = []*place{q.s.place}
	for _, s := range j.order {
		if s.work == q.s.work && s.place != q.s.place && len(q.places) < maxScope {
			q.places = append(q.places, s.place)
		}
	}
	q.s.inquiry = q
	q.s.fresh = false
	q.next = j.clock.honest
	j.inquiries = append(j.inquiries, q)
}

// drop closes an inquiry and lets the subject rest for a while.
func (j *Judge) drop(q *inquiry, rest int64) {
	q.closed = true
	q.s.inquiry = nil
	if until := j.clock.honest + rest; rest > 0 && until > q.s.rest {
		q.s.rest = until
	}
	for i := range j.inquiries {
		if j.inquiries[i] == q {
			j.inquiries = append(j.inquiries[:i], j.inquiries[i+1:]...)
			break
		}
	}
	for _, where := range places {
		if e := q.s.away[where]; e != nil && e.late {
			j.abandon(e)
		}
	}
	if q.ep != nil {
		j.leave(q)
	}
}

// anew has it stand anew after an interval that did not count.
func (q *inquiry) anew(honest int64) {
	q.opened, q.bad, q.dials, q.marks = honest, 0, 0, mark{}
}

// age is for how long it has been so.
func (q *inquiry) age(j *Judge) int64 {
	if q.errand != nil {
		return j.age(q.errand)
	}
	return j.clock.honest - q.began
}

// stood reports whether it has stood for the window.
func (q *inquiry) stood(j *Judge) bool { return j.clock.honest-q.opened >= j.validation }

// again takes into account how a repetition has ended, or the errand that hung.
func (j *Judge) again(q *inquiry, e *errand) {
	o := e.out
	q.errand = nil
	if o.End != event.Unable {
		q.unable = 0
	}
	switch {
	case q.kind == slowing && o.End == event.Done:
		q.bad++
	case o.End == event.Unable:
		j.untried(q)
	case o.End == event.Done:
		j.succeeded(q, &o)
	default:
		j.failed(q, e)
	}
	q.next = j.clock.honest + j.validation/2
	if q.bad >= more || q.verdict != "" {
		q.next = j.clock.honest + j.interval
	}
}

// failed is for a repetition that ended with an error or a difference.
func (j *Judge) failed(q *inquiry, e *errand) {
	o := e.out
	q.good = 0
	k := failing
	if o.End == event.Differ {
		k = differing
		q.s.differed(j.clock.honest)
	}
	if k == q.kind && (k == differing || o.Errno == q.out.Errno) {
		q.bad++
		q.badAt, q.lastBad = j.clock.honest, o
		return
	}
	if q.acts() {
		q.lastBad = o // it is not well, whatever it is now
		return
	}
	j.drop(q, 0) // it is another thing: that is suspected, from now on
	j.suspect(q.s, k, e)
}

// acts reports whether what was told of it calls for something.
func (q *inquiry) acts() bool { return q.verdict == event.Stuck || q.verdict == event.Wrong }

// succeeded is for a repetition that succeeded.
func (j *Judge) succeeded(q *inquiry, o *event.Outcome) {
	if q.good == 0 {
		q.goodAt = j.clock.honest
	}
	q.good++
	q.bad = 0
	q.lastBad = *o
	switch {
	case q.acts():
	case q.kind == differing && q.good < 2*more:
	case q.kind == hanging:
		j.drop(q, 0)
	default:
		j.counts.Tolerated++
		j.drop(q, 0)
	}
}

// untried is for a repetition that could not be done, or of which nothing was
// heard. What was told is not over by that, for a while.
func (j *Judge) untried(q *inquiry) {
	if !q.acts() {
		j.drop(q, weary*j.interval)
		return
	}
	if q.unable == 0 {
		q.unable = j.clock.honest
	}
	if j.clock.honest-q.unable >= weary*j.interval {
		q.lost = true
		j.drop(q, weary*j.interval)
	}
}

// answer takes the word of a validator.
func (q *inquiry) answer(e *errand, honest int64) {
	q.words[e.where] = word{e.out, honest}
	if e.where != event.Here {
		return
	}
	switch e.out.End {
	case event.Failed:
		if q.dials == 0 {
			q.dialt = honest
		}
		q.dials++
	case event.Done:
		q.dials = 0
		if q.good == 0 {
			q.goodAt = honest
		}
		q.good++
		return
	}
	q.good = 0
}

// inquire goes on with an inquiry: decides if that can be, and asks for what is
// lacking.
func (j *Judge) inquire(q *inquiry) {
	if q.acts() {
		j.follow(q)
		return
	}
	c := j.control(q)
	if c == controlBad {
		j.doubt(q)
		return
	}
	switch q.kind {
	case hanging:
		j.judgeHanging(q, c)
	case failing:
		j.judgeFailing(q, c)
	case differing:
		j.judgeDiffering(q, c)
	case slowing:
		j.judgeSlowing(q, c)
	default:
		j.judgeLooked(q, c)
	}
	if !q.closed && !q.acts() {
		j.validate(q)
	}
}

// doubt drops an inquiry because the helper cannot work elsewhere either.
func (j *Judge) doubt(q *inquiry) {
	j.counts.Doubted++
	if e := q.errand; e != nil {
		e.quiet = j.clock.honest + 2*j.interval // then, if it still hangs, it is suspected anew
	}
	j.drop(q, 2*j.interval)
}

// validate asks for what is not known yet.
func (j *Judge) validate(q *inquiry) {
	pace := j.interval
	if q.verdict != "" {
		pace = j.fallback
	}
	for _, where := range q.validators() {
		if q.s.away[where] != nil || !j.mayLook() {
			continue
		}
		if at, asked := q.asked[where]; asked && j.clock.honest-at < pace {
			continue
		}
		q.asked[where] = j.clock.honest
		j.begin(q.s, where, q.as(where), true, q)
	}
	if q.kind == failing || q.kind == differing || q.kind == slowing {
		j.repeat(q, q.mimic)
	}
}

// repeat does the operation again.
func (j *Judge) repeat(q *inquiry, m event.Mimic) {
	if j.clock.honest < q.next || !j.mayLook() || !j.idles(q.s) {
		return
	}
	j.begin(q.s, event.Here, m, true, q)
}

// follow looks whether what was told of is over.
func (j *Judge) follow(q *inquiry) {
	need := more
	if q.kind == differing {
		need = 2 * more
	}
	long := j.clock.honest-q.goodAt >= j.validation
	if q.good >= need && long || q.well >= more {
		q.s.looks.bad = 0 // what is looked at has to be found so anew
		j.drop(q, 0)
		return
	}
	if !q.kind.looked() {
		j.repeat(q, q.s.mimic)
		return
	}
	if q.kind == silent && !q.accepted && q.s.away[event.Here] == nil && j.clock.honest-q.asked[event.Here] >= j.interval && j.mayLook() {
		q.asked[event.Here] = j.clock.honest
		j.begin(q.s, event.Here, q.as(event.Here), true, q)
	}
	if j.clock.honest-q.s.looks.last > weary*j.interval && q.kind != silent {
		q.lost = true // nothing is looked at any more
		j.drop(q, 0)
	}
}
