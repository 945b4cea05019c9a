package supervise

import "fmt"

// halt begins a stop, by rule 6.
func (s *Supervisor) halt(now int64, first Signal, a *Actions) {
	s.state, s.rung, s.next = Halting, asked, now+int64(s.conf.Grace)
	if s.pid != 0 {
		a.send(first)
	}
}

// climb takes the next rung.
func (s *Supervisor) climb(now int64, a *Actions) {
	if s.state == Clearing {
		s.unkillable(a)
		return
	}
	if s.pid == 0 { // it is still being started
		s.next = now + int64(s.conf.Grace)
		return
	}
	switch s.rung {
	case asked:
		s.rung, s.next = pressed, now+int64(s.conf.QuitGrace)
		a.add(Say, fmt.Sprintf("it has not ended %v after it was asked to: SIGQUIT, for its stacks", s.conf.Grace))
		a.send(Quit)
	case pressed:
		s.rung, s.next = killed, now+int64(s.conf.KillGrace)
		a.add(Say, "it has not ended by SIGQUIT: SIGKILL")
		a.add(Kill, "")
	case killed:
		s.unkillable(a)
	}
}

func (s *Supervisor) unkillable(a *Actions) {
	what := "it has"
	if s.pid == 0 {
		what = "what it has left behind has"
	}
	text := fmt.Sprintf("%s not ended %v after SIGKILL: it stands in the kernel, which nothing ends from outside", what, s.conf.KillGrace)
	if s.final {
		a.add(Say, text+"; it is left there")
		s.end(a)
		return
	}
	s.state = Unkillable
	a.add(Say, text+"; nothing else is started on its data before it is gone")
}

// stopAsked is the user's stop, rule 10.
func (s *Supervisor) stopAsked(now int64, sig Signal, a *Actions) {
	if !s.final {
		s.final = true
		a.add(Stopping, "")
	}
	if sig == "" {
		sig = Terminate
	}
	switch s.state {
	case Unborn, BackingOff, CrashLoop, Unkillable:
		s.end(a)
	case Starting, Running, Ready:
		s.halt(now, sig, a)
	}
}

func (s *Supervisor) end(a *Actions) {
	s.state = Ended
	a.add(End, "")
}
