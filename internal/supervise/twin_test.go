package supervise

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// entry is a step as it stands in the log.
type entry struct {
	now    int64
	events []Event
	do     []Act
	meant  int64 // when it was to come at the latest, by the step before
}

// twin holds a log to the rules, one after the other, looking at the whole of it for
// each. It keeps no state and shares no code with the Supervisor but the words.
type twin struct {
	conf Config
	log  []entry
}

// each calls f for every event and act up to step n, in order.
func (w twin) each(n int, event func(int64, Event), act func(int64, Act)) {
	for _, e := range w.log[:n+1] {
		for _, ev := range e.events {
			if event != nil {
				event(e.now, ev)
			}
		}
		for _, a := range e.do {
			if act != nil {
				act(e.now, a)
			}
		}
	}
}

// alive says whether, after step n, something may be there: rule 1.
func (w twin) alive(n int) bool {
	there := true // until somebody has said otherwise
	main := false
	for _, e := range w.log[:n+1] {
		for _, ev := range e.events {
			switch ev.Kind {
			case Vacant:
				there = false
			case Adopted, Started:
				there, main = true, true
			case StartFailed:
				if !main {
					there = false
				}
			case Exited:
				main = false
			case Gone:
				if !main {
					there = false
				}
			}
		}
		for _, a := range e.do {
			if a.Deed == Start {
				there = true
			}
		}
	}
	return there
}

// last is when deed d was done last in the run that step n belongs to, -1 if it was
// not.
func (w twin) last(n int, is func(Act) bool) int64 {
	at := int64(-1)
	for _, e := range w.log[:n] {
		for _, a := range e.do {
			switch {
			case a.Deed == Start:
				at = -1
			case is(a):
				at = e.now
			}
		}
	}
	return at
}

func isSend(signals ...Signal) func(Act) bool {
	return func(a Act) bool {
		for _, s := range signals {
			if a.Deed == Send && a.Signal == s {
				return true
			}
		}
		return false
	}
}

// running says whether the main program was there before the acts of step n.
func (w twin) running(n int) bool {
	there := false
	for _, e := range w.log[:n+1] {
		for _, ev := range e.events {
			switch ev.Kind {
			case Adopted, Started:
				there = true
			case Exited:
				there = false
			}
		}
	}
	return there
}

func (w twin) stopped(n int) bool {
	stopped := false
	w.each(n, func(_ int64, e Event) { stopped = stopped || e.Kind == StopAsked }, nil)
	return stopped
}

// check holds step n to the rules.
func (w twin) check(n int) error {
	e := w.log[n]
	for i, a := range e.do {
		switch a.Deed {
		case Start:
			if w.stopped(n) {
				return fmt.Errorf("started after the user's stop (rule 10)")
			}
			before := twin{w.conf, append(append([]entry(nil), w.log[:n]...), entry{now: e.now, events: e.events, do: e.do[:i]})}
			if before.alive(n) {
				return fmt.Errorf("started while something is left (rule 1)")
			}
			if err := w.waited(n); err != nil {
				return err
			}
		case Kill:
			term, quit := w.last(n, isSend(Terminate, Interrupt)), w.last(n, isSend(Quit))
			if w.running(n) && (term < 0 || quit < 0 || quit-term < int64(w.conf.Grace) || e.now-quit < int64(w.conf.QuitGrace)) {
				return fmt.Errorf("SIGKILL before the ladder's time: SIGTERM %d, SIGQUIT %d (rule 6)", term, quit)
			}
		case Send:
			if err := w.reason(n, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// waited holds a start to rule 7.
func (w twin) waited(n int) error {
	over, restarts := int64(-1), 0
	up, main := int64(-1), false
	seen, halted, left, ended := false, false, true, false
	for _, e := range w.log[:n] {
		for _, ev := range e.events {
			switch ev.Kind {
			case Started, Adopted:
				main = true
				if ev.Kind == Adopted {
					up, seen = ev.Since, true
				}
			case StartFailed, Gone:
				if !main && left && (ended || ev.Kind == StartFailed) { // a Gone of what has not begun is a driver's slip
					over, left = e.now, false
				}
			case Exited:
				main, ended = false, true
			}
		}
		for _, a := range e.do {
			halted = halted || a.Deed == Send || a.Deed == Kill
			if a.Deed == Start {
				up, halted, left, ended = e.now, false, true, false
				if seen {
					restarts++
				}
				seen = true
			}
		}
		// Up for the quiet time, as a step has seen it: what was before is forgotten.
		if main && !halted && up >= 0 && e.now-up >= int64(w.conf.Quiet) && !w.conf.Readiness {
			restarts, seen = 0, true
		}
	}
	if !seen || over < 0 {
		return nil // the first one
	}
	if w.conf.Readiness {
		return nil // whether it was up is another matter: the scenarios have it
	}
	most := w.conf.Max
	if restarts < 40 && w.conf.Base<<restarts < most && w.conf.Base<<restarts > 0 {
		most = w.conf.Base << restarts
	}
	took := w.log[n].now - over
	if took < int64(most/2) {
		return fmt.Errorf("restart %d after %v, want at least %v (rule 7)", restarts+1, time.Duration(took), most/2)
	}
	if meant := w.log[n].meant; meant != 0 && meant-over > int64(most) {
		return fmt.Errorf("restart %d was meant after %v, want at most %v (rule 7)", restarts+1, time.Duration(meant-over), most)
	}
	return nil
}

// reason holds a signal to the rules: somebody must have wanted it.
func (w twin) reason(n int, a Act) error {
	e := w.log[n]
	if a.Signal == Quit {
		if term := w.last(n, isSend(Terminate, Interrupt)); term < 0 || e.now-term < int64(w.conf.Grace) {
			return fmt.Errorf("SIGQUIT before the grace was over (rule 6)")
		}
		return nil
	}
	if w.stopped(n) {
		return nil
	}
	// Nobody asked: then a named finding, a deadline, or an earlier supervisor's stop.
	why := false
	stands := map[uint64]int64{}
	for _, e := range w.log[:n+1] {
		for _, a := range e.do {
			if a.Deed == Start {
				why, stands = false, map[uint64]int64{}
			}
		}
		for _, ev := range e.events {
			switch {
			case ev.Kind == Adopted && ev.Halfway:
				why = true
			case ev.Kind != Judged:
			case ev.Verdict == event.Stuck && ev.Class == event.Proven && w.conf.On.Stuck,
				ev.Verdict == event.Vanished && ev.Class == event.Proven && w.conf.On.Vanished:
				why = true
			case ev.Verdict == event.Stuck && ev.Class != event.Undecided && ev.Sources >= 2 && w.conf.On.Inferred:
				if _, ok := stands[ev.Episode]; !ok {
					stands[ev.Episode] = e.now
				}
			case ev.Verdict == event.Stuck, ev.Verdict == event.Working:
				delete(stands, ev.Episode)
			}
		}
	}
	for _, since := range stands {
		why = why || e.now-since >= int64(w.conf.Budget)
	}
	if w.conf.Readiness && w.conf.Deadline > 0 && w.conf.Restart != Never {
		why = why || w.lateStart(n)
	}
	if !why {
		return fmt.Errorf("%s without a reason (rules 4 and 5)", a.Signal)
	}
	return nil
}

// lateStart says whether a start has had its time.
func (w twin) lateStart(n int) bool {
	at := int64(0)
	w.each(n, func(now int64, e Event) {
		if e.Kind == Adopted {
			at = now
		}
	}, func(now int64, a Act) {
		if a.Deed == Start {
			at = now
		}
	})
	return w.log[n].now-at >= int64(w.conf.Deadline)
}

// drive gives a supervisor a random life: mostly what a driver would say, sometimes
// what it would not.
func drive(t *testing.T, next func(n int) int, steps int) {
	policies := []Policy{Never, OnCrash, Always}
	c := Config{
		Restart: policies[next(3)], On: Verdicts{Stuck: next(2) == 0, Inferred: next(2) == 0, Vanished: next(2) == 0},
		Readiness: next(2) == 0, Deadline: time.Duration(next(3)) * 2 * time.Second, Loop: 1 + next(4),
		Quiet: time.Duration(1+next(30)) * time.Second, Seed: uint64(next(1000)),
	}.filled()
	s := New(c, Memory{})
	w := twin{conf: c}
	now, meant := int64(next(1000)), int64(0)
	kinds := []Kind{Vacant, Left, Adopted}
	pid := 0
	for i := 0; i < steps; i++ {
		var events []Event
		switch {
		case i == 0:
			events = []Event{{Kind: kinds[next(3)], PID: 1, Since: now, Halfway: next(3) == 0, Ready: next(2) == 0}}
		case meant != 0 && next(3) > 0:
			now = meant + int64(next(5))*int64(50*time.Millisecond)
		default:
			now += int64(next(2000)) * int64(time.Millisecond)
			events = []Event{random(next, s, &pid)}
		}
		a := s.Step(now, events...)
		w.log = append(w.log, entry{now: now, events: events, do: a.Do, meant: meant})
		meant = a.Next
		if err := w.check(len(w.log) - 1); err != nil {
			t.Fatalf("%+v: step %d at %v, %+v → %+v: %v\n%+v", c, i, time.Duration(now), events, a.Do, err, w.log)
		}
		if err := progress(s, a); err != nil {
			t.Fatalf("step %d, %v", i, err)
		}
	}
}

// progress says what must be so after any step: nothing waits for ever but for what
// it names.
func progress(s *Supervisor, a Actions) error {
	switch st := s.State(); st {
	case BackingOff, CrashLoop, Halting, Clearing:
		if a.Next == 0 {
			return fmt.Errorf("%s, and nothing will ever be done", st)
		}
	case Ended:
		if a.Next != 0 {
			return fmt.Errorf("ended, but something is due")
		}
	}
	return nil
}

func random(next func(int) int, s *Supervisor, pid *int) Event {
	if s.State() == Starting && next(2) == 0 {
		if *pid++; next(4) == 0 {
			return Event{Kind: StartFailed, Text: "no"}
		}
		return Event{Kind: Started, PID: *pid}
	}
	kind := next(12)
	if s.State() == Starting && s.pid == 0 && kind < 5 {
		kind = 8 // what has not begun does not end
	}
	switch kind {
	case 0, 1:
		return Event{Kind: Exited, Exit: Exit{Known: next(4) > 0, Status: next(2), Signal: next(2) * (1 + next(15))}}
	case 2, 3, 4:
		return Event{Kind: Gone}
	case 5:
		return Event{Kind: IsReady}
	case 6:
		return Event{Kind: Extend, For: time.Duration(next(5)) * time.Second}
	case 7:
		if next(6) == 0 {
			return Event{Kind: StopAsked, Signal: Terminate}
		}
		if s.pid != 0 {
			return Event{Kind: Started, PID: 99} // a second time
		}
		return Event{Kind: IsReady}
	}
	verdicts := []event.Verdict{event.Stuck, event.Stuck, event.Stuck, event.Vanished, event.Working, event.Slow, event.Unknown, event.Starved, event.Paused, event.Crashed, event.Wrong}
	classes := []event.Class{event.Proven, event.Inferred, event.Inferred, event.Undecided}
	return Event{Kind: Judged, Verdict: verdicts[next(len(verdicts))], Class: classes[next(4)], Episode: uint64(next(3)), Sources: next(4), Text: "it"}
}

// The supervisor keeps its rules in ten thousand random lives. In an event that a
// driver would not send (a second Started, Gone before Exited) too.
func TestTwin(t *testing.T) {
	lives := 10000
	if testing.Short() {
		lives = 1000
	}
	for seed := 0; seed < lives; seed++ {
		r := rand.New(rand.NewSource(int64(seed)))
		drive(t, r.Intn, 60)
	}
}

func FuzzStep(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		drive(t, func(n int) int {
			if len(data) == 0 {
				return 0
			}
			b := int(data[0])
			data = data[1:]
			if n > 256 && len(data) > 0 {
				b = b<<8 | int(data[0])
				data = data[1:]
			}
			return b % n
		}, min(len(data)/3, 100))
	})
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// Waits before restarts are within their bounds, and not all alike.
func TestBackOff(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := uint64(0); seed < 200; seed++ {
		s := New(Config{Base: 100 * time.Millisecond, Max: 10 * time.Second, Seed: seed}, Memory{})
		for n := 1; n < 100; n++ {
			s.mem.Restarts++
			s.mem.Total++
			most := 10 * time.Second
			if n < 8 && 100*time.Millisecond<<(n-1) < most {
				most = 100 * time.Millisecond << (n - 1)
			}
			d := s.delay()
			if d < most/2 || d > most {
				t.Fatalf("restart %d waits %v, want %v to %v", n, d, most/2, most)
			}
			if n == 50 {
				seen[d] = true
			}
		}
	}
	if len(seen) < 190 {
		t.Errorf("200 seeds have %d waits", len(seen))
	}
}

// What the promises forbid: no verdict but a named, certain one does anything.
func TestOtherVerdictsDoNothing(t *testing.T) {
	for _, v := range []event.Verdict{event.Working, event.Idle, event.Slow, event.Spinning, event.Starved, event.Paused, event.Crashed, event.Wrong, event.Unknown} {
		for _, c := range []event.Class{event.Proven, event.Inferred, event.Undecided} {
			s := New(Config{Restart: Always, On: Verdicts{Stuck: true, Inferred: true, Vanished: true}}, Memory{})
			s.Step(0, Event{Kind: Vacant})
			s.Step(0, Event{Kind: Started, PID: 1})
			for now := int64(0); now < int64(time.Hour); now += int64(time.Minute) {
				if a := s.Step(now, Event{Kind: Judged, Verdict: v, Class: c, Episode: 1, Sources: 5}); len(a.Do) > 0 || !s.Alive(now) {
					t.Fatalf("%s %s: %+v", v, c, a.Do)
				}
			}
		}
	}
}

func TestSources(t *testing.T) {
	for _, test := range []struct {
		sources []event.Source
		want    int
	}{
		{nil, 0}, {[]event.Source{event.Marks, event.Runtime, event.Marks}, 1}, {[]event.Source{event.Watcher}, 0},
		{[]event.Source{event.Runtime, event.Kernel}, 2}, {[]event.Source{event.Marks, event.Kernel, event.Mimics}, 3},
	} {
		var e []event.Evidence
		for _, s := range test.sources {
			e = append(e, event.Evidence{Source: s})
		}
		if got := Sources(e); got != test.want {
			t.Errorf("%v: %d independent sources, want %d", test.sources, got, test.want)
		}
	}
}
