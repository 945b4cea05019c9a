package mimics

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// The twin decides from the whole log of a history, anew in each step and from the
// rules alone: it keeps no state but the log.

// given is an errand in the log, with all that was heard of it.
type given struct {
	id    uint64
	where event.Where
	step  int // in which it was given
	heard []heard
}

type heard struct {
	step int
	o    event.Outcome
}

// moment is a step in the log.
type moment struct {
	now, honest int64
	void        bool
	failures    []string
	marks       int64 // since when the program stands there, 0 if it does not
	findings    []event.Finding
	stuck       bool // that was told by then, and is not over
}

// history is the log of a subject: a sync that comes once a second.
type log struct {
	steps  []moment
	errand []*given
}

const (
	twinFloor = int64(500 * time.Millisecond)
	twinWait  = int64(300 * time.Millisecond)
	twinLong  = int64(10 * time.Second)
)

func (l *log) now() moment { return l.steps[len(l.steps)-1] }

// lastVoid is the last step whose interval did not count, 0 if all did.
func (l *log) lastVoid() (step int) {
	for i, m := range l.steps {
		if m.void {
			step = i
		}
	}
	return step
}

// newest returns what was heard last of the errands at a place: final says whether
// it is an end. ok is false if nothing was.
func (l *log) newest(where event.Where) (g *given, o event.Outcome, ok bool) {
	for _, e := range l.errand {
		if e.where == where && len(e.heard) > 0 {
			g, o, ok = e, e.heard[len(e.heard)-1].o, true
		}
	}
	return g, o, ok
}

func (l *log) age(g *given, o event.Outcome) int64 {
	age := l.now().honest - l.steps[g.step].honest
	if o.Took < age {
		return o.Took
	}
	return age
}

// usual is rule 5, of less than a hundred: how long those that have ended took at
// most, but for those that ended while it was told that it is stuck, or in which
// some time did not count.
func (l *log) usual() (longest int64) {
	for _, g := range l.errand {
		if g.where != event.Here || len(g.heard) == 0 {
			continue
		}
		h := g.heard[len(g.heard)-1]
		if h.o.End == event.Done && h.o.Took > longest && g.step >= l.voidBefore(h.step) && !l.steps[h.step-1].stuck {
			longest = h.o.Took
		}
	}
	return longest
}

// voidBefore is the last step up to one whose interval did not count.
func (l *log) voidBefore(step int) int {
	for ; step > 0; step-- {
		if step < len(l.steps) && l.steps[step].void {
			return step
		}
	}
	return 0
}

// control is rule 10: whether the helper can work, or cannot; it may be that neither
// is known, or that it could not be tried.
func (l *log) control() (good, bad, known bool) {
	g, o, ok := l.newest(event.Memory)
	if !ok {
		return false, false, false
	}
	switch {
	case o.End == event.Hangs:
		bad = l.age(g, o) >= twinFloor
		return false, bad, bad
	case o.End == event.Unable:
		return false, false, true
	}
	good = o.End == event.Done && o.Took < twinFloor
	return good, !good, true
}

// kernel is rule 12: what the readings of a hanging errand's thread, since the last
// void interval, come to.
func (l *log) kernel(g *given) (agrees, moves bool) {
	var readings []heard
	for _, h := range g.heard {
		if h.o.Thread != nil && h.step >= l.lastVoid() {
			readings = append(readings, h)
		}
	}
	if len(readings) == 0 {
		return false, false
	}
	at := func(i int) int64 { return l.steps[readings[i].step].honest }
	if readings[len(readings)-1].o.Thread.State == "R" {
		return false, true
	}
	stalled := int64(-1)
	for i := 1; i < len(readings); i++ {
		a, b := readings[i-1].o.Thread, readings[i].o.Thread
		if b.State == "R" {
			moves, stalled = true, -1
			if l.now().honest-at(i) >= 4*twinFloor {
				moves = false
			}
			continue
		}
		if a.Resource == nil || b.Resource == nil {
			stalled = -1
			continue
		}
		switch {
		case a.Resource.Completed != b.Resource.Completed:
			stalled = -1
			moves = l.now().honest-at(i) < 4*twinFloor
		case a.Resource.InFlight == 0 || b.Resource.InFlight == 0:
			stalled = -1
		case stalled < 0:
			stalled = at(i)
		}
	}
	if moves {
		return false, true
	}
	still := twinWait
	if r := readings[len(readings)-1].o.Thread.Resource; r != nil && r.Completed == 0 {
		still = 4 * twinFloor
	}
	return stalled >= 0 && at(len(readings)-1)-stalled >= still, false
}

// passed is rule 12: whether the program was lately seen to come out of the operation
// itself, in which it had been for longer than the floor.
func (l *log) passed(g *given) bool {
	inside := func(i int) int64 {
		if m := l.steps[i].marks; m > 0 && l.steps[i-1].now-m >= twinFloor {
			return m
		}
		return 0
	}
	for i := 2; i < len(l.steps); i++ {
		at := l.steps[i-1].honest
		if inside(i-1) != 0 && inside(i) != inside(i-1) && at > l.steps[g.step].honest && l.now().honest-at < 4*twinFloor {
			return true
		}
	}
	return false
}

// mayBeStuck is rule 15.
func (l *log) mayBeStuck() (bool, string) {
	g, o, ok := l.newest(event.Here)
	if !ok || o.End != event.Hangs {
		return false, "nothing hangs"
	}
	age := l.age(g, o)
	if age < 4*twinFloor || age < 10*l.usual()+twinWait {
		return false, "it is young"
	}
	if _, bad, _ := l.control(); bad {
		return false, "the helper does not work"
	}
	agrees, moves := l.kernel(g)
	if moves || l.passed(g) {
		return false, "it moves"
	}
	if agrees {
		return true, "the kernel agrees"
	}
	if since := l.now().marks; since > 0 && l.now().now-since >= 4*twinFloor {
		return true, "the program stands there"
	}
	for _, where := range []event.Where{event.Beside, event.Nearby} {
		if g, o, ok := l.newest(where); ok && o.End == event.Hangs && l.age(g, o) >= twinFloor+twinWait && age >= twinLong {
			if good, _, _ := l.control(); good {
				return true, "two places"
			}
		}
	}
	for _, m := range l.steps {
		for _, text := range m.failures {
			if m.honest >= l.steps[g.step].honest-2e9 && text == "i/o timeout" {
				return true, "the program timed out"
			}
		}
	}
	return false, "nothing agrees"
}

// mayBeWrong is rules 16 and 17: what an error is must have been met three times in a row
// over the window, with nothing else in between.
func (l *log) mayBeWrong(c event.Class) (bool, string) {
	if _, bad, _ := l.control(); bad {
		return false, "the helper does not work"
	}
	var ends []heard
	var first *given
	differs := 0
	for _, g := range l.errand {
		if g.where != event.Here || len(g.heard) == 0 {
			continue
		}
		h := g.heard[len(g.heard)-1]
		if h.o.End == event.Hangs {
			continue
		}
		if h.o.End == event.Differ && l.now().honest-l.steps[h.step].honest <= 600e9 {
			differs++
		}
		if len(ends) > 0 && (ends[0].o.End != h.o.End || ends[0].o.Errno != h.o.Errno) {
			ends, first = nil, nil
		}
		if first == nil {
			first = g
		}
		ends = append(ends, h)
	}
	if differs >= 2 {
		good, _, known := l.control()
		return known && (good || c != event.Proven), "it differed twice"
	}
	if len(ends) < 3 || ends[0].o.End != event.Failed {
		return false, fmt.Sprintf("it failed %d times in a row", len(ends))
	}
	if l.steps[ends[len(ends)-1].step].honest-l.steps[ends[0].step].honest < twinWait-int64(period) {
		return false, "the window is not over"
	}
	if ends[0].o.Errno == "EIO" {
		return true, "the error speaks for itself"
	}
	for _, where := range []event.Where{event.Beside, event.Nearby} {
		if _, o, ok := l.newest(where); ok && o.End == event.Failed && o.Errno == ends[0].o.Errno {
			return true, "another place agrees"
		}
	}
	for _, m := range l.steps {
		for _, text := range m.failures {
			if m.honest >= l.steps[first.step].honest-2e9 && text == "transport endpoint is not connected" {
				return true, "the program has met it"
			}
		}
	}
	return false, "nothing agrees"
}

// chance changes what the world does, at random.
func (w *world) chance(r *rand.Rand) {
	wheres := []event.Where{event.Here, event.Here, event.Here, event.Beside, event.Nearby, event.Memory}
	where := wheres[r.Intn(len(wheres))]
	key := "sync " + string(where)
	switch r.Intn(11) {
	case 0, 1, 2:
		w.does[key] = behaviour{end: event.Done, took: int64(r.Intn(900)) * 1e6}
	case 3, 4, 5:
		w.does[key] = behaviour{end: event.Hangs}
	case 6:
		w.does[key] = behaviour{end: event.Failed, errno: []string{"EIO", "ENOTCONN"}[r.Intn(2)], text: "no"}
	case 7:
		w.does[key] = behaviour{end: event.Differ, text: "byte 1"}
	case 8:
		w.does[key] = behaviour{end: event.Unable}
	case 9:
		delete(w.marks, "sync")
		if r.Intn(2) == 0 {
			w.marks["sync"] = event.Goroutine{ID: 7, Records: []event.Record{{Site: siteOf("sync"), Seq: 1, Since: w.now}}}
		}
	case 10:
		w.failure("sync", []string{"i/o timeout", "transport endpoint is not connected", "other"}[r.Intn(3)])
	}
	switch r.Intn(4) {
	case 0:
		delete(w.kernel, "sync here")
	case 1:
		w.kernel["sync here"] = event.Resource{Kind: event.OnDevice, Name: "block device 8:1", InFlight: uint64(r.Intn(3))}
	case 2:
		w.kernel["sync here"] = event.Resource{Kind: event.OnDevice, Name: "running"}
	}
}

// play has a random history of a subject pass, and calls f after each step.
func (l *log) play(seed int64, seconds int, f func(a Actions)) {
	r := rand.New(rand.NewSource(seed))
	w := newWorld(Config{})
	w.add("sync", "run", event.Mimic{Deed: event.DoSync, Path: "/data/wal/1", FD: -1})
	by := map[uint64]*given{}
	l.steps = append(l.steps, moment{})
	honest := int64(0)
	calm := 0
	for i := 0; i < 10*seconds; i++ {
		if calm--; calm < 0 {
			w.chance(r)
			calm = r.Intn(40)
		}
		if res, ok := w.kernel["sync here"]; ok && r.Intn(5) == 0 && seed%2 == 0 {
			res.Completed++
			w.kernel["sync here"] = res
		}
		m := moment{}
		d := period
		if r.Intn(150) == 0 {
			d, w.late, m.void = 5e9, 5e9-period, true
		}
		for _, one := range w.fails {
			m.failures = append(m.failures, one.Err)
		}
		if g, ok := w.marks["sync"]; ok {
			m.marks = g.Records[0].Since
		}
		w.now += d - period // so that tick passes d in all
		step := len(l.steps)
		w.hears = func(all []event.Outcome) {
			for _, o := range all {
				if g := by[o.ID]; g != nil {
					g.heard = append(g.heard, heard{step, o})
				}
			}
		}
		a := w.tick(period)
		if i > 0 && !m.void {
			honest += d
		}
		m.now, m.honest, m.findings = w.now, honest, a.Findings
		l.steps = append(l.steps, m)
		for _, e := range a.Errands {
			g := &given{id: e.ID, where: e.Where, step: step}
			by[e.ID] = g
			l.errand = append(l.errand, g)
		}
		l.steps[step].stuck = l.steps[step-1].stuck
		f(a)
	}
}

// TestTwin holds what is told in random histories against the rules: what takes an
// action must follow from the log, and what has followed for long must be told.
func TestTwin(t *testing.T) {
	var stuck, wrong int
	for seed := int64(0); seed < 120; seed++ {
		l := &log{}
		open := false      // something that takes an action is told and not over
		since := int64(-1) // since when the twin says that something must be told
		l.play(seed, 50, func(a Actions) {
			for _, f := range a.Findings {
				switch f.Verdict {
				case event.Stuck:
					stuck++
					if ok, why := l.mayBeStuck(); !ok {
						t.Fatalf("seed %d: at %.1f: %s\n%s", seed, float64(f.At)/1e9, why, told(f))
					}
					open = true
					l.steps[len(l.steps)-1].stuck = true
				case event.Wrong:
					wrong++
					if ok, why := l.mayBeWrong(f.Class); !ok {
						t.Fatalf("seed %d: at %.1f: %s\n%s", seed, float64(f.At)/1e9, why, told(f))
					}
					open = true
				case event.Working:
					open = false
					l.steps[len(l.steps)-1].stuck = false
				case event.Unknown:
					open = open && f.Episode != 0 && !over(f)
				}
			}
			must, why := l.mayBeStuck()
			if !must {
				must, why = l.mayBeWrong(event.Inferred)
				_, o, _ := l.newest(event.Here)
				if _, _, known := l.control(); !known || o.End != event.Differ && (o.End != event.Failed || why == "it differed twice") {
					must = false
				}
			}
			if !must || open || l.now().void {
				since = -1
				return
			}
			if since < 0 {
				since = l.now().honest
			}
			if l.now().honest-since > 4e9 {
				t.Fatalf("seed %d: at %.1f: for four seconds nothing was told although %s", seed, float64(l.now().now)/1e9, why)
			}
		})
	}
	if stuck < 10 || wrong < 20 {
		t.Errorf("%d stuck and %d wrong in all histories: they show nothing", stuck, wrong)
	}
	t.Logf("%d stuck, %d wrong", stuck, wrong)
}

// over reports whether a finding of unknown ends an episode.
func over(f event.Finding) bool { return f.Refuted == "it can be tried again" }
