package threads

import "github.com/lifesign-go/lifesign/event"

// task is what is remembered of a thread. Times are those of the honest clock
// unless they say otherwise.
type task struct {
	id    int
	round int // in which it was seen last

	now event.Thread // its counters as of now; its state and resource as of when they were read last

	stood      int64 // since when it counts as standing: it was seen to move, or first, or has to stand anew
	movedAt    int64 // when it was last seen to have moved, or was seen first, CLOCK_MONOTONIC
	movedRound int   // the round that showed it to have moved last, 0 if none has

	wanted   int64        // how long it has run, or waited for a processor, in the last interval
	busy     int64        // since when it has done so all the time; -1 if it has not
	calm     event.Thread // as it was then
	runnable int          // readings in a row that found it runnable, without CPU time in between

	stateRound    int   // the round in which its state was read last, 0 if it was not in this stand
	resourceRound int   // the same for what it waits for
	same          int   // readings in a row, in this stand, that found it waiting for the same, unmoved
	stalled       int64 // since when what it waits for had work and finished none; -1 if it has not, or is not known
	gotOn         bool  // between the last two readings what it waits for has moved
	read          int64 // when that was read last
	answered      int64 // when it was last found to have done so, in this stand; -1 if it was not

	lasting bool // it was told that it is starved or slow, or that it cannot be told

	next int64 // when it is asked about again
	rest int64 // how long to rest after that

	standing event.Standing
}

// anew has what stood stand anew: some time did not count. What it was found to
// wait for it waits for still, as its counters have not moved.
func (t *task) anew(honest int64) {
	t.stood, t.busy, t.runnable = honest, -1, 0
	t.stalled, t.gotOn, t.answered = -1, false, -1
	t.next, t.rest = 0, 0
	if t.same > 1 {
		t.same = 1
	}
}

// stand begins a new stand: nothing that was read of a thread that has moved since
// says what it waits for now.
func (t *task) stand() {
	t.stateRound, t.resourceRound, t.same, t.runnable = 0, 0, 0, 0
	t.stalled, t.gotOn, t.answered = -1, false, -1
	t.next, t.rest, t.lasting = 0, 0, false
}

// see takes what a round shows of the thread into account.
func (t *task) see(th *event.Thread, j *Judge) {
	known := t.round > 0
	before := t.now
	t.round = j.round
	if known && (th.RanNS != before.RanNS || th.Slices != before.Slices) {
		t.stood, t.movedAt, t.movedRound = j.honest, j.at, j.round
		t.stand()
	}
	if th.Depth == event.DepthCounters {
		t.now.ID, t.now.Err = th.ID, th.Err
		t.now.RanNS, t.now.WaitedNS, t.now.Slices = th.RanNS, th.WaitedNS, th.Slices
	} else {
		t.seeState(th, j)
	}
	t.seeWork(&before, known, j)
}

// seeState takes a reading of its state into account.
func (t *task) seeState(th *event.Thread, j *Judge) {
	standing := t.stateRound > 0
	if standing && th.Switches != t.now.Switches {
		// It has moved, if only to sleep again: a processor was given to it for
		// less than the counters' grain.
		t.stood, t.movedAt, t.movedRound = j.honest, j.at, j.round
		t.stand()
		standing = false
	}
	resource := t.now.Resource
	t.now = *th
	if th.Depth < event.DepthResource {
		t.now.Resource = resource
	}
	if !standing {
		t.now.Resource = th.Resource
	}
	if th.State == "R" && standing { // else its CPU time has moved
		t.runnable++
	} else {
		t.runnable = 0
	}
	if th.Depth >= event.DepthResource {
		t.seeResource(t.resourceRound > 0, resource, th.Resource, j.honest)
		t.resourceRound, t.read = j.round, j.honest
	}
	t.stateRound = j.round
}

// seeResource compares what it waits for with the reading before.
func (t *task) seeResource(again bool, before, now *event.Resource, honest int64) {
	if !again || !alike(before, now) {
		t.same, t.stalled, t.gotOn, t.answered = 1, -1, false, -1
		return
	}
	t.same++
	if now == nil || now.Err != "" || before.Err != "" {
		t.stalled, t.gotOn = -1, false
		return
	}
	t.gotOn = now.Completed != before.Completed || now.Moved != before.Moved || held(now.Kind) && holdersRan(before, now)
	if t.gotOn {
		t.answered = honest
	}
	switch {
	case t.gotOn || now.InFlight == 0 || before.InFlight == 0:
		t.stalled = -1
	case t.stalled < 0:
		t.stalled = honest
	}
}

// alike reports whether two readings speak of the same thing in the same hands.
func alike(a, b *event.Resource) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Name != b.Name || len(a.Holders) != len(b.Holders) {
		return false
	}
	for i := range a.Holders {
		if a.Holders[i].PID != b.Holders[i].PID || a.Holders[i].TID != b.Holders[i].TID {
			return false
		}
	}
	return true
}

// held reports whether a thing of that kind is in somebody's hands, so that it gets
// on if that one does. A page that nobody fills is not filled by a process that
// runs.
func held(k event.ResourceKind) bool {
	switch k {
	case event.OnMutex, event.OnJoin, event.OnKernel, event.OnLockFile, event.OnChild, event.OnPipe:
		return true
	}
	return false
}

// holdersRan reports whether somebody whom the wait is for has had CPU time. They
// are alike.
func holdersRan(a, b *event.Resource) bool {
	for i := range a.Holders {
		if a.Holders[i].RanNS != b.Holders[i].RanNS {
			return true
		}
	}
	return false
}

// Shares of an interval, in percent: beyond busyShare a thread is taken to have
// had no pause, beyond shareToAsk it is worth a look whether that is so.
const (
	busyShare  = 90
	shareToAsk = 50
)

// seeWork keeps since when the thread has been busy without a pause.
func (t *task) seeWork(before *event.Thread, known bool, j *Judge) {
	t.wanted = 0
	if !known || j.lapse <= 0 {
		t.busy = -1
		return
	}
	ran, waited := t.now.RanNS-before.RanNS, t.now.WaitedNS-before.WaitedNS
	if t.wanted = ran; waited > 0 {
		t.wanted += waited
	}
	if !t.wants(busyShare, j) {
		t.busy = -1
		return
	}
	if t.stateRound == j.round && (t.busy < 0 || !calm(&t.calm, &t.now)) {
		t.busy, t.calm = j.honest, t.now
	}
}

// wants reports whether the thread has run, or waited for a processor, for that
// share of the last interval.
func (t *task) wants(percent int64, j *Judge) bool {
	return j.lapse > 0 && t.wanted >= j.lapse/100*percent
}

// calm reports whether, from a to b, a thread has neither slept nor read, written
// or faulted.
func calm(a, b *event.Thread) bool {
	return a.Switches-a.Forced == b.Switches-b.Forced && a.Faults == b.Faults &&
		a.ReadBytes == b.ReadBytes && a.WroteBytes == b.WroteBytes
}

// moving reports whether the thread has moved in this round.
func (t *task) moving(j *Judge) bool { return t.movedRound == j.round }

// looked reports whether the thread's state, and what it waits for, were read
// since it has stood.
func (t *task) looked() bool { return t.stateRound > 0 && t.resourceRound > 0 }

// silent is for how long what it waits for has finished nothing, as of the last
// reading: all the time that it stands, or since that was last found to get on.
func (t *task) silent(j *Judge) int64 {
	switch {
	case t.answered >= 0:
		return t.read - t.answered
	case t.resourceRound > 0 && t.read > t.stood:
		return t.read - t.stood
	}
	return 0
}

// stands is for how long it has not been seen to move, as far as that counts.
func (t *task) stands(j *Judge) int64 { return j.honest - t.stood }

// due reports whether the thread's state is worth reading in the next round.
func (t *task) due(j *Judge) bool {
	if t.moving(j) {
		return t.wants(shareToAsk, j)
	}
	return j.honest >= t.next
}

// How long a thread that stands rests between two readings: not at all while it
// is open what it stands for, then for longer and longer. It is read at once
// when it has moved, or when another thread has ended.
const (
	hurry   = 15_000_000_000
	minRest = 1_000_000_000
	maxRest = 30_000_000_000
)

// settle says when the thread is to be read again, after a reading.
func (t *task) settle(j *Judge) {
	if t.stateRound != j.round || t.moving(j) {
		return
	}
	switch {
	case t.standing.Verdict == event.Idle:
		if t.rest *= 2; t.rest < minRest {
			t.rest = minRest
		} else if t.rest > maxRest {
			t.rest = maxRest
		}
	case t.stands(j) < hurry:
		t.rest = 0
	default:
		t.rest = minRest
	}
	t.next = j.honest + t.rest
}
