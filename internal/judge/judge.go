package judge

import (
	"sort"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/reach"
	"github.com/lifesign-go/lifesign/internal/threads"
)

// Config says how patient the judge is. A field that is zero or negative
// takes its default.
type Config struct {
	Period     time.Duration // usual time between two samples; default 100 ms
	Floor      time.Duration // a wait shorter than this suspects nobody; default 0.5 s
	Validation time.Duration // how long a suspicion must stand unchanged after that; default 0.3 s
	Fallback   time.Duration // when a wait is told although nothing is proven; default 10 s
}

// Actions is what a sample calls for.
type Actions struct {
	Look      []uint64 // goroutines to look at freshly for the next sample
	Words     []uint64 // addresses of locks and channels whose word to read for the next sample
	Census    bool     // whether to look at every goroutine for the next sample
	States    []int    // threads whose state to read for the next sample
	Resources []int    // threads of which to read, too, what they wait for
	Findings  []event.Finding
	Dead      []Dead // workers to tell that their work is taken for dead

	Stuck event.Class // the worst class of what is stuck now, "" if nothing is
	What  string      // that, in one sentence
}

// Judge draws conclusions from the samples of one process. It is not safe for
// concurrent use.
type Judge struct {
	period, floor, validation, fallback int64 // nanoseconds

	clock    clock
	sample   int // counts the samples that were judged
	facts    map[factKey]*fact
	episodes map[uint64]*episode // by the address of each lock they are about
	asked    map[uint64]bool     // the goroutines that the last sample called for
	words    map[uint64]lastWord // by the address of each lock on which somebody waits
	usual    map[event.Site]*histogram
	reports  []*report
	reach    *reach.Table
	knows    bool                    // whether there is such a table
	regions  map[event.Site]int64    // endless loops that goroutines were in, and when they were last
	noted    int64                   // when that was noted last
	roots    map[uint64]reach.Answer // by goroutine: what those of the last census began with

	// On the honest clock: when the next census may be, when one was called for
	// and when one was held last, and how long to rest after it.
	nextCensus, censused, lastCensus, rest int64
	count                                  uint64 // counts what was found

	threads        *threads.Judge
	threadEpisodes map[string]uint64 // the numbers of what was found of threads, by its key there

	// Memory of the last graph, to be used again.
	nodes  []node
	nodeOf []int
}

// New returns a judge that has seen nothing yet.
func New(c Config) *Judge {
	or := func(d, otherwise time.Duration) int64 {
		if d <= 0 {
			d = otherwise
		}
		return int64(d)
	}
	j := &Judge{
		period:     or(c.Period, 100*time.Millisecond),
		floor:      or(c.Floor, 500*time.Millisecond),
		validation: or(c.Validation, 300*time.Millisecond),
		fallback:   or(c.Fallback, 10*time.Second),
		facts:      map[factKey]*fact{},
		episodes:   map[uint64]*episode{},
		words:      map[uint64]lastWord{},
		usual:      map[event.Site]*histogram{},
		regions:    map[event.Site]int64{},

		threadEpisodes: map[string]uint64{},
	}
	j.threads = threads.New(threads.Config{
		Floor: time.Duration(j.floor), Window: time.Duration(j.validation), Fallback: time.Duration(j.fallback),
	})
	return j
}

// Step judges one sample. Samples come in the order in which they were taken;
// Step keeps no reference to s, but findings share its strings and stacks.
func (j *Judge) Step(s event.Sample) Actions {
	var a Actions
	if !j.clock.advance(s, 3*j.period) {
		j.stepThreads(&s, &a)
		return a
	}
	j.sample++
	g := j.observe(&s)
	g.solve()
	// Those that are stuck first: there is a bound to what can be asked.
	all := g.endings()
	for _, stuck := range []bool{true, false} {
		for _, e := range all {
			if e.stuck(g) == stuck {
				j.judge(g, e, &a)
			}
		}
	}
	j.suspects(g, &a)
	j.noteRegions(&s)
	j.needy(g, &a)
	j.marks(g, &a)
	j.workers(g, &a)
	j.recovered(&s, &a)
	j.stepThreads(&s, &a)
	j.forget()
	a.Stuck, a.What = j.stuckNow()
	a.Look, a.Words = ascending(a.Look), ascending(a.Words)
	j.asked = make(map[uint64]bool, len(a.Look))
	for _, id := range a.Look {
		j.asked[id] = true
	}
	return a
}

// ascending sorts ids and drops those that are there twice.
func ascending(ids []uint64) []uint64 {
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	n := 0
	for i, id := range ids {
		if i == 0 || id != ids[n-1] {
			ids[n] = id
			n++
		}
	}
	return ids[:n]
}
