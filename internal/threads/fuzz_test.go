package threads

import (
	"reflect"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// maker makes samples out of bytes, hostile ones among them.
type maker struct{ data []byte }

func (m *maker) upTo(n int) int {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return int(b) % n
}

func (m *maker) sample(at int64) *event.Sample {
	s := &event.Sample{At: at + int64(m.upTo(4))*period, Threads: []event.Thread{}}
	for n := m.upTo(6); n > 0; n-- {
		th := event.Thread{
			ID: m.upTo(5), Depth: event.Depth(m.upTo(3)), RanNS: int64(m.upTo(3)) * period, WaitedNS: int64(m.upTo(3)) * period, Slices: uint64(m.upTo(3)),
			State: []string{"", "R", "S", "D", "T", "Z", "X"}[m.upTo(7)], Switches: uint64(m.upTo(3)), Killed: m.upTo(4) == 0, ExitCode: m.upTo(40), Syscall: -1,
		}
		if m.upTo(3) > 0 {
			kinds := []event.ResourceKind{"", event.OnFUSE, event.OnDevice, event.OnMutex, event.OnJoin, event.OnWork, event.OnLockFile, event.OnChild, event.OnSocket, event.OnFrozen}
			th.Resource = &event.Resource{Kind: kinds[m.upTo(len(kinds))], Name: string(rune('a' + m.upTo(3))), InFlight: uint64(m.upTo(3)), Completed: uint64(m.upTo(3))}
			for k := m.upTo(3); k > 0; k-- {
				th.Resource.Holders = append(th.Resource.Holders, event.Task{PID: 1, TID: m.upTo(6), State: []string{"R", "S", "gone"}[m.upTo(3)]})
			}
		}
		s.Threads = append(s.Threads, th)
	}
	for n := m.upTo(3); n > 0; n-- {
		s.Exits = append(s.Exits, event.Exit{TID: m.upTo(6), Code: m.upTo(60), At: at})
	}
	if m.upTo(3) == 0 {
		s.Node = &event.Node{Oopses: uint64(m.upTo(3)), CPU: float64(m.upTo(100))}
	}
	if m.upTo(9) == 0 {
		s.Process.Paused = "stopped"
	}
	return s
}

// FuzzStep feeds the judge with anything. It must not panic, every thread has a
// verdict, what is asked for is there, and the same rounds give the same answers.
func FuzzStep(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := newJudge(), newJudge()
		m := &maker{data}
		at, honest := int64(1), int64(0)
		for round := 0; round < 40 && len(m.data) > 0; round++ {
			s := m.sample(at)
			if at = s.At; round%3 > 0 {
				honest += period
			}
			r := Round{Sample: s, Honest: honest, Epoch: m.upTo(2)}
			x, y := a.Step(r), b.Step(r)
			if !reflect.DeepEqual(x, y) {
				t.Fatalf("round %d: %+v and %+v", round, x, y)
			}
			there := map[int]bool{}
			for _, th := range s.Threads {
				there[th.ID] = true
			}
			for _, id := range append(append([]int(nil), x.States...), x.Resources...) {
				if !there[id] {
					t.Fatalf("round %d: asked for thread %d, which is not there", round, id)
				}
			}
			for _, st := range a.Standings() {
				if st.Verdict == "" || st.Class == "" || st.What == "" {
					t.Fatalf("round %d: thread %d has no verdict: %+v", round, st.Thread.ID, st)
				}
			}
			a.Node()
			a.Stuck()
		}
	})
}
