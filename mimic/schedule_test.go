package mimic

import (
	"math/rand"
	"sort"
	"testing"
)

// twin is a schedule as its rules say, with a list for each of them.
type twin struct {
	pace   pace
	at     []int64 // when each checker is due
	credit []int64 // what was earned and used, in millionths of nanoseconds
	same   *schedule
	moves  []uint64
	times  []int64
	mimics int
}

func (w *twin) balance() (n int64) {
	for _, c := range w.credit {
		if n += c; n > w.pace.burst*1e6 {
			n = w.pace.burst * 1e6
		}
	}
	w.credit = []int64{n}
	return n
}

func (w *twin) begin(now int64, moves uint64) {
	if len(w.times) > 0 {
		w.credit = append(w.credit, (now-w.times[len(w.times)-1])*w.pace.share)
	}
	w.balance()
	w.credit = append(w.credit, -w.pace.each*1e6)
	w.times, w.moves, w.mimics = append(w.times, now), append(w.moves, moves), 0
}

// next takes random numbers from a generator in the same state.
func (w *twin) next(now int64) (int, bool) {
	if w.balance() < 0 || w.mimics >= w.pace.most {
		return 0, false
	}
	order := make([]int, len(w.at))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return w.at[order[i]] < w.at[order[j]] })
	if len(order) == 0 || w.at[order[0]] > now {
		return 0, false
	}
	w.at[order[0]] = now + 800e6 + w.same.random(400e6)
	return order[0], true
}

func (w *twin) aside(now int64) bool {
	since := now
	for i := len(w.moves) - 1; i >= 0 && w.moves[i] == w.moves[len(w.moves)-1]; i-- {
		since = w.times[i]
	}
	return len(w.times) > 0 && now-since >= 10e9
}

// Random times, costs and moves: the schedule and its twin agree on every turn.
func TestScheduleAgreesWithItsTwin(t *testing.T) {
	for seed := int64(1); seed <= 40; seed++ {
		r := rand.New(rand.NewSource(seed))
		s := newSchedule(usual, uint64(seed))
		w := &twin{pace: usual, credit: []int64{usual.burst * 1e6}, same: &schedule{jitter: uint64(seed) | 1}}
		n := 1 + r.Intn(60)
		now, moves := int64(1e12), uint64(1)
		for i := 0; i < n; i++ {
			w.at = append(w.at, now+w.same.random(1e9))
		}
		s.add(now, n)
		slow := int64(1 + r.Intn(3000)*r.Intn(2))
		for wakes := 0; wakes < 300; wakes++ {
			if r.Intn(4) > 0 {
				moves++
			}
			s.begin(now, moves)
			w.begin(now, moves)
			for {
				got, ok := s.next(now)
				want, also := w.next(now)
				if got != want || ok != also {
					t.Fatalf("seed %d, wake %d: turn of %d, %v; the twin: %d, %v", seed, wakes, got, ok, want, also)
				}
				if !ok {
					break
				}
				cost, mimics := r.Int63n(1000*slow), r.Intn(4)*(1+r.Intn(2)*r.Intn(40))
				s.used(cost, mimics)
				w.credit = append(w.credit, -cost*1e6)
				w.mimics += mimics
			}
			if got, want := s.aside(now), w.aside(now); got != want {
				t.Fatalf("seed %d, wake %d: aside %v; the twin: %v", seed, wakes, got, want)
			}
			if at := s.wake(); at < now+50e6 || at < now+50e6*int64(1+(w.mimics-1)/64) {
				t.Fatalf("seed %d: the next wake is %d ns after this one, which has made %d mimics", seed, at-now, w.mimics)
			} else {
				now = at + r.Int63n(20e6)
			}
			if r.Intn(50) == 0 {
				now += r.Int63n(15e9)
			}
		}
	}
}

// walk is how a schedule fares with n checkers of a cost.
type walk struct {
	turns        [][]int64 // when each had its turns
	wakes        int
	cost, passed int64
}

func walked(t *testing.T, n int, cost, lasts int64) walk {
	t.Helper()
	s := newSchedule(usual, 7)
	begun := int64(5e9)
	s.add(begun, n)
	r := walk{turns: make([][]int64, n)}
	now, moves := begun, uint64(0)
	for now < begun+lasts {
		moves++
		s.begin(now, moves)
		r.wakes++
		r.cost += usual.each
		for {
			i, ok := s.next(now)
			if !ok {
				break
			}
			r.turns[i] = append(r.turns[i], now)
			s.used(cost, 1)
			r.cost += cost
		}
		now = s.wake()
	}
	r.passed = now - begun
	return r
}

func TestScheduleGivesEveryoneATurnASecond(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		r := walked(t, n, 20e3, 60e9)
		for i, at := range r.turns {
			if len(at) < 48 || len(at) > 75 || at[0] > 5e9+1100e6 {
				t.Errorf("of %d, checker %d has %d turns in a minute, the first at %d", n, i, len(at), at[0]-5e9)
			}
			for k := 1; k < len(at); k++ {
				if d := at[k] - at[k-1]; d < 800e6 || d > 1300e6 {
					t.Errorf("of %d, checker %d has turns %d ns apart", n, i, d)
				}
			}
		}
		if r.wakes > 60*20+1 || n == 1 && r.wakes > 76 {
			t.Errorf("%d checkers wake it %d times in a minute", n, r.wakes)
		}
	}
}

// A second later the turns must be as spread as they were in the first one.
func TestScheduleSpreadsTurns(t *testing.T) {
	r := walked(t, 100, 1e3, 30e9)
	in := map[int64]int{}
	for _, at := range r.turns {
		for _, a := range at {
			in[a/100e6]++
		}
	}
	for slot, n := range in {
		if n > 35 { // 10 on average
			t.Errorf("%d turns in the tenth of a second %d", n, slot)
		}
	}
}

func TestScheduleStaysBelowItsShare(t *testing.T) {
	for _, c := range []struct {
		n    int
		cost int64
	}{{300, 100e3}, {1, 20e6}, {50, 5e6}} {
		r := walked(t, c.n, c.cost, 600e9)
		most := r.passed/1e6*5000 + usual.burst + 2*c.cost
		if r.cost > most {
			t.Errorf("%d checkers of %d ns: %d ns were used of %d", c.n, c.cost, r.cost, most)
		}
		if r.cost < r.passed/1e6*4500 {
			t.Errorf("%d checkers of %d ns: only %d ns were used in %d", c.n, c.cost, r.cost, r.passed)
		}
		least, mostTurns := len(r.turns[0]), len(r.turns[0])
		for _, at := range r.turns {
			if n := len(at); n < least {
				least = n
			} else if n > mostTurns {
				mostTurns = n
			}
		}
		if mostTurns-least > 2+mostTurns/10 {
			t.Errorf("%d checkers of %d ns: some have %d turns, others %d", c.n, c.cost, least, mostTurns)
		}
	}
}

func TestScheduleGivesBackWhatWasNotUsed(t *testing.T) {
	s := newSchedule(usual, 1)
	s.add(0, 1)
	s.begin(0, 1)
	s.used(100*second, 0) // the process was stopped in the middle of a turn
	s.used(-100*second, 0)
	if at := s.wake(); at > 1500e6 {
		t.Errorf("the next wake is at %d", at)
	}
}

func TestScheduleMakesFewMimicsAWake(t *testing.T) {
	s := newSchedule(usual, 1)
	s.add(0, 100)
	s.begin(2e9, 1)
	n := 0
	for {
		if _, ok := s.next(2e9); !ok {
			break
		}
		s.used(0, 20)
		n++
	}
	if n != 2 {
		t.Errorf("%d checkers with 20 mimics each have run in one wake, want 2", n)
	}
	if at := s.wake(); at != 2e9+50e6 {
		t.Errorf("the next wake is at %d", at)
	}
}

func TestScheduleStepsAsideAndResumes(t *testing.T) {
	s := newSchedule(usual, 1)
	s.add(0, 20)
	now := int64(0)
	for ; !s.aside(now); now = s.wake() {
		if now > 11e9 {
			t.Fatal("nothing moves, and it does not step aside")
		}
		s.begin(now, 1)
		for {
			if _, ok := s.next(now); !ok {
				break
			}
		}
	}
	if now < 10e9 {
		t.Errorf("it steps aside after %d ns", now)
	}
	const later = int64(1e15) // days
	s.resume(later)
	s.begin(later, 2)
	if s.aside(later) {
		t.Error("it is still aside")
	}
	for n := 0; ; n++ {
		if _, ok := s.next(later); !ok {
			if n > 5 {
				t.Errorf("%d of 20 turns that were missed come at once", n)
			}
			break
		}
	}
}
