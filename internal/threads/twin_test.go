package threads

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// TestTwin holds the ends of waits against a naive reckoning of the same thing, on
// random worlds in which every thread waits for a mutex of another, for one of a
// thread that is no more, for work, or works. All have stood for long enough.
func TestTwin(t *testing.T) {
	for seed := int64(0); seed < 400; seed++ {
		r := rand.New(rand.NewSource(seed))
		n := 1 + r.Intn(8)
		waits := make([]int, n) // for which thread; n: one that is gone; -1: work; -2: nothing, it works
		for i := range waits {
			waits[i] = r.Intn(n+3) - 2
		}
		p := newPlayer()
		for i, to := range waits {
			a := p.actor(fmt.Sprint(100 + i))
			a.State = "S"
			switch {
			case to == -2:
				a.share, a.sleeps = 1, true
			case to == -1:
				a.Resource = &event.Resource{Kind: event.OnWork, Name: "work"}
			case to == n:
				a.Resource = &event.Resource{Kind: event.OnMutex, Name: fmt.Sprint("mutex of ", to), Holders: []event.Task{{PID: 1, TID: 99, State: "gone"}}}
			default:
				a.Resource = &event.Resource{Kind: event.OnMutex, Name: fmt.Sprint("mutex of ", to), Holders: []event.Task{{PID: 1, TID: 100 + to, State: "S"}}}
			}
		}
		p.run("3")
		for i, s := range p.judge.Standings() {
			if got, want := s.Verdict == event.Stuck, naivelyStuck(waits, i); got != want || got && s.Class != event.Proven {
				t.Fatalf("seed %d: waits %v: thread %d: %s, %s: %s; naively stuck: %v", seed, waits, i, s.Verdict, s.Class, s.What, want)
			}
		}
	}
}

// naivelyStuck follows the waits of thread i for longer than there are threads.
func naivelyStuck(waits []int, i int) bool {
	for step := 0; step <= len(waits); step++ {
		if i = waits[i]; i < 0 {
			return false
		} else if i == len(waits) {
			return true
		}
	}
	return true
}

// TestSlowIsNeverStuck has what is waited for answer at random times, always
// before the budget is up: whatever else, nobody is stuck.
func TestSlowIsNeverStuck(t *testing.T) {
	for seed := int64(0); seed < 40; seed++ {
		r := rand.New(rand.NewSource(seed))
		p := newPlayer()
		a := p.actor("100")
		a.State, a.Call = "D", "write"
		a.Resource = &event.Resource{Kind: event.OnDevice, Name: "block device 7:0", InFlight: 1}
		for at := 0.5; at < 60; at += 0.25 + 1.25*r.Float64() {
			p.run(fmt.Sprint(at))
			next := *a.Resource
			next.Completed++
			next.InFlight = uint64(r.Intn(3))
			a.Resource = &next
			if r.Intn(20) == 0 {
				a.share, a.sleeps = int64(r.Intn(2)), true
			}
		}
		for _, f := range p.found {
			if f.Verdict != event.Slow && f.Verdict != event.Unknown {
				t.Fatalf("seed %d: %s: %s", seed, f.Verdict, f.What)
			}
		}
	}
}

// TestWhoseRunningCounts: a lock gets on while its holder runs; a page does not,
// though the process that has to fill it runs.
func TestWhoseRunningCounts(t *testing.T) {
	for kind, want := range map[event.ResourceKind]bool{event.OnLockFile: true, event.OnChild: true, event.OnPipe: true, event.OnPage: false, event.OnFUSE: false} {
		reading := func(ran int64) *event.Resource {
			return &event.Resource{Kind: kind, Name: "it", InFlight: 1, Holders: []event.Task{{PID: 9, State: "S", RanNS: ran}}}
		}
		k := &task{}
		k.seeResource(true, reading(1), reading(2), 1)
		if k.gotOn != want {
			t.Errorf("%s in the hands of one that runs gets on: %v, want %v", kind, k.gotOn, want)
		}
	}
}

// TestStandingIsNotWorking has a thread run and stand in turn, while the watcher
// misses time again and again: one that has not moved for the floor is never said
// to work, and one that was stuck is not said to go on.
func TestStandingIsNotWorking(t *testing.T) {
	for seed := int64(0); seed < 100; seed++ {
		r := rand.New(rand.NewSource(seed))
		p := newPlayer()
		a := p.actor("100")
		a.State, a.sleeps = "S", true
		a.Resource = &event.Resource{Kind: event.OnPage, Name: "a page", InFlight: 1}
		moved, told := int64(0), int64(0)
		for round := 0; round < 200; round++ {
			p.now += period
			if r.Intn(8) == 0 {
				p.now += int64(r.Intn(5)) * 1_000_000_000
				p.epoch++
			} else {
				p.honest += period
			}
			if a.share = 0; r.Intn(40) == 0 {
				a.share, moved = 1, p.now
			}
			p.round()
			for _, s := range p.judge.Standings() {
				if s.Verdict == event.Working && p.now-moved >= int64(500*time.Millisecond) {
					t.Fatalf("seed %d, round %d: it has not moved for %v: %s", seed, round, time.Duration(p.now-moved), s.What)
				}
			}
			for _, f := range p.found {
				switch f.Verdict {
				case event.Stuck:
					told = p.now
				case event.Working:
					if moved <= told {
						t.Fatalf("seed %d, round %d: %s, but it has not moved since it was told as stuck", seed, round, f.What)
					}
				}
			}
			p.found = nil
		}
	}
}
