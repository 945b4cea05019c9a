package threads

import (
	"sort"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Config says how patient the judge is. All are nanoseconds and positive.
type Config struct {
	Floor    time.Duration // a wait shorter than this suspects nobody
	Window   time.Duration // how long a suspicion must stand unchanged
	Fallback time.Duration // when a wait is settled by its length alone
}

// Result is what a round calls for.
type Result struct {
	States    []int           // threads whose state to read for the next round, by number
	Resources []int           // those of them of which to read, too, what they wait for
	Findings  []event.Finding // without a number of the episode
	Keys      []string        // of each finding, the episode that it is of
}

// Round is what is told to a Judge.
type Round struct {
	Sample *event.Sample
	Honest int64 // time that counts, in nanoseconds since some beginning
	Epoch  int   // grows with every interval that does not count: what stood has to stand anew

	// Told reports whether a goroutine on this thread has been told as stuck: then
	// the thread is no news. Nil if nothing has.
	Told func(tid int) bool
}

// Judge draws conclusions from the rounds of one process. It is not safe for
// concurrent use.
type Judge struct {
	floor, window, fallback int64

	round    int
	at       int64 // CLOCK_MONOTONIC time of the last sample
	honest   int64 // the same on the clock of time that counts
	lapse    int64 // honest time since the round before
	epoch    int
	paused   string // why nothing of the process runs
	tasks    map[int]*task
	ended    map[int]*ended
	episodes map[string]*episode
	node     machine
	told     func(tid int) bool
}

// New returns a judge that has seen nothing yet.
func New(c Config) *Judge {
	return &Judge{
		floor: int64(c.Floor), window: int64(c.Window), fallback: int64(c.Fallback),
		tasks: map[int]*task{}, ended: map[int]*ended{}, episodes: map[string]*episode{},
	}
}

// Step judges one round. Rounds come in the order in which they were taken. It
// keeps nothing of the sample but strings, and what hangs on its threads.
func (j *Judge) Step(r Round) Result {
	var res Result
	s := r.Sample
	if s.Node != nil {
		j.node.see(s.Node)
	}
	for i := range s.Exits {
		j.noteExit(&s.Exits[i])
	}
	if s.Threads == nil {
		return res
	}
	j.round++
	j.lapse = r.Honest - j.honest
	j.at, j.honest, j.paused, j.told = s.At, r.Honest, s.Process.Paused, r.Told
	if r.Epoch != j.epoch {
		j.epoch = r.Epoch
		for _, t := range j.tasks {
			t.anew(j.honest)
		}
	}
	for i := range s.Threads {
		j.see(&s.Threads[i])
	}
	j.forget()
	j.judge()
	j.tell(&res)
	j.ask(&res)
	return res
}

// Standings returns the verdict on each thread of the last round, and on those
// that have vanished, by number.
func (j *Judge) Standings() []event.Standing {
	all := make([]event.Standing, 0, len(j.tasks)+len(j.ended))
	for _, t := range j.tasks {
		all = append(all, t.standing)
	}
	for _, e := range j.ended {
		if e.vanished && j.tasks[e.exit.TID] == nil {
			all = append(all, e.standing)
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a].Thread.ID < all[b].Thread.ID })
	return all
}

// see takes a thread of the round into account.
func (j *Judge) see(th *event.Thread) {
	t := j.tasks[th.ID]
	if t == nil {
		t = &task{id: th.ID, stood: j.honest, movedAt: j.at, busy: -1, stalled: -1, answered: -1}
		j.tasks[th.ID] = t
	}
	t.see(th, j)
}

// forget drops the threads that this round did not show.
func (j *Judge) forget() {
	gone := false
	for id, t := range j.tasks {
		if t.round != j.round {
			delete(j.tasks, id)
			gone = true
		}
	}
	if !gone {
		return
	}
	// Whoever waits may wait for one of those.
	for _, t := range j.tasks {
		t.next = 0
	}
}

// judge gives every thread its verdict: first what its own evidence says, then
// what follows from those it waits for.
func (j *Judge) judge() {
	j.confirmEnds()
	order := j.order()
	for _, t := range order {
		j.judgeOne(t)
	}
	j.follow(order)
	for _, t := range order {
		t.settle(j)
	}
}

// order returns the threads by number, so that the same rounds give the same
// result.
func (j *Judge) order() []*task {
	order := make([]*task, 0, len(j.tasks))
	for _, t := range j.tasks {
		order = append(order, t)
	}
	sort.Slice(order, func(a, b int) bool { return order[a].id < order[b].id })
	return order
}

// How much can be asked for a round: reading the state of a thread costs some
// ten microseconds, finding out what it waits for up to a millisecond.
const (
	maxStates    = 256
	maxResources = 64
)

// ask says what to read for the next round: those first that have waited longest
// for being asked about.
func (j *Judge) ask(res *Result) {
	var due []*task
	for _, t := range j.tasks {
		if t.due(j) {
			due = append(due, t)
		}
	}
	sort.Slice(due, func(a, b int) bool {
		if due[a].stateRound != due[b].stateRound {
			return due[a].stateRound < due[b].stateRound
		}
		return due[a].id < due[b].id
	})
	for _, t := range due {
		if len(res.States) == maxStates {
			break
		}
		res.States = append(res.States, t.id)
		if !t.moving(j) && len(res.Resources) < maxResources {
			res.Resources = append(res.Resources, t.id)
		}
	}
	res.States = append(res.States, j.witnesses()...)
	res.States, res.Resources = ascending(res.States), ascending(res.Resources)
}

// ascending sorts ids and drops those that are there twice.
func ascending(ids []int) []int {
	sort.Ints(ids)
	n := 0
	for i, id := range ids {
		if i == 0 || id != ids[n-1] {
			ids[n] = id
			n++
		}
	}
	return ids[:n]
}
