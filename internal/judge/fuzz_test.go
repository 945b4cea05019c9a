package judge

import (
	"reflect"
	"testing"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/reach"
)

// maker makes samples from bytes: any cell may say anything, answers may come
// without being asked for and say what they like, and time may go backwards.
type maker struct {
	data []byte
	at   int64
}

func (m *maker) byte() int {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return int(b)
}

func (m *maker) upTo(n int) int { return m.byte() % n }

func (m *maker) record() event.Record {
	kinds := []event.Kind{event.Lock, event.RWLock, event.RLock, event.Locker, event.Never, event.Receive, event.Call, event.WaitGroup, "?"}
	k := m.upTo(len(kinds))
	b := m.byte()
	needs := []string{"", "", "recv:c", "send:c done:d", "send:?", "done:d"}[m.upTo(6)]
	return event.Record{
		Site: event.Site{Kind: kinds[k], File: "/src/f.go", Line: 1 + k, Paired: b&1 != 0, Confined: b&32 != 0, Idle: b&14 == 14, Needs: needs},
		Done: b&64 != 0,
		Seq:  uint64(m.upTo(4)), Object: uint64(m.upTo(4)), Since: int64(m.upTo(3)), Held: b&16 != 0,
	}
}

func (m *maker) look() event.Look {
	l := event.Look{
		Status: []event.Status{event.Waiting, event.Waiting, event.Waiting, event.Running, event.Gone, event.Syscall, ""}[m.upTo(7)],
		Reason: []string{"semacquire", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "select (no cases)", "chan send (nil chan)", "?"}[m.upTo(7)],
		Object: uint64(m.upTo(5)),
	}
	for line := 1; line < 9; line++ { // mostly it shows them all
		if m.upTo(8) != 7 {
			l.Stack = append(l.Stack, event.Frame{Func: "f", File: "f.go", Line: line})
		}
	}
	if m.upTo(9) == 8 {
		l.Err = "not today"
	}
	if l.Status == event.Syscall && m.upTo(3) > 0 {
		l.Thread = &event.Thread{ID: 1, Switches: uint64(m.upTo(2))}
		if m.upTo(3) > 0 {
			l.Thread.Resource = &event.Resource{Name: "disk", InFlight: uint64(m.upTo(2)), Completed: uint64(m.upTo(3))}
		}
	}
	return l
}

func (m *maker) word() event.Word {
	w := event.Word{
		Writer: []event.Writer{event.Holding, event.Pending, event.NoWriter, ""}[m.upTo(4)],
		Size:   uint64(m.upTo(3)), Readers: m.upTo(6) - 1,
	}
	if m.upTo(9) == 8 {
		w.Err = "not today"
	}
	return w
}

// sample makes a whole world.
func (m *maker) sample() event.Sample {
	s := event.Sample{Lost: uint64(m.upTo(2)), Foreign: map[uint64]bool{}, Looks: map[uint64]event.Look{}, Words: map[uint64]event.Word{}}
	for n := m.upTo(7); n > 0; n-- {
		g := event.Goroutine{ID: uint64(m.upTo(6)), Seq: uint64(m.upTo(4)), Lost: m.upTo(9) == 8}
		for r := m.upTo(4); r > 0; r-- {
			g.Records = append(g.Records, m.record())
		}
		s.Goroutines = append(s.Goroutines, g)
		s.Looks[g.ID] = m.look()
	}
	for n := m.upTo(3); n > 0; n-- {
		s.Orphans = append(s.Orphans, event.Orphan{Record: m.record(), Goroutine: uint64(m.upTo(6))})
	}
	for lock := uint64(0); lock < 4; lock++ {
		s.Words[lock] = m.word()
	}
	if m.upTo(3) > 0 {
		s.Census = &event.Census{}
		for n := uint64(0); n < 7; n++ {
			l, ok := s.Looks[n]
			if !ok {
				l = m.look()
			}
			s.Census.Goroutines = append(s.Census.Goroutines, event.Resident{ID: n, Look: l})
		}
	}
	if m.upTo(5) == 4 {
		s.Foreign[uint64(m.upTo(4))] = true
	}
	return s
}

// steps turns the bytes into a run of samples: worlds that stand for a while,
// sometimes late, paused, or with a goroutine's cell left out.
func steps(data []byte) []event.Sample {
	m := &maker{data: data}
	var all []event.Sample
	for len(m.data) > 0 && len(all) < 200 {
		s := m.sample()
		for n := m.upTo(16); n >= 0; n-- {
			switch m.upTo(32) {
			case 1:
				m.at += 5e9
			case 2:
				m.at -= 1e9
			case 3:
				s.Process.Paused = "stopped by a signal"
			case 4:
				if len(s.Goroutines) > 0 {
					s.Goroutines = s.Goroutines[1:]
				}
			}
			m.at += 1e8
			s.At = m.at
			all = append(all, s)
			s.Process.Paused = ""
		}
	}
	return all
}

// anyTable says of the one file there is that some lines serve c and d.
var anyTable = func() *reach.Table {
	t, err := reach.Decode(reach.Encode(reach.Data{
		Needs: []string{"recv:c", "send:c", "done:d"}, Main: -1,
		Signatures: []reach.Signature{{}, {Reaches: []int{0, 1}, Contains: []int{0}}, {Reaches: []int{2}}},
		Files:      []reach.File{{Package: "", Name: "f.go", Spans: []reach.Span{{Line: 1, Signature: 0}, {Line: 5, Signature: 1}, {Line: 6, Signature: 0}, {Line: 8, Signature: 2}, {Line: 9, Signature: -1}}}},
	}))
	if err != nil {
		panic(err)
	}
	return t
}()

// FuzzStep feeds the judge any samples. It does not panic, says the same
// twice, and proves nothing that its twin does not see in the very sample.
func FuzzStep(f *testing.F) {
	f.Add([]byte("0"))
	f.Add([]byte("a goroutine waits for a lock that it holds, and so do its sisters"))
	// Two cells, one of them empty, claim to be the goroutine that waits for itself.
	f.Add([]byte("000001000000000000000009002000100A01000000000000000010A0000000000000000007000000A0000000000000000000090001120000000000001000000000000000001000000000000000000000008"))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, two := New(Config{Fallback: 1500e6}), New(Config{Fallback: 1500e6})
		one.Know(anyTable)
		two.Know(anyTable)
		for _, s := range steps(data) {
			a := one.Step(s)
			if b := two.Step(s); !reflect.DeepEqual(a, b) {
				t.Fatalf("the same samples, two answers:\n%+v\n%+v", a, b)
			}
			for _, found := range a.Findings {
				if found.Class == event.Proven {
					checkProof(t, s, found)
				}
				if why := disconnected(found); why != "" {
					t.Fatal(why)
				}
			}
		}
	})
}

// checkProof asks the twin.
func checkProof(t *testing.T, s event.Sample, f event.Finding) {
	t.Helper()
	in := twin{&s}.hopeless()
	for _, l := range f.Chain {
		if l.Waits != nil && l.Waits.Site.Kind.IsLock() && !in[l.Goroutine] && s.Looks[l.Goroutine].Status != event.Gone {
			t.Fatalf("%q is proven, but goroutine %d is not stuck", f.What, l.Goroutine)
		}
	}
}
