package cputime

import (
	"reflect"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

func threads(pairs ...int64) []event.Thread {
	list := []event.Thread{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, event.Thread{ID: int(pairs[i]), RanNS: pairs[i+1]})
	}
	return list
}

func TestAccount(t *testing.T) {
	type want struct {
		ran, ended, total int64
		exact             bool
		threads           []ThreadTime
	}
	for _, test := range []struct {
		name   string
		first  Sample
		second Sample
		want   want
	}{
		{
			"with a clock, the threads that ended count",
			Sample{Before: 90, After: 100, Stat: 100, Threads: threads(1, 20, 2, 30, 4, 40)},
			Sample{At: 1000, Before: 390, After: 400, Stat: 400, Threads: threads(1, 120, 3, 50, 4, 60)},
			want{300, 130, 400, true, []ThreadTime{{1, 100}, {3, 50}, {4, 20}}},
		},
		{
			"without one, they are lost, and their number given away again is another thread",
			Sample{Before: -1, After: -1, Stat: 100, Threads: threads(1, 20, 2, 30, 4, 40)},
			Sample{At: 1000, Before: -1, After: -1, Stat: 400, Threads: threads(1, 120, 4, 10)},
			want{110, 0, 210, false, []ThreadTime{{1, 100}, {4, 10}}},
		},
		{
			"without one, a life before the first sample is what is greater",
			Sample{Before: -1, After: -1, Stat: 10, Threads: threads(1, 200)},
			Sample{At: 1000, Before: -1, After: -1, Stat: 10, Threads: threads(1, 250)},
			want{50, 0, 250, false, []ThreadTime{{1, 50}}},
		},
		{
			"threads that were not asked for",
			Sample{Before: 90, After: 100, Stat: 100},
			Sample{At: 1000, Before: 390, After: 400, Stat: 400},
			want{300, 0, 400, true, []ThreadTime{}},
		},
		{
			"a thread that cannot be read for once",
			Sample{Before: -1, After: -1, Threads: threads(1, 20, 2, 30)},
			Sample{At: 1000, Before: -1, After: -1, Threads: []event.Thread{{ID: 1, RanNS: 120}, {ID: 2, Err: "no"}}},
			want{100, 0, 150, false, []ThreadTime{{1, 100}, {2, 0}}},
		},
		{
			"a clock that goes back",
			Sample{Before: 100, After: 100, Stat: 100},
			Sample{At: 1000, Before: 90, After: 90, Stat: 90},
			want{0, 0, 100, true, []ThreadTime{}},
		},
	} {
		var a Account
		if i, ok := a.Step(test.first); ok {
			t.Errorf("%s: the first sample made an interval %+v", test.name, i)
		}
		i, ok := a.Step(test.second)
		got := want{i.Ran, i.Ended, a.Total(), i.Exact, append([]ThreadTime{}, i.Threads...)}
		if !ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
		if share := i.Share(); share != float64(test.want.ran)/10 {
			t.Errorf("%s: %v %%", test.name, share)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	var a Account
	s := Sample{Threads: threads(1, 0, 2, 0, 3, 0)}
	a.Step(s)
	if n := testing.AllocsPerRun(100, func() {
		s.At += second
		s.Before += second
		s.After += second
		s.Threads[1].RanNS += second
		a.Step(s)
	}); n > 0 {
		t.Errorf("%v allocations a step", n)
	}
}

func BenchmarkStep1000Threads(b *testing.B) {
	var a Account
	s := Sample{}
	for i := 0; i < 1000; i++ {
		s.Threads = append(s.Threads, event.Thread{ID: i})
	}
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		s.At += second
		s.After += second
		s.Before += second
		a.Step(s)
	}
}
