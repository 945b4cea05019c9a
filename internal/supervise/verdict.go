package supervise

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// judged keeps what was found, and acts on it by rule 5.
func (s *Supervisor) judged(now int64, e Event, a *Actions) {
	switch s.state {
	case Starting, Running, Ready:
	default:
		return // it is being stopped, or it is not there
	}
	if s.pid == 0 {
		return
	}
	switch {
	case e.Verdict == event.Working:
		delete(s.asserts, e.Episode)
	case e.Verdict == event.Vanished && e.Class == event.Proven:
		if s.on(e) {
			s.act(now, e.Text, e.Class, e.Verdict, a)
		}
	case e.Verdict == event.Stuck && (e.Class == event.Proven || e.Class == event.Inferred):
		old, known := s.asserts[e.Episode]
		st := standing{proven: e.Class == event.Proven, since: now, sources: e.Sources, text: e.Text}
		if known && (old.sources < 2) == (st.sources < 2) {
			st.since = old.since // else they agree from now on, or no longer
		}
		s.asserts[e.Episode] = st
		if st.proven && s.on(e) {
			s.act(now, e.Text, e.Class, e.Verdict, a)
		}
	case e.Verdict == event.Stuck:
		delete(s.asserts, e.Episode) // it cannot be told any more
	}
}

// on reports whether the user has named a verdict that is certain.
func (s *Supervisor) on(e Event) bool {
	return e.Verdict == event.Stuck && s.conf.On.Stuck || e.Verdict == event.Vanished && s.conf.On.Vanished
}

// overdue acts on what has been stuck, inferred, for the budget.
func (s *Supervisor) overdue(now int64, a *Actions) {
	if !s.conf.On.Inferred || s.pid == 0 {
		return
	}
	if st, ok := s.worst(now); ok && !st.proven {
		s.act(now, st.text, event.Inferred, event.Stuck, a)
	}
}

// worst returns what stands against the program: proven, or inferred by two sources
// for the budget. Of several it is the one that was told first, so that equal inputs
// have equal outcomes.
func (s *Supervisor) worst(now int64) (found standing, ok bool) {
	var least uint64
	for episode, st := range s.asserts {
		if !st.proven && (st.sources < 2 || now-st.since < int64(s.conf.Budget)) {
			continue
		}
		better := !ok || st.proven && !found.proven || st.proven == found.proven && (st.since < found.since || st.since == found.since && episode < least)
		if better {
			found, least, ok = st, episode, true
		}
	}
	return found, ok
}

// budgetEnds is when the next finding's budget is up, 0 if none is waited for.
func (s *Supervisor) budgetEnds(now int64) int64 {
	next := int64(0)
	for _, st := range s.asserts {
		at := st.since + int64(s.conf.Budget)
		if !st.proven && st.sources >= 2 && at > now && (next == 0 || at < next) {
			next = at
		}
	}
	return next
}

func (s *Supervisor) act(now int64, text string, c event.Class, v event.Verdict, a *Actions) {
	s.cause = byVerdict
	s.reason = fmt.Sprintf("%s (%s): %s", v, c, text)
	a.add(Say, fmt.Sprintf("it is stopped, and started again, because it is %s (%s)", v, c))
	a.add(Dump, s.reason)
	s.halt(now, Terminate, a)
}

// Alive reports whether a watchdog above may be fed: not while something stands
// against the program that would take its work away, and nobody does so.
func (s *Supervisor) Alive(now int64) bool {
	switch s.state {
	case Starting, Running, Ready:
		_, bad := s.worst(now)
		return !bad
	}
	return true
}
