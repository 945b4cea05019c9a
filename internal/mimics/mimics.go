package mimics

import (
	"sort"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Config says how patient the judge is. A field that is zero or negative takes
// its default.
type Config struct {
	Floor      time.Duration // an errand that is younger suspects nobody; default 0.5 s
	Validation time.Duration // how long a suspicion must stand unchanged after that; default 0.3 s
	Fallback   time.Duration // when what is not settled is told; default 10 s
	Interval   time.Duration // how often the same is done; default 1 s
	Errands    int           // most errands a second; default 50

	// Redact makes of a path or an address what may be told of it; nil tells all.
	Redact func(string) string

	// Episode gives each episode its number; nil counts from 1<<32 + 1.
	Episode func() uint64
}

// Actions is what a step calls for.
type Actions struct {
	Errands  []event.Errand  // to be begun now
	Abandon  []uint64        // errands that are not waited for any more; how they end is still of use
	Findings []event.Finding // with the numbers of their episodes
	Counts   Counts
}

// Counts is what happened so far.
type Counts struct {
	Mimics    uint64 // that the checkers came to
	Errands   uint64 // that were given to the helper, second looks among them
	Looks     uint64 // second looks: validators and repetitions
	Shared    uint64 // mimics that were not done, as others did the same or a newer one came
	Unable    uint64 // errands that could not be done
	Lost      uint64 // errands of which nothing was heard any more
	Abandoned uint64 // errands that hung and are not waited for
	Hanging   int    // errands that hang now
	Late      uint64 // errands that have passed their deadline
	Failures  uint64 // errors that the program's own operations have returned
	Suspected uint64 // suspicions
	Tolerated uint64 // of those: errors and differences that were not there again
	Doubted   uint64 // of those: the helper could not work elsewhere either
	Void      uint64 // intervals that did not count
}

// firstEpisode is what the episodes' numbers lie above, unless Config gives them.
const firstEpisode = 1 << 32

// Judge draws conclusions from what mimics meet in one process. It is not safe
// for concurrent use.
type Judge struct {
	floor, validation, fallback, interval int64 // nanoseconds
	rate                                  int64 // errands a second
	redact                                func(string) string
	number                                func() uint64

	clock     clock
	places    map[event.Site]*place
	lines     map[int]bool // of the places
	subjects  map[subjectKey]*subject
	order     []*subject // in the order in which they came
	works     map[workKey]*work
	errands   []*errand // that have not ended, by number
	byID      map[uint64]*errand
	inquiries []*inquiry
	episodes  []*episode
	trend     trend
	inside    map[uint64]inside // where goroutines were for longer than the floor when marks were told last, by number
	within    map[uint64]inside // the same, while it is made anew
	standing  []*place          // those whose mimics are to be done at once
	counted   int64             // when the regions' marks were counted last, on the honest clock
	credit    int64             // errands that may be given, in billionths
	lastID    uint64
	born      int // subjects so far
	counts    Counts
	act       Actions // of the step that is being judged
}

// New returns a judge that has seen nothing yet.
func New(c Config) *Judge {
	or := func(d, otherwise time.Duration) int64 {
		if d <= 0 {
			d = otherwise
		}
		return int64(d)
	}
	j := &Judge{
		floor:      or(c.Floor, 500*time.Millisecond),
		validation: or(c.Validation, 300*time.Millisecond),
		fallback:   or(c.Fallback, 10*time.Second),
		interval:   or(c.Interval, time.Second),
		rate:       int64(c.Errands),
		redact:     c.Redact,
		number:     c.Episode,
		places:     map[event.Site]*place{},
		subjects:   map[subjectKey]*subject{},
		works:      map[workKey]*work{},
		byID:       map[uint64]*errand{},
		lines:      map[int]bool{},
		inside:     map[uint64]inside{},
		within:     map[uint64]inside{},
	}
	if j.rate <= 0 {
		j.rate = 50
	}
	if j.redact == nil {
		j.redact = func(s string) string { return s }
	}
	if j.number == nil {
		last := uint64(firstEpisode)
		j.number = func() uint64 { last++; return last }
	}
	j.credit = j.rate * 1e9
	return j
}

// Step judges what has come since the last step. now is CLOCK_MONOTONIC
// nanoseconds; late is how much longer than meant the interval since the last step
// was. Step keeps the bytes and strings of mimics and outcomes, and changes none.
func (j *Judge) Step(now, late int64, mimics []event.Mimic, outcomes []event.Outcome) Actions {
	j.act = Actions{}
	passed := j.clock.advance(now, late, j.validation)
	if j.clock.voided {
		j.anew()
	}
	j.earn(passed)
	for i := range mimics {
		j.take(&mimics[i])
	}
	for i := range outcomes {
		j.hear(&outcomes[i])
	}
	j.overdue()
	for _, q := range append([]*inquiry(nil), j.inquiries...) {
		if !q.closed {
			j.inquire(q)
		}
	}
	j.give()
	for _, p := range j.standing {
		p.stands = false
	}
	j.standing = j.standing[:0]
	j.forget()
	j.counts.Void = j.clock.void
	j.act.Counts = j.counts
	return j.act
}

// Doubts reports whether something is suspected that is not told yet, or being looked
// into because the program has met it: a little later more is known.
func (j *Judge) Doubts() bool {
	for _, q := range j.inquiries {
		if q.verdict == "" && q.kind != slowing {
			return true
		}
	}
	for _, e := range j.errands {
		if e.again && e.inquiry == nil && !e.late {
			return true
		}
	}
	return false
}

// Stuck says what is the case now of what was told: the gravest verdict, "" if all
// is well, and that in one sentence.
func (j *Judge) Stuck() (v event.Verdict, what string) {
	for _, ep := range j.episodes {
		if ep.verdict == event.Stuck || ep.verdict == event.Wrong && v == "" {
			v, what = ep.verdict, ep.what
		}
	}
	return v, what
}

// clock counts the time that may be held against somebody.
type clock struct {
	started bool
	now     int64 // CLOCK_MONOTONIC
	honest  int64 // nanoseconds counted so far
	epoch   int   // grows with every void interval
	void    uint64
	voided  bool // the last interval was void
}

// advance takes a step's time into account and returns how much of it counts. An
// interval of no more than least always counts.
func (c *clock) advance(now, late, least int64) (passed int64) {
	c.voided = false
	if c.started {
		d := now - c.now // may overflow for hostile times, and is void then
		switch {
		case now <= c.now || d <= 0 || d >= 1<<60 || d > least && late > d/3*2:
			c.voided = true
			c.void++
			c.epoch++
		default:
			passed = d
			c.honest += d
		}
	}
	c.started, c.now = true, now
	return passed
}

// anew has what stood stand anew, as some time did not count.
func (j *Judge) anew() {
	for _, e := range j.errands {
		e.stand.anew()
	}
	for _, s := range j.order {
		s.looks.anew()
	}
	for _, q := range j.inquiries {
		q.anew(j.clock.honest)
	}
}

// bySeniority sorts subjects: first those that have waited longest for being tried.
func bySeniority(list []*subject) {
	sort.Slice(list, func(a, b int) bool {
		if list[a].begun != list[b].begun {
			return list[a].begun < list[b].begun
		}
		return list[a].index < list[b].index
	})
}
