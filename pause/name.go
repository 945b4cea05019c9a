package pause

import (
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// inquiry is a gap with what was read before and after it.
type inquiry struct {
	gap    Gap
	length int64 // nanoseconds
	window int64 // between the readings before and after
	before int64 // between the reading before that one and it, 0 if there is none
	c      change
	usual  change // in before

	// The same windows of what threads have waited, which is read more often.
	waitWindow, waitBefore int64
	procs                  int
	found                  []event.Evidence
}

// change is what has grown from one reading to the next; -1 what is not known.
type change struct {
	ran, throttled, frozen, notices, continued, faults, swapIns, io, steal int64
	allFaults, read                                                        int64
	gcStop, worldStop, gcStops, cycles, gc                                 int64
	waits                                                                  map[int]int64 // for a processor, by thread
	marking                                                                bool          // a collection is under way
}

// Name says why nothing ran in a gap. earlier, before and after are readings in the
// order in which they were made, the last one after the gap; earlier shows what is
// usual and may be Nothing. procs is how many processors the program may use at once.
//
// If more is false, that is all that can be said. Otherwise something may show yet: a
// collection is under way, whose share is known when it ends; a signal has not come
// through; waiting for I/O is added up every two seconds. Ask again with a later
// reading.
func Name(g Gap, earlier, before, after Reading, procs int) (p Pause, more bool) {
	q := &inquiry{
		gap: g, length: int64(g.Length()), window: after.Mono - before.Mono, procs: procs,
		c: between(before, after), usual: change{ran: -1, throttled: -1, io: -1, steal: -1},
	}
	q.waitWindow = after.threadsAt() - before.threadsAt()
	if g.RanNS >= 0 {
		q.c.ran = g.RanNS
	}
	if earlier.Mono != 0 && before.Mono > earlier.Mono {
		q.before, q.usual = before.Mono-earlier.Mono, between(earlier, before)
		q.waitBefore = before.threadsAt() - earlier.threadsAt()
	}
	kind, what, refuted := q.decide()
	p = Pause{Kind: kind, What: what, From: g.From, Until: g.Until, Length: g.Length(), Evidence: q.found, Refuted: refuted}
	return p, kind == Late && q.c.marking || kind == Unknown
}

// decide goes through the rules of the package comment, in their order.
func (q *inquiry) decide() (k Kind, what, refuted string) {
	for _, rule := range [...]func(*inquiry) (Kind, string, string){
		(*inquiry).suspended, (*inquiry).stopped, (*inquiry).throttled, (*inquiry).faulted, (*inquiry).world,
		(*inquiry).occupied, (*inquiry).stolen, (*inquiry).unserved,
	} {
		if k, what, refuted = rule(q); k != "" {
			return k, what, refuted
		}
	}
	q.note(event.Kernel, "it used %s of processor time meanwhile, its threads waited for one for %s at a time, it had %d major page faults, some task waited for I/O for %s, the hypervisor took %s", ms(q.own()), ms(q.waited()), q.c.faults, ms(q.c.io), ms(q.c.steal))
	return Unknown, fmt.Sprintf("nothing ran for %s, and it cannot be told why: a tracer, a freezer out of sight or the hypervisor leave no trace", ms(q.length)), "something is counted that shows it"
}

func (q *inquiry) suspended() (Kind, string, string) {
	if q.gap.Suspended == 0 {
		return "", "", ""
	}
	q.note(event.Kernel, "CLOCK_BOOTTIME went on by %s more than CLOCK_MONOTONIC", ms(q.length))
	return Suspended, fmt.Sprintf("the machine was suspended for %s", ms(q.length)), "the clocks agree"
}

// stopped has what leaves a trace of its own: the signal that ends a stop, and the
// freezer's files. Both say nothing of how long it was; that hardly any processor
// time was used does.
func (q *inquiry) stopped() (Kind, string, string) {
	if q.atLeast() > q.length/4 {
		return "", "", ""
	}
	continued := q.c.continued > 0
	frozen := q.c.frozen >= q.length/2 || q.c.notices > 0
	switch {
	case continued && frozen:
		q.note(event.Kernel, "SIGCONT came, and the freezer of a control group was used")
		return Unknown, fmt.Sprintf("nothing ran for %s: it was stopped by a signal or frozen, or both", ms(q.length)), "one of both did not happen"
	case continued:
		q.note(event.Program, "SIGCONT came")
		q.idle()
		return Stopped, fmt.Sprintf("the process was stopped by a signal for %s", ms(q.length)), "SIGCONT was sent to a process that ran"
	case q.c.frozen >= q.length/2:
		q.note(event.Kernel, "the control group was frozen for %s (cgroup.stat.local)", ms(q.c.frozen))
		q.idle()
		return Frozen, fmt.Sprintf("the process was frozen by its control group for %s", ms(q.length)), "the control group was not frozen"
	case frozen:
		q.note(event.Kernel, "the freezer of its control group was used")
		q.idle()
		return Frozen, fmt.Sprintf("the process was frozen by its control group for %s", ms(q.length)), "the control group was not frozen"
	}
	return "", "", ""
}

func (q *inquiry) throttled() (Kind, string, string) {
	// No part of it is usual: whatever is throttled makes a gap, which has a reading.
	if q.c.throttled < q.length/2 {
		return "", "", ""
	}
	q.note(event.Kernel, "the CPU quota of its control group was used up for %s (cpu.stat, all processors together)", ms(q.c.throttled))
	return Throttled, fmt.Sprintf("nothing ran for %s: the CPU quota was used up", ms(q.length)), "the quota is larger than what is used"
}

const (
	// swapFault is what a page from compressed memory takes at least; the measurement
	// had 971 of them in 27 ms.
	swapFault = int64(20 * time.Microsecond)

	// stands is how long a single read takes of a disk that stands: Linux's own
	// disks answer within milliseconds, or are asked for too much.
	stands = int64(50 * time.Millisecond)
)

// faulted: threads of Go that wait for a page keep their processor, so two of them
// stand for the whole program; threads that wait in a call do not. A fault that the
// runtime interrupts to have the goroutine yield is not counted as a major one when it
// is done, hence that something was read at all counts, too.
func (q *inquiry) faulted() (Kind, string, string) {
	n := q.c.faults
	waits := over(q.c.io, q.usual.io, q.before, q.window-q.length) >= q.length/2 && q.own() < q.length/2 && q.waited() < q.length/2
	switch swapped := n > 0 && q.c.swapIns > 0 && q.c.swapIns >= n/2; {
	case swapped && (waits || n*swapFault >= q.length/2):
		q.note(event.Kernel, "%d major page faults, and the machine has read %d pages from swap", n, q.c.swapIns)
		return Swapping, fmt.Sprintf("nothing ran for %s: pages were read from swap", ms(q.length)), "they were not this program's"
	case !waits || n <= 0 && q.c.read <= 0:
		return "", "", ""
	}
	if n < q.c.allFaults {
		n = q.c.allFaults
	}
	if n <= 0 {
		n = 1
	}
	each := q.length
	if at := int64(q.procs); n > at { // that many at once
		each = q.length * at / n
	}
	q.note(event.Kernel, "it had %d bytes read from storage and met %d major page faults (the machine: %d); tasks waited for I/O for %s", q.c.read, q.c.faults, q.c.allFaults, ms(q.c.io))
	if each >= stands {
		return Disk, fmt.Sprintf("nothing ran for %s: a page was waited for that the disk did not give", ms(q.length)), "what was read was read elsewhere than in page faults"
	}
	return Faulting, fmt.Sprintf("nothing ran for %s: pages were read from a disk", ms(q.length)), "what was read was read elsewhere than in page faults"
}

// world: that it stands includes the time until all have stopped, in which who is to
// stop may lack a processor.
func (q *inquiry) world() (Kind, string, string) {
	stop, kind, who := q.c.gcStop, GCStop, "the garbage collector"
	if q.c.worldStop > stop {
		stop, kind, who = q.c.worldStop, World, "something other than the collector, like a dump of all stacks,"
	}
	if stop < q.length/2 || q.waited() > stop*3/4 {
		return "", "", ""
	}
	q.note(event.Runtime, "the world was stopped for %s", ms(stop))
	return kind, fmt.Sprintf("nothing ran for %s: %s had stopped the world", ms(q.length), who), "it was stopped at another time"
}

func (q *inquiry) stolen() (Kind, string, string) {
	stolen := over(q.c.steal, q.usual.steal, q.before, q.window-q.length)
	if stolen < q.length/2 {
		return "", "", ""
	}
	q.note(event.Kernel, "the hypervisor took %s (steal, all processors together, in steps of 10 ms)", ms(stolen))
	return Stolen, fmt.Sprintf("nothing ran for %s: the hypervisor had given the processors to others", ms(q.length)), "they were idle"
}

// unserved: threads have waited for a processor for half of the gap.
func (q *inquiry) unserved() (Kind, string, string) {
	waited := q.waited()
	if waited < q.length/2 {
		return "", "", ""
	}
	q.note(event.Kernel, "a thread at a time was runnable and had no processor for %s, while the process had %s of processor time", ms(waited), ms(q.own()))
	return Starved, fmt.Sprintf("nothing ran for %s: other processes had the processors", ms(q.length)), "they were idle"
}

// occupied: the process itself ran for half of the gap, so nothing was paused, also if
// it would have liked to run more.
func (q *inquiry) occupied() (Kind, string, string) {
	own := q.own()
	if own < q.length/2 {
		return "", "", ""
	}
	if (q.c.gcStops > 0 || q.c.cycles > 0) && q.c.gc >= q.c.ran/2 && q.c.gc > q.length/4 {
		q.note(event.Runtime, "of %s of processor time the collector had %s, for marking and by goroutines that were made to help", ms(q.c.ran), ms(q.c.gc))
		return GCWork, fmt.Sprintf("goroutines were kept waiting for %s: the garbage collector had the processors", ms(q.length)), "it was not collecting"
	}
	q.note(event.Kernel, "the process used %s of processor time meanwhile", ms(own))
	return Late, fmt.Sprintf("who looked was %s late, since the program's own goroutines had the processors: the program was not paused", ms(q.length)), "the processors were idle"
}

// own is the processor time that the process has used in the gap, if it was used
// evenly since the tick before.
func (q *inquiry) own() int64 {
	whole := q.gap.Until - q.gap.From
	if q.c.ran < 0 || whole <= 0 {
		return 0
	}
	if q.gap.RanNS < 0 {
		return over(q.c.ran, q.usual.ran, q.before, q.window-q.length)
	}
	return int64(float64(q.c.ran) * float64(q.gap.Until-q.gap.Due) / float64(whole))
}

// atLeast is the processor time that the process must have used in the gap: what is
// left if it had every processor that it may use from the tick before until the gap.
func (q *inquiry) atLeast() int64 {
	least := q.c.ran - int64(q.procs)*(q.gap.Due-q.gap.From)
	if least < 0 {
		return 0
	}
	return least
}

// waited is for how much of the gap threads that had work had no processor, as far as
// that can be told from the rest of the window: as long as one of them waited, or all
// of them by turns, of which as many wait at once as there are processors to use.
func (q *inquiry) waited() int64 {
	var all, longest int64
	for id, w := range q.c.waits {
		w = over(w, q.usual.waits[id], q.waitBefore, q.waitWindow-q.length)
		if all += w; w > longest {
			longest = w
		}
	}
	if all /= int64(q.procs); all > longest {
		return all
	}
	return longest
}

// idle notes how little was done.
func (q *inquiry) idle() {
	q.note(event.Kernel, "since the tick before the process used %s of processor time", ms(q.c.ran))
}

func (q *inquiry) note(s event.Source, format string, args ...interface{}) {
	q.found = append(q.found, event.Evidence{Source: s, At: q.gap.Until, Text: fmt.Sprintf(format, args...)})
}

// over is by how much n exceeds what is usual in the rest of its window: usual was
// counted in a time of before.
func over(n, usual, before, rest int64) int64 {
	if n <= 0 {
		return 0
	}
	if usual > 0 && before > 0 && rest > 0 {
		n -= int64(float64(usual) * float64(rest) / float64(before))
	}
	if n < 0 {
		return 0
	}
	return n
}

// between is what has grown from a to b.
func between(a, b Reading) change {
	c := change{
		ran: grown(a.RanNS, b.RanNS), throttled: grown(a.ThrottledNS, b.ThrottledNS), frozen: grown(a.FrozenNS, b.FrozenNS),
		notices: grown(a.Notices, b.Notices), continued: grown(a.Continued, b.Continued), faults: grown(a.Faults, b.Faults), allFaults: grown(a.AllFaults, b.AllFaults), read: grown(a.ReadBytes, b.ReadBytes),
		swapIns: grown(a.SwapIns, b.SwapIns), io: grown(a.IONS, b.IONS), steal: grown(a.StealNS, b.StealNS),
		gcStop: grown(a.GCStopNS, b.GCStopNS), worldStop: grown(a.WorldStopNS, b.WorldStopNS), gcStops: grown(a.GCStops, b.GCStops),
		cycles: grown(a.Cycles, b.Cycles), gc: grown(a.GCNS, b.GCNS), waits: map[int]int64{},
	}
	c.marking = b.Marking
	for _, t := range b.Threads { // of one that is new, all of it
		c.waits[t.ID] = t.WaitedNS
	}
	for _, t := range a.Threads {
		if w, ok := c.waits[t.ID]; ok && w >= t.WaitedNS {
			c.waits[t.ID] = w - t.WaitedNS
		} else {
			delete(c.waits, t.ID)
		}
	}
	return c
}

func (r Reading) threadsAt() int64 {
	if r.ThreadsAt != 0 {
		return r.ThreadsAt
	}
	return r.Mono
}

// grown is by how much a counter has grown, -1 if it is not known.
func grown(a, b int64) int64 {
	if a < 0 || b < a {
		return -1
	}
	return b - a
}

// ms writes nanoseconds for people.
func ms(ns int64) string {
	return time.Duration(ns).Round(100 * time.Microsecond).String()
}
