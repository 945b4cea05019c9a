package attach

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Config says how patient a Watch is and what it may cost. A field that is zero
// or negative takes its default.
type Config struct {
	Every  time.Duration // between two profiles; default 5 s
	Budget time.Duration // how long a lock may be waited for; default, and least, one minute: the runtime counts in minutes
	Stop   time.Duration // how long a dump may be expected to stop the program; default 250 ms
}

const (
	validation = 2 * time.Second       // how long a suspicion must be seen to stand
	dumpEvery  = time.Minute           // a dump is taken at least so often, as new goroutines may stand in what profiles do not show
	tooLate    = 2 * time.Second       // an answer that takes longer is of a program that is paused or starved
	share      = 100                   // reading takes at most this part of the time
	firstGuess = 30 * time.Microsecond // what a goroutine costs a dump, before there was one
)

// Read is one thing that was read of the program: a dump, a profile, or
// neither, if it did not answer.
type Read struct {
	At      int64         // when it was there, CLOCK_MONOTONIC nanoseconds
	Took    time.Duration // how long the program took to answer
	Dump    *Dump
	Profile *Profile
}

// Actions is what a Read calls for.
type Actions struct {
	Wait     time.Duration // before the next read
	Dump     bool          // it is to be a dump, not a profile
	Pending  bool          // there are suspicions that another dump may settle
	Findings []event.Finding
	Remark   string // what stands in the way of seeing more, told once
}

// Watch draws conclusions from what is read of one program.
type Watch struct {
	every, budget, stop time.Duration

	// Honest time is that in which the program is known to have run: it answered
	// at both ends of an interval, in time.
	started, answered bool
	at, honest        int64
	epoch             int // grows with every interval that does not count
	planned           time.Duration

	total    int           // goroutines, by the last read
	cost     time.Duration // of a dump, a goroutine
	dumped   int64         // honest time of the last dump
	dumps    int
	looking  bool // a dump was asked for by a suspicion
	remarked bool

	seen     map[uint64]*sighting
	places   map[string]*pile
	episodes map[string]*episode
	count    uint64 // episodes so far
}

// sighting is what is remembered of a goroutine.
type sighting struct {
	stance uint64 // hash of it
	since  int64  // honest time from which on it was the same
	epoch  int
	moved  bool // it stood elsewhere before
	dump   int  // the last one it was in
}

// NewWatch returns a Watch that has read nothing yet. The first read is to be a
// profile.
func NewWatch(c Config) *Watch {
	or := func(d, least, otherwise time.Duration) time.Duration {
		switch {
		case d <= 0:
			return otherwise
		case d < least:
			return least
		}
		return d
	}
	return &Watch{
		every:    or(c.Every, 100*time.Millisecond, 5*time.Second),
		budget:   or(c.Budget, time.Minute, time.Minute),
		stop:     or(c.Stop, time.Millisecond, 250*time.Millisecond),
		cost:     firstGuess,
		seen:     map[uint64]*sighting{},
		places:   map[string]*pile{},
		episodes: map[string]*episode{},
	}
}

// Step takes a read into account.
func (w *Watch) Step(r Read) Actions {
	w.advance(r)
	var a Actions
	switch {
	case r.Dump != nil:
		w.look(r, &a)
	case r.Profile != nil:
		w.survey(r.Profile, &a)
	}
	w.plan(r, &a)
	return a
}

// advance counts the time that has passed, if the program could run in it.
func (w *Watch) advance(r Read) {
	answers := (r.Dump != nil || r.Profile != nil) && (r.Took <= tooLate || r.Dump != nil && r.Took <= tooLate+4*w.stop)
	d := r.At - w.at
	if w.started {
		if answers && w.answered && d > 0 && d <= int64(3*w.planned+tooLate) {
			w.honest += d
		} else {
			w.epoch++
		}
	}
	w.started, w.answered, w.at = true, answers, r.At
}

// plan decides when to read what next.
func (w *Watch) plan(r Read, a *Actions) {
	a.Dump = w.dumps == 0 || a.Pending || w.looking || w.honest-w.dumped >= int64(dumpEvery)
	a.Wait = w.every
	if r.Profile != nil && a.Dump {
		a.Wait = 0
	}
	if a.Pending {
		a.Wait = validation
	}
	expect := w.cost * time.Duration(w.total)
	if a.Dump && expect > w.stop {
		a.Dump, a.Pending, a.Wait = false, false, w.every
		if !w.remarked {
			w.remarked = true
			a.Remark = fmt.Sprintf("a look at %d goroutines would stop the program for about %s: none is taken, so only their numbers are watched (-stop %s allows it)",
				w.total, round(expect), round(expect))
		}
	}
	if least := share * r.Took; a.Wait < least && !(a.Dump && w.dumps == 0) && !a.Pending {
		a.Wait = least
	}
	w.planned = a.Wait
}

// look draws conclusions from a dump.
func (w *Watch) look(r Read, a *Actions) {
	d := r.Dump
	w.dumps++
	w.dumped, w.looking = w.honest, false
	w.total = len(d.Goroutines)
	w.cost = (r.Took + time.Duration(w.total) - 1) / time.Duration(w.total)
	for i := range d.Goroutines {
		w.sight(&d.Goroutines[i])
	}
	for id, s := range w.seen {
		if s.dump != w.dumps && !d.Cut {
			delete(w.seen, id)
		}
	}
	t := &teller{w: w, at: r.At, a: a}
	t.never(d)
	t.groups(d)
	w.recover(t)
	if d.Cut && !w.remarked {
		w.remarked = true
		a.Remark = "the program's dump is cut off at 64 MB: goroutines beyond that are not seen"
	}
}

// sight takes note of where a goroutine stands.
func (w *Watch) sight(g *Goroutine) {
	h := fnv.New64a()
	h.Write([]byte(g.stance()))
	stance := h.Sum64()
	s := w.seen[g.ID]
	if s == nil {
		s = &sighting{stance: stance, since: w.honest, epoch: w.epoch}
		w.seen[g.ID] = s
	}
	if s.stance != stance {
		*s = sighting{stance: stance, since: w.honest, epoch: w.epoch, moved: true}
	}
	if s.epoch != w.epoch {
		s.since, s.epoch = w.honest, w.epoch
	}
	s.dump = w.dumps
}

// stood reports whether a goroutine was seen to stand still, for as long as it
// takes to believe it.
func (w *Watch) stood(g *Goroutine) bool {
	s := w.seen[g.ID]
	return w.honest-s.since >= int64(validation)*9/10
}

// overdue reports whether a goroutine has not run for the budget, by the
// runtime's account.
func (w *Watch) overdue(g *Goroutine) bool {
	return time.Duration(g.Minutes)*time.Minute >= w.budget
}

// round makes a duration readable.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
