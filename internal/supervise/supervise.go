package supervise

import (
	"fmt"
	"time"
)

// State is where a program stands.
type State string

// The states.
const (
	Unborn     State = "not looked at yet" // before the first event
	Starting   State = "starting"          // it was started; it is not up yet
	Running    State = "running"           // up, and nobody has asked for more
	Ready      State = "ready"             // it was to become ready, and has
	Halting    State = "stopping"
	Clearing   State = "clearing" // it has ended; what it has left behind is being killed
	BackingOff State = "backing off"
	CrashLoop  State = "crash loop" // backing off, for the Loop-th time or more
	Unkillable State = "unkillable"
	Ended      State = "ended"
)

// Memory is what outlives a supervisor: handed to the next one, it knows of a crash
// loop. The zero value knows of nothing.
type Memory struct {
	Restarts int  `json:"restarts"` // without a quiet time between
	Loop     bool `json:"loop"`     // that was called a crash loop
	Total    int  `json:"total"`    // restarts of all time
}

// rung is how far a stop has come.
type rung int

const (
	asked rung = iota + 1 // SIGTERM was sent
	pressed
	killed
)

// cause is why a program does not run any more, or is not to.
type cause int

const (
	byItself   cause = iota // exit says how
	byVerdict               // rule 5
	notReady                // rule 4
	notStarted              // there was no process
	resumed                 // rule 11
	foundGone               // rules 1 and 3: an earlier supervisor's
)

// Supervisor has one program.
type Supervisor struct {
	conf  Config
	mem   Memory
	state State

	pid      int
	since    int64 // of its start
	deadline int64 // of the start, 0 without one
	told     bool  // that it is not ready in time
	upSaid   bool  // Up was done for this run

	final   bool // the user has stopped it
	cause   cause
	exit    Exit // of the run that ended last
	reason  string
	rung    rung
	next    int64 // when the next rung is due
	due     int64 // when a start is
	meant   int64 // when this step was to come at the latest, 0 if nothing was due
	asserts map[uint64]standing
}

// standing is a finding that has not been taken back.
type standing struct {
	proven  bool
	since   int64
	sources int
	text    string
}

// New returns a supervisor of a program that an earlier one has left m of.
func New(c Config, m Memory) *Supervisor {
	return &Supervisor{conf: c.filled(), mem: m, state: Unborn, asserts: map[uint64]standing{}}
}

// State returns where the program stands.
func (s *Supervisor) State() State { return s.state }

// Memory returns what is to be handed to the next supervisor.
func (s *Supervisor) Memory() Memory { return s.mem }

// Exit returns how the run that ended last has ended.
func (s *Supervisor) Exit() Exit { return s.exit }

// Final reports whether the user has stopped the program.
func (s *Supervisor) Final() bool { return s.final }

// Halfway reports whether the program is being stopped: what Adopted is to be told
// of it if this supervisor is killed.
func (s *Supervisor) Halfway() bool {
	return s.state == Halting || s.state == Clearing || s.state == Unkillable
}

// Step is given what has happened, in order, and the time, in CLOCK_MONOTONIC
// nanoseconds that never go back.
func (s *Supervisor) Step(now int64, events ...Event) Actions {
	var a Actions
	s.doubt(now)
	for _, e := range events {
		if s.state != Ended {
			s.take(now, e, &a)
		}
	}
	s.time(now, &a)
	a.Next = s.wake(now)
	s.meant = a.Next
	return a
}

const (
	// turn is the longest time between two steps while anybody's patience is
	// measured, slack how late a step may come without being doubted.
	turn  = int64(time.Second)
	slack = int64(500 * time.Millisecond)
)

// doubt is rule 12.
func (s *Supervisor) doubt(now int64) {
	late := now - s.meant
	if s.meant == 0 || late <= slack {
		return
	}
	later := func(t int64) int64 {
		if t += late; t < now+turn {
			return now + turn
		}
		return t
	}
	if s.deadline != 0 {
		s.deadline = later(s.deadline)
	}
	s.next = later(s.next)
	for episode, st := range s.asserts {
		st.since = later(st.since+int64(s.conf.Budget)) - int64(s.conf.Budget)
		s.asserts[episode] = st
	}
}

func (s *Supervisor) take(now int64, e Event, a *Actions) {
	switch e.Kind {
	case Vacant, Left, Adopted:
		s.found(now, e, a)
	case Started:
		if s.pid != 0 {
			return
		}
		if s.state == Starting {
			s.pid = e.PID
			if !s.conf.Readiness {
				s.up(Running, a)
			}
		} else if s.state == Halting { // the user's stop was faster
			s.pid = e.PID
			s.halt(now, Terminate, a)
		}
	case StartFailed:
		if s.state == Starting && s.pid == 0 {
			s.cause, s.reason = notStarted, e.Text
			s.over(now, a)
		} else if s.state == Halting && s.pid == 0 {
			s.over(now, a)
		}
	case IsReady:
		if s.state == Starting && s.pid != 0 && s.conf.Readiness {
			s.up(Ready, a)
		}
	case Extend:
		s.extend(now, e.For)
	case Exited:
		s.exited(now, e.Exit, a)
	case Gone:
		if s.state == Clearing || s.state == Unkillable && s.pid == 0 {
			s.over(now, a)
		}
	case Judged:
		s.judged(now, e, a)
	case StopAsked:
		s.stopAsked(now, e.Signal, a)
	}
}

// found is told what an earlier supervisor has left.
func (s *Supervisor) found(now int64, e Event, a *Actions) {
	if s.state != Unborn {
		return
	}
	switch e.Kind {
	case Vacant:
		s.start(now, a)
	case Left:
		s.cause = foundGone
		a.add(Say, "an earlier run has left processes behind, which are killed")
		s.clear(now, a)
	case Adopted:
		s.pid, s.since = e.PID, e.Since
		switch {
		case e.Halfway:
			a.add(Say, fmt.Sprintf("process %d was being stopped when its lifesign ended: it is stopped, and started again", s.pid))
			s.cause = resumed
			s.halt(now, Terminate, a)
		case !s.conf.Readiness:
			a.add(Say, fmt.Sprintf("process %d runs already: it is looked after from here on", s.pid))
			s.up(Running, a)
		case e.Ready:
			a.add(Say, fmt.Sprintf("process %d runs already, and is ready: it is looked after from here on", s.pid))
			s.up(Ready, a)
		default:
			a.add(Say, fmt.Sprintf("process %d runs already, and is not ready yet: it is looked after from here on", s.pid))
			s.state = Starting
			s.setDeadline(now)
		}
	}
}

func (s *Supervisor) start(now int64, a *Actions) {
	s.state, s.pid, s.since, s.told, s.upSaid = Starting, 0, now, false, false
	s.cause, s.reason, s.exit = byItself, "", Exit{}
	s.asserts = map[uint64]standing{}
	s.setDeadline(now)
	a.add(Start, "")
}

func (s *Supervisor) setDeadline(now int64) {
	s.deadline = 0
	if s.conf.Readiness && s.conf.Deadline > 0 {
		s.deadline = now + int64(s.conf.Deadline)
	}
}

func (s *Supervisor) up(state State, a *Actions) {
	s.state = state
	if !s.upSaid {
		s.upSaid = true
		a.add(Up, "")
	}
}

func (s *Supervisor) extend(now int64, more time.Duration) {
	until := now + int64(more)
	if more <= 0 || until < now {
		return
	}
	switch {
	case s.state == Starting && s.deadline != 0 && until > s.deadline:
		s.deadline = until
	case s.state == Halting && s.rung == asked && until > s.next:
		s.next = until
	}
}

func (s *Supervisor) exited(now int64, e Exit, a *Actions) {
	switch s.state {
	case Starting, Running, Ready, Halting, Unkillable:
	default:
		return
	}
	if s.pid == 0 {
		return
	}
	s.pid, s.exit = 0, e
	if s.state == Unkillable {
		// What is left of it, if anything, was sent SIGKILL long ago.
		s.state = Clearing
		s.next = now + int64(s.conf.KillGrace)
		return
	}
	if s.state != Halting {
		s.cause = byItself
	}
	s.clear(now, a)
}

// clear has killed what a program that has ended left behind.
func (s *Supervisor) clear(now int64, a *Actions) {
	s.state = Clearing
	s.next = now + int64(s.conf.KillGrace)
	a.add(Kill, "")
}

// time does what is due.
func (s *Supervisor) time(now int64, a *Actions) {
	switch s.state {
	case BackingOff, CrashLoop:
		if now >= s.due {
			s.start(now, a)
		}
	case Starting:
		if s.deadline != 0 && now >= s.deadline && s.pid != 0 && !s.told {
			s.late(now, a)
		}
		s.overdue(now, a)
	case Running, Ready:
		if s.mem.Restarts > 0 && now-s.since >= int64(s.conf.Quiet) {
			if s.mem.Loop {
				a.add(Say, fmt.Sprintf("it has been up for %v: the crash loop is over", s.conf.Quiet))
			}
			s.mem.Restarts, s.mem.Loop = 0, false
		}
		s.overdue(now, a)
	case Halting, Clearing:
		if now >= s.next {
			s.climb(now, a)
		}
	}
}

// late says that a start has failed, by rule 4.
func (s *Supervisor) late(now int64, a *Actions) {
	s.told = true
	text := fmt.Sprintf("it is not ready %v after its start", time.Duration(now-s.since).Round(time.Millisecond))
	if s.conf.Restart == Never {
		a.add(Say, text)
		return
	}
	a.add(Say, text+": it is stopped")
	a.add(Dump, text)
	s.cause = notReady
	s.reason = text
	s.halt(now, Terminate, a)
}

// wake is when something is due next, or a step's lateness can be seen.
func (s *Supervisor) wake(now int64) int64 {
	next := int64(0)
	sooner := func(t int64) {
		if t != 0 && (next == 0 || t < next) {
			next = t
		}
	}
	switch s.state {
	case BackingOff, CrashLoop:
		sooner(s.due)
	case Halting, Clearing:
		sooner(s.next)
		sooner(now + turn)
	case Starting, Running, Ready:
		if s.state == Starting && !s.told && s.pid != 0 && s.deadline != 0 {
			sooner(s.deadline)
			sooner(now + turn)
		}
		if s.state != Starting && s.mem.Restarts > 0 {
			sooner(s.since + int64(s.conf.Quiet))
		}
		if at := s.budgetEnds(now); at != 0 {
			sooner(at)
			sooner(now + turn)
		}
	}
	return next
}
