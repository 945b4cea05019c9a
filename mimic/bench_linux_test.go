package mimic

import (
	"testing"

	"github.com/lifesign-go/lifesign/hook"
)

// BenchmarkTurn is what a turn costs the driver: a pass is collected, a checker
// goes through it and makes two mimics, and the next one is armed.
func BenchmarkTurn(b *testing.B) {
	s := base + 3000
	w := &saver{f: temporary(b), site: s}
	d := newRig(b, s, checkSaver(s))
	d.second()
	hook.Begin(s)
	defer hook.End(s)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		b.StopTimer()
		hook.Mark(s)
		w.save()
		b.StartTimer()
		d.turn(0)
	}
}

// BenchmarkSurvey is what each wake costs beside the turns in it.
func BenchmarkSurvey(b *testing.B) {
	in := map[Site]int{}
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		hook.Survey(in)
	}
}

// BenchmarkUnwatched is what a woven pass costs in which nothing is asked for.
func BenchmarkUnwatched(b *testing.B) {
	s := base + 3100
	data := make([]byte, 100)
	f := temporary(b)
	hook.Begin(s)
	defer hook.End(s)
	for _, woven := range []bool{false, true} {
		name := "noted"
		if woven {
			name = "wanted"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				hook.Enter(s + 1)
				if woven {
					hook.Wanted(s + 1).Handle(f).Bytes(data).Number(int64(i)).Keep()
				}
				hook.Exit(s + 1)
			}
		})
	}
}
