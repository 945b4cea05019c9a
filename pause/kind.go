package pause

import (
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Kind is why nothing ran.
type Kind string

// The kinds. All but Late are pauses of the whole process.
const (
	Suspended Kind = "suspended"     // the machine slept
	Stopped   Kind = "stopped"       // by SIGSTOP or its like, until SIGCONT
	Frozen    Kind = "frozen"        // by the freezer of a control group
	Throttled Kind = "throttled"     // a control group's CPU quota was used up
	Swapping  Kind = "swapping"      // pages were read from swap
	Faulting  Kind = "faulting"      // pages of mapped files were read from a disk
	Disk      Kind = "disk"          // the same, and single reads took so long that the disk stands
	GCStop    Kind = "gc stop"       // the collector has stopped the world
	World     Kind = "world stopped" // something else has: a dump of all stacks, a profile
	Stolen    Kind = "stolen"        // the hypervisor has given the processors to others
	Starved   Kind = "starved"       // other processes had the processors
	GCWork    Kind = "gc assist"     // the collector had the processors: marking, and goroutines made to help
	Late      Kind = "observer late" // the program's own goroutines had them: who looked was late, the program was not paused
	Unknown   Kind = "unknown"       // cannot tell
)

// Pauses reports whether k is a pause of the process, and not of who looked alone.
func (k Kind) Pauses() bool { return k != Late }

// Pause is a stretch in which nothing ran, as far as who looks can see.
type Pause struct {
	Kind     Kind
	What     string           // one sentence
	From     int64            // CLOCK_MONOTONIC nanoseconds: when something ran for the last time, at the earliest
	Until    int64            // when something ran again
	Length   time.Duration    // at least that long; of Suspended, by CLOCK_BOOTTIME
	Evidence []event.Evidence // what speaks for Kind
	Refuted  string           // what would speak against it
}

// Finding returns the pause as a finding, for the vitals page and for people.
func (p Pause) Finding() event.Finding {
	f := event.Finding{
		Verdict: event.Paused, Class: event.Inferred, What: p.What, At: p.Until,
		Place: event.Step{Since: p.From}, Evidence: p.Evidence, Refuted: p.Refuted,
	}
	switch p.Kind {
	case Suspended, Stopped, GCStop, World:
		f.Class = event.Proven // the clocks, the signal and the runtime say so themselves
	case Starved, Stolen, Late, GCWork:
		f.Verdict = event.Starved
	case Unknown:
		f.Class = event.Undecided
	}
	return f
}

// Thread is a thread's time without a processor.
type Thread struct {
	ID       int
	WaitedNS int64
}

// Reading is all that is read at one time. Counters only grow; -1 is what is not
// known. The zero Reading knows nothing of use: Nothing is the one to begin with.
type Reading struct {
	Mono, Boot int64 // CLOCK_MONOTONIC, CLOCK_BOOTTIME
	Threads    []Thread
	ThreadsAt  int64 // when Threads were read, if that was after the rest; otherwise 0

	// What the kernel counts.
	RanNS       int64 // CPU time of the process
	ThrottledNS int64 // of its control groups, all processors together
	FrozenNS    int64
	Notices     int64 // of freezers
	Continued   int64 // times that SIGCONT came
	Faults      int64 // major; those that the runtime's own signals have interrupted may be missing
	AllFaults   int64 // of the machine
	ReadBytes   int64 // that the process had storage read
	SwapIns     int64 // pages, of the machine
	IONS        int64 // some task waited for I/O
	StealNS     int64 // all processors together

	// What the runtime counts.
	GCStopNS    int64 // the world was stopped by the collector
	WorldStopNS int64 // by others
	GCStops     int64 // times that the collector has stopped the world: twice a cycle
	Cycles      int64 // finished
	GCNS        int64 // CPU time of marking and helping; grows when a cycle ends
	Marking     bool  // a collection is under way
}

// Nothing returns a reading in which nothing is known.
func Nothing() Reading {
	return Reading{
		RanNS: -1, ThrottledNS: -1, FrozenNS: -1, Notices: -1, Continued: -1, Faults: -1, AllFaults: -1, ReadBytes: -1, SwapIns: -1, IONS: -1, StealNS: -1,
		GCStopNS: -1, WorldStopNS: -1, GCStops: -1, Cycles: -1, GCNS: -1,
	}
}
