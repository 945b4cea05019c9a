package judge

import (
	"fmt"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// crowd makes n goroutines: most wait for work or for a channel, one in ten
// holds a lock, and few wait for one.
func crowd(n, waiting int) *world {
	w := newWorld()
	lock := event.Site{Kind: event.Lock, File: "/src/a.go", Line: 1, Object: "server.mu", Paired: true}
	recv := event.Site{Kind: event.Receive, File: "/src/b.go", Line: 2}
	for i := 0; i < n; i++ {
		g := event.Goroutine{ID: uint64(i + 1), Seq: 9}
		if i%10 == 0 {
			g.Records = append(g.Records, event.Record{Site: lock, Seq: 7, Object: uint64(0x1000 + i), Held: true})
		}
		if i%10 != 0 && i/10 < waiting {
			g.Records = append(g.Records, event.Record{Site: lock, Seq: 8, Object: uint64(0x1000 + i - i%10)})
		} else {
			g.Records = append(g.Records, event.Record{Site: recv, Seq: 9, Object: 1})
		}
		w.cells = append(w.cells, g)
	}
	return w
}

// BenchmarkStep is the cost of a sample beside that of reading the records of
// all goroutines once, for crowds in which nobody, a few, or ninety wait long.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for _, waiting := range []int{0, 1, 10} {
			w := crowd(n, waiting)
			b.Run(fmt.Sprintf("goroutines=%d/waiting=%d", n, 9*waiting), func(b *testing.B) {
				j := New(Config{})
				var a Actions
				for i := 0; i < 20; i++ { // past the floor and the first looks
					w.now += j.period
					a = j.Step(w.sample(a))
				}
				s := w.sample(Actions{})
				b.ReportAllocs()
				b.ResetTimer()
				for i := 0; i < b.N; i++ {
					s.At += j.period
					j.Step(s)
				}
			})
		}
		w := crowd(n, 1)
		b.Run(fmt.Sprintf("goroutines=%d/scan", n), func(b *testing.B) {
			s := w.sample(Actions{})
			locks := 0
			for i := 0; i < b.N; i++ {
				for k := range s.Goroutines {
					if r := inFlight(&s.Goroutines[k]); r != nil && r.Site.Kind.IsLock() {
						locks++
					}
				}
			}
			_ = locks
		})
	}
}

// BenchmarkDeadlock is the cost of a sample in which a deadlock keeps all but
// two waiting, and was told.
func BenchmarkDeadlock(b *testing.B) {
	w := newWorld()
	lock := event.Site{Kind: event.Lock, File: "/src/a.go", Line: 1, Object: "server.mu"}
	for i := 0; i < 10000; i++ {
		w.cells = append(w.cells, event.Goroutine{ID: uint64(i + 1), Seq: 2, Records: []event.Record{{Site: lock, Seq: 2, Object: 1}}})
	}
	w.cells[0].Records = append([]event.Record{{Site: lock, Seq: 1, Object: 1, Held: true}}, w.cells[0].Records...)
	j := New(Config{})
	var a Actions
	for i := 0; i < 20; i++ {
		w.now += j.period
		a = j.Step(w.sample(a))
	}
	s := w.sample(Actions{})
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		s.At += j.period
		j.Step(s)
	}
}
