package mimic

import "container/heap"

// Times, in nanoseconds.
const (
	second = int64(1e9)

	interval = second      // between two turns of a checker
	pause    = second / 20 // between two wakes: they cost more than what is done in them
	quiet    = 10 * second // without any move after which the driver steps aside
)

// pace is how much the driver may do.
type pace struct {
	share int64 // of its time that it may be busy, in millionths
	burst int64 // nanoseconds that it can save up for
	each  int64 // nanoseconds that a wake costs, which it cannot measure
	most  int   // mimics of one wake, after which no other checker begins: the page has room for so many
}

// usual is half a percent of one processor's time. Readers of the page come every
// 100 ms, and its ring holds 128 mimics.
var usual = pace{share: 5000, burst: 50e6, each: 10e3, most: 32}

// schedule decides which checker has its turn when. It knows no clock: the time
// is handed in, and must not go back.
//
//  1. A checker has a turn every second, give or take a fifth. The first ones are
//     spread over a second.
//  2. There are 50 ms between two wakes, and as much again for each 64 mimics that
//     the first has made beyond 64; whoever is due by then has its turn in one.
//  3. Who has waited longest is first. None begins while more time was used than
//     the share of all time so far, or when enough mimics were made in this wake.
//  4. When nothing has moved for ten seconds it is time to step aside.
type schedule struct {
	pace  pace
	order dues
	added int

	last    int64 // when credit was counted last
	credit  int64 // millionths of nanoseconds that may be used; negative if too much was
	mimics  int   // of this wake
	woke    int64 // when this wake began
	moves   uint64
	moved   int64  // when moves was seen to change last
	jitter  uint64 // state of a generator of numbers that need only differ
	started bool
}

// due is when a checker has its turn.
type due struct {
	at, of int64 // a time, and the number of the checker
}

// dues is a heap.
type dues []due

func (d dues) Len() int { return len(d) }
func (d dues) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].of < d[j].of
}
func (d dues) Swap(i, j int)       { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(x interface{}) { *d = append(*d, x.(due)) }
func (d *dues) Pop() interface{} {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

func newSchedule(p pace, seed uint64) *schedule {
	return &schedule{pace: p, jitter: seed | 1, credit: p.burst * 1e6}
}

// random returns a number from 0 to below (xorshift64, Marsaglia 2003).
func (s *schedule) random(below int64) int64 {
	s.jitter ^= s.jitter << 13
	s.jitter ^= s.jitter >> 7
	s.jitter ^= s.jitter << 17
	return int64(s.jitter % uint64(below))
}

// add gives checkers up to the n-th their first turns.
func (s *schedule) add(now int64, n int) {
	for ; s.added < n; s.added++ {
		heap.Push(&s.order, due{now + s.random(interval), int64(s.added)})
	}
}

// begin begins a wake, with what hook.Survey says of moves.
func (s *schedule) begin(now int64, moves uint64) {
	if s.started {
		passed := now - s.last
		if most := 3600 * second; passed > most { // or the product may be too long
			passed = most
		}
		s.credit += passed * s.pace.share
		if most := s.pace.burst * 1e6; s.credit > most {
			s.credit = most
		}
	}
	if !s.started || moves != s.moves {
		s.moves, s.moved = moves, now
	}
	s.started, s.last, s.woke, s.mimics = true, now, now, 0
	s.used(s.pace.each, 0)
}

// next returns whose turn it is, ok is false if it is nobody's in this wake.
func (s *schedule) next(now int64) (checker int, ok bool) {
	if len(s.order) == 0 || s.order[0].at > now || s.credit < 0 || s.mimics >= s.pace.most {
		return 0, false
	}
	first := &s.order[0]
	checker = int(first.of)
	first.at = now + interval*4/5 + s.random(interval*2/5)
	heap.Fix(&s.order, 0)
	return checker, true
}

// used says what a turn has cost, or what is to be given back if it is negative.
func (s *schedule) used(cost int64, mimics int) {
	s.credit -= cost * 1e6
	s.mimics += mimics
}

// wake returns when to wake next.
func (s *schedule) wake() int64 {
	at := s.woke + quiet
	if len(s.order) > 0 {
		at = s.order[0].at
	}
	if s.credit < 0 {
		if paid := s.last + -s.credit/s.pace.share + 1; at < paid {
			at = paid
		}
	}
	if next := s.woke + pause*int64(1+(s.mimics-1)/(2*s.pace.most)); at < next {
		at = next
	}
	return at
}

// aside reports whether nothing has moved for so long that the driver ought to
// wait without a timer.
func (s *schedule) aside(now int64) bool { return s.started && now-s.moved >= quiet }

// resume begins anew after having stepped aside: turns that were missed are
// spread.
func (s *schedule) resume(now int64) {
	s.moved = now
	for i := range s.order {
		if s.order[i].at < now {
			s.order[i].at = now + s.random(interval)
		}
	}
	heap.Init(&s.order)
}
