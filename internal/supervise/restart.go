package supervise

import (
	"fmt"
	"time"
)

// over decides what comes after a run of which nothing is left.
func (s *Supervisor) over(now int64, a *Actions) {
	if s.final || !s.again() {
		if !s.final && s.cause == notStarted {
			a.add(Say, s.reason)
		}
		s.end(a)
		return
	}
	if s.cause == foundGone { // nobody has seen it run: that is no restart
		s.start(now, a)
		return
	}
	s.mem.Restarts++
	s.mem.Total++
	d := s.delay()
	s.due = now + int64(d)
	s.state = BackingOff
	text := fmt.Sprintf("%s: it is started again in %v", s.why(), d.Round(time.Millisecond))
	if s.mem.Restarts >= s.conf.Loop {
		s.state = CrashLoop
		text += fmt.Sprintf(" (crash loop: restart %d without %v of quiet)", s.mem.Restarts, s.conf.Quiet)
		s.mem.Loop = true
	}
	a.add(Say, text)
}

// again reports whether the policy wants another run, by rules 3, 4, 5 and 11.
func (s *Supervisor) again() bool {
	switch s.cause {
	case byVerdict, resumed, foundGone:
		return true
	case notReady, notStarted:
		return s.conf.Restart != Never
	}
	return s.conf.Restart == Always || s.conf.Restart == OnCrash && s.exit.Crash()
}

func (s *Supervisor) why() string {
	switch s.cause {
	case byVerdict, notReady, notStarted:
		return s.reason
	case resumed:
		return "it has been stopped"
	}
	return s.exit.String()
}

// delay is the wait before restart number mem.Restarts, by rule 7.
func (s *Supervisor) delay() time.Duration {
	most := s.conf.Base
	for n := 1; n < s.mem.Restarts && most < s.conf.Max; n++ {
		most *= 2
	}
	if most > s.conf.Max || most <= 0 {
		most = s.conf.Max
	}
	half := most / 2
	return half + time.Duration(mix(s.conf.Seed+uint64(s.mem.Total))%uint64(most-half+1))
}

// mix is the finaliser of splitmix64 (Steele, Lea, Flood, 2014): a bijection whose
// outcomes for numbers that follow each other have nothing to do with each other.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
