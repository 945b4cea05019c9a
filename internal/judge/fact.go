package judge

import "github.com/lifesign-go/lifesign/event"

// role says in what part a record, or a goroutine, is remembered.
type role uint8

const (
	asWait   role = iota // in flight on a lock
	asHold               // a lock in the hands of a goroutine
	asEnd                // a goroutine that holds a lock and waits for none
	asOrphan             // a lock in the hands of nobody
	asMark               // a request or loop that a goroutine is in
	asWorker             // work of a worker, by the worker's number
)

// factKey identifies an occurrence.
type factKey struct {
	goroutine, seq uint64
	role           role
}

// fact is what is remembered of an occurrence from sample to sample. Times
// are those of the honest clock.
type fact struct {
	site   event.Site
	object uint64

	first int64 // when it was seen first, or was last contradicted
	stood int64 // since when it has stood in every sample, no interval void
	epoch int   // the clock's, when stood was set
	seen  int   // the sample it was last seen in

	samples     int // in how many samples it has stood since first
	ticks, void int // the clock's at first

	left   bool   // of a hold: its goroutine has left the function that alone releases the lock
	away   int64  // of a hold: since when looks have shown its goroutine outside of the lock's package; -1 if they do not
	strays int    // of a hold: looks since then
	looked int    // of a hold: the last sample whose look was taken into account
	still  stance // of an operation that is no lock's: where looks have shown its goroutine

	agreed int    // looks that agreed with it since stood
	last   int    // the sample in which the last of them did
	denied bool   // it was contradicted once
	told   bool   // as somebody who waits
	count  uint64 // of a mark: passes when it was seen first
	counts int    // censuses in a row that have left it no hope
	rank   rank   // what was told of it as of an operation that does not end
	resume int64  // no looks at it before that, on the honest clock
	until  int64  // when it was seen last, on the honest clock
	fate   fate   // of a goroutine that holds a lock and waits for none
}

// lastWord is the word of a lock as it was read last.
type lastWord struct {
	word event.Word
	seen int // the last sample in which somebody waited on the lock
}

// touch returns what is remembered of an occurrence that the current sample
// shows, which may be nothing yet. The same number with another site or lock
// is another occurrence: a number that was given twice, or a torn cell.
func (j *Judge) touch(key factKey, site *event.Site, object uint64) *fact {
	f := j.facts[key]
	if f == nil || f.object != object || f.site != *site {
		f = &fact{site: *site, object: object, seen: j.sample, epoch: j.clock.epoch}
		f.restart(&j.clock)
		j.facts[key] = f
	} else if f.seen < j.sample-1 || f.epoch != j.clock.epoch {
		f.stood, f.epoch, f.agreed = j.clock.honest, j.clock.epoch, 0
	}
	if f.seen != j.sample || f.samples == 0 {
		f.samples++
	}
	f.seen, f.until = j.sample, j.clock.honest
	return f
}

// restart takes an occurrence to have begun now.
func (f *fact) restart(c *clock) {
	f.first, f.stood = c.honest, c.honest
	f.ticks, f.void = c.ticks, c.void
	f.samples, f.agreed = 0, 0
	f.left, f.away, f.still = false, -1, stance{}
}

// deny takes f to have begun anew, because what was asked for contradicts it.
// A goroutine that does stand there is found all the same, a little later: a
// collector that shrinks its stack can spoil a look.
func (f *fact) deny(c *clock) {
	f.restart(c)
	f.denied = true
}

// agree counts a look of the given sample that shows what f says.
func (f *fact) agree(sample int) {
	if f.last != sample {
		f.agreed++
	}
	f.last = sample
}

// forget drops what the last two samples did not show. One alone may be torn.
func (j *Judge) forget() {
	for key, f := range j.facts {
		if f.seen < j.sample-1 {
			if (key.role == asEnd || key.role == asMark) && f.rank < inferred {
				j.learn(&f.site, f.until-f.first)
			}
			delete(j.facts, key)
		}
	}
	for lock, w := range j.words {
		if w.seen < j.sample-1 {
			delete(j.words, lock)
		}
	}
	for lock, e := range j.episodes {
		if e.seen < j.sample-1 {
			delete(j.episodes, lock)
		}
	}
}
