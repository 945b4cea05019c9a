package pause

import (
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

const msNS = int64(time.Millisecond)

// story is a gap of 200 ms, and what is different before and after it.
type story struct {
	name string
	gap  func(*Gap)
	then func(*Reading)
	want Kind
	more bool
	says string // in what speaks for it
}

// scene returns the readings of a quiet program on two processors: it ticks every
// 50 ms, is late by 200 ms, and a reading was made 300 ms before.
func scene() (g Gap, earlier, before, after Reading) {
	at := func(ms int64) Reading {
		r := Reading{Mono: (1000 + ms) * msNS, Boot: (5000 + ms) * msNS, Threads: []Thread{{10, 0}, {11, 0}, {12, 0}}}
		return r
	}
	earlier, before, after = at(0), at(500), at(1012)
	g = Gap{From: 1750 * msNS, Due: 1800 * msNS, Until: 2000 * msNS, RanNS: 0}
	return g, earlier, before, after
}

func TestName(t *testing.T) {
	same := func(*Gap) {}
	for _, s := range []story{
		{"nothing is counted", same, func(r *Reading) {}, Unknown, true, "it used 0s of processor time"},
		{"the machine slept", func(g *Gap) { g.Suspended, g.Until = time.Hour, g.Due }, func(r *Reading) { r.Continued++ }, Suspended, false, "CLOCK_BOOTTIME went on by 1h0m0s"},
		{"SIGCONT", same, func(r *Reading) { r.Continued++ }, Stopped, false, "SIGCONT came"},
		{"SIGCONT, and it was busy until the stop", func(g *Gap) { g.RanNS = 100 * msNS }, func(r *Reading) { r.Continued++ }, Stopped, false, "SIGCONT came"},
		{"SIGCONT to a program that ran", func(g *Gap) { g.RanNS = 400 * msNS }, func(r *Reading) { r.Continued++ }, Late, false, "the process used 320ms"},
		{"the freezer's files", same, func(r *Reading) { r.Notices += 2 }, Frozen, false, "freezer"},
		{"the freezer's count", same, func(r *Reading) { r.FrozenNS += 200 * msNS }, Frozen, false, "frozen for 200ms"},
		{"the freezer and SIGCONT", same, func(r *Reading) { r.Notices++; r.Continued++ }, Unknown, true, "SIGCONT came, and the freezer"},
		{"quota", func(g *Gap) { g.RanNS = 40 * msNS }, func(r *Reading) { r.ThrottledNS += 150 * msNS; wait(r, 200) }, Throttled, false, "quota"},
		{"little of the quota", same, func(r *Reading) { r.ThrottledNS += 50 * msNS; wait(r, 180) }, Starved, false, "no processor for 180ms"},
		{"a disk that stands", same, func(r *Reading) { r.Faults++; r.ReadBytes += 4096; r.IONS += 200 * msNS }, Disk, false, "1 major page faults"},
		{"a fault that was not counted", same, func(r *Reading) { r.ReadBytes += 4096; r.IONS += 200 * msNS }, Disk, false, "4096 bytes read from storage"},
		{"a slow disk", same, func(r *Reading) { r.Faults += 20; r.ReadBytes += 4096; r.IONS += 200 * msNS }, Faulting, false, "20 major page faults"},
		{"faults that do not wait", same, func(r *Reading) { r.Faults += 20; r.IONS += 10 * msNS }, Unknown, true, "20 major page faults"},
		{"I/O of others", same, func(r *Reading) { r.IONS += 200 * msNS }, Unknown, true, "waited for I/O for 200ms"},
		{"faults of a program that is starved", same, func(r *Reading) { r.Faults++; r.IONS += 200 * msNS; wait(r, 190) }, Starved, false, ""},
		{"swap", same, func(r *Reading) { r.Faults += 6000; r.SwapIns += 6000 }, Swapping, false, "6000 pages from swap"},
		{"swap on a slow disk", same, func(r *Reading) { r.Faults += 40; r.SwapIns += 40; r.IONS += 150 * msNS }, Swapping, false, ""},
		{"the collector", same, func(r *Reading) { r.GCStopNS += 200 * msNS; r.GCStops++ }, GCStop, false, "stopped for 200ms"},
		{"all stacks", func(g *Gap) { g.RanNS = 200 * msNS }, func(r *Reading) { r.WorldStopNS += 190 * msNS }, World, false, "stopped for 190ms"},
		{"the collector, who is starved", same, func(r *Reading) { r.GCStopNS += 200 * msNS; wait(r, 190) }, Starved, false, ""},
		{"steal", same, func(r *Reading) { r.StealNS += 190 * msNS }, Stolen, false, "the hypervisor took 190ms"},
		{"steal from somebody else", func(g *Gap) { g.RanNS = 450 * msNS }, func(r *Reading) { r.StealNS += 190 * msNS }, Late, false, ""},
		{"hogs", same, func(r *Reading) { wait(r, 190) }, Starved, false, "no processor for 190ms"},
		{"a new thread that waits", same, func(r *Reading) { r.Threads = append(r.Threads, Thread{99, 190 * msNS}) }, Starved, false, ""},
		{"own goroutines", func(g *Gap) { g.RanNS = 450 * msNS }, func(r *Reading) {}, Late, false, "processor time"},
		{"own goroutines, half starved", func(g *Gap) { g.RanNS = 260 * msNS }, func(r *Reading) { wait(r, 150) }, Late, false, ""},
		{"a collection under way", func(g *Gap) { g.RanNS = 450 * msNS }, func(r *Reading) { r.GCStops, r.Marking = r.GCStops+1, true }, Late, true, ""},
		{"a collection that has ended", func(g *Gap) { g.RanNS = 450 * msNS }, func(r *Reading) { r.GCStops, r.Cycles, r.GCNS = r.GCStops+2, r.Cycles+1, 300*msNS }, GCWork, false, "the collector had 300ms"},
		{"a collection that was small", func(g *Gap) { g.RanNS = 450 * msNS }, func(r *Reading) { r.GCStops, r.Cycles, r.GCNS = r.GCStops+2, r.Cycles+1, 20*msNS }, Late, false, ""},
		{"nothing is known", func(g *Gap) { g.RanNS = -1 }, func(r *Reading) { *r = Nothing(); r.Mono = 2012 * msNS }, Unknown, true, ""},
	} {
		g, earlier, before, after := scene()
		s.gap(&g)
		s.then(&after)
		p, more := Name(g, earlier, before, after, 2)
		if p.Kind != s.want || more != s.more {
			t.Errorf("%s: %s (%s), more %v, want %s, %v", s.name, p.Kind, p.What, more, s.want, s.more)
		}
		if text := evidence(p); !strings.Contains(text, s.says) {
			t.Errorf("%s: the evidence is %q, want %q in it", s.name, text, s.says)
		}
		if p.What == "" || p.Refuted == "" || len(p.Evidence) == 0 || p.Until != g.Until || p.Length != g.Length() {
			t.Errorf("%s: incomplete: %+v", s.name, p)
		}
	}
}

// wait has a thread wait for a processor for some milliseconds.
func wait(r *Reading, ms int64) {
	r.Threads = append([]Thread(nil), r.Threads...)
	r.Threads[1].WaitedNS += ms * msNS
}

func evidence(p Pause) string {
	var all []string
	for _, e := range p.Evidence {
		all = append(all, e.Text)
	}
	return strings.Join(all, "; ")
}

// What a busy machine counts all the time explains no gap.
func TestNameTakesOffWhatIsUsual(t *testing.T) {
	g, earlier, before, after := scene()
	usually := func(r *Reading, ms int64) {
		r.Threads = append([]Thread(nil), r.Threads...)
		r.Threads[0].WaitedNS = ms * msNS / 2
		r.IONS, r.StealNS = ms*msNS, ms*msNS/2
	}
	usually(&before, 500)
	usually(&after, 812) // of 312 ms beside the gap
	if p, _ := Name(g, earlier, before, after, 2); p.Kind != Unknown {
		t.Errorf("%s: %s: %s", p.Kind, p.What, evidence(p))
	}
	wait(&after, 180)
	if p, _ := Name(g, earlier, before, after, 2); p.Kind != Starved {
		t.Errorf("with 180 ms more: %s: %s", p.Kind, p.What)
	}
}

func TestFindings(t *testing.T) {
	for k, want := range map[Kind]event.Class{Stopped: event.Proven, Frozen: event.Inferred, Unknown: event.Undecided} {
		if f := (Pause{Kind: k}).Finding(); f.Class != want || f.Verdict != event.Paused {
			t.Errorf("%s is told as %s, %s", k, f.Verdict, f.Class)
		}
	}
	if f := (Pause{Kind: Late}).Finding(); f.Verdict != event.Starved || Late.Pauses() {
		t.Errorf("a late observer is told as %s", f.Verdict)
	}
}

// Both clocks are mocks here: no test can suspend the machine.
func TestClocks(t *testing.T) {
	c := Clocks{Least: 10 * time.Millisecond}
	const tick = 50
	for i, s := range []struct {
		mono, boot int64 // ms
		want       time.Duration
		suspended  bool
	}{
		{1000, 9000, 0, false},
		{1050, 9050, 0, false},
		{1109, 9109, 0, false}, // 9 ms late
		{1170, 9170, 11 * time.Millisecond, false},
		{1220, 9220, 0, false},
		{1470, 9470, 200 * time.Millisecond, false},
		{1520, 3609520, time.Hour, true},        // the lid was closed
		{1570, 3609570, 0, false},               // and is open
		{1900, 3619900, 10 * time.Second, true}, // late and asleep: the sleep explains it
		{1950, 3619955, 0, false},               // 5 ms apart: no machine sleeps that short
		{2000, 3619990, 0, false},               // boot time behind: never, and nothing follows
		{1990, 3619980, 0, false},               // backwards: never
		{2040, 3620030, 0, false},               //
	} {
		g, ok := c.Tick(s.mono*msNS, s.boot*msNS, -1, (s.mono+tick)*msNS)
		got := time.Duration(0)
		if ok {
			got = g.Length()
		}
		if got != s.want || (g.Suspended > 0) != s.suspended {
			t.Errorf("tick %d: a gap of %v, suspended %v, want %v, %v", i, got, g.Suspended, s.want, s.suspended)
		}
	}
}

// Whatever is read, an answer has its evidence, is of a length, and never says more
// than was read: kinds whose trace is missing are not named.
func TestNameOfAnything(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	seen := map[Kind]int{}
	for i := 0; i < 30000; i++ {
		g, earlier, before, after := scene()
		some := func() int64 {
			if r.Intn(2) == 0 {
				return 0
			}
			return r.Int63n(400 * msNS)
		}
		g.RanNS = some()
		for _, f := range []*int64{&after.ThrottledNS, &after.FrozenNS, &after.IONS, &after.StealNS, &after.GCStopNS, &after.WorldStopNS, &after.GCNS} {
			*f = some()
		}
		for _, f := range []*int64{&after.Notices, &after.Continued, &after.Faults, &after.AllFaults, &after.SwapIns, &after.ReadBytes, &after.GCStops, &after.Cycles} {
			if r.Intn(3) == 0 {
				*f = r.Int63n(3)
			}
		}
		wait(&after, r.Int63n(400)*int64(r.Intn(2)))
		p, _ := Name(g, earlier, before, after, 1+r.Intn(4))
		seen[p.Kind]++
		missing := map[Kind]bool{
			Suspended: true, Stopped: after.Continued == 0 || after.Notices > 0, Frozen: after.Continued > 0 || after.Notices == 0 && after.FrozenNS < 100*msNS,
			Throttled: after.ThrottledNS < 100*msNS, Swapping: after.SwapIns == 0 || after.Faults == 0,
			Faulting: after.IONS < 100*msNS, Disk: after.IONS < 100*msNS || after.Faults == 0 && after.ReadBytes == 0,
			GCStop: after.GCStopNS < 100*msNS, World: after.WorldStopNS < 100*msNS, Stolen: after.StealNS < 100*msNS,
			Starved: after.Threads[1].WaitedNS < 100*msNS, GCWork: after.GCNS == 0, Late: g.RanNS < 100*msNS,
		}
		if missing[p.Kind] || len(p.Evidence) == 0 {
			t.Fatalf("%s is named by gap %+v and reading %+v: %s", p.Kind, g, after, evidence(p))
		}
	}
	for _, k := range []Kind{Stopped, Frozen, Throttled, Swapping, Disk, GCStop, World, Stolen, Starved, GCWork, Late, Unknown} {
		if seen[k] == 0 {
			t.Errorf("%s was never named: %v", k, seen)
		}
	}
}

func TestPhase(t *testing.T) {
	var p phase
	for i, s := range []struct {
		stops, cycles int64
		want          bool
	}{{0, 0, false}, {1, 0, true}, {2, 1, false}, {3, 1, true}, {6, 3, false}, {7, 3, true}, {9, 4, true} /* stopped once more to end */, {-1, 4, false}} {
		if got := p.marking(s.stops, s.cycles); got != s.want {
			t.Errorf("reading %d, %d stops in %d cycles: marking %v, want %v", i, s.stops, s.cycles, got, s.want)
		}
	}
	for i := int64(0); i < 40; i++ {
		p.marking(9+2*i, 4+i)
	}
	if p.marking(99, 49) {
		t.Error("a stop too many is taken for a collection for ever")
	}
}
