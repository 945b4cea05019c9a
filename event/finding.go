package event

// Verdict says what is the case with a worker or a process.
type Verdict string

// The verdicts.
const (
	Working  Verdict = "working"
	Idle     Verdict = "idle"
	Slow     Verdict = "slow"
	Stuck    Verdict = "stuck"
	Spinning Verdict = "spinning"
	Starved  Verdict = "starved"
	Paused   Verdict = "paused"
	Vanished Verdict = "vanished"
	Crashed  Verdict = "crashed"
	Wrong    Verdict = "wrong" // it goes on, and something that it relies on does not hold: a condition of its author's, or that what it writes is kept
	Unknown  Verdict = "unknown"
)

// Class says how certain a verdict is.
type Class string

// The classes.
const (
	Proven    Class = "proven"   // by structure: a wait cycle, a lock whose holder is gone
	Inferred  Class = "inferred" // nothing moved for longer than a budget
	Undecided Class = "unknown"
)

// Source is who gives a piece of evidence.
type Source string

// The sources of evidence. Marks and Runtime show the same goroutine twice
// and count as one source when independent ones must agree.
const (
	Marks   Source = "marks"   // the vitals page
	Runtime Source = "runtime" // the Go runtime's own data, read from outside
	Kernel  Source = "kernel"
	Mimics  Source = "mimics"  // the program's operations, done again beside it
	Program Source = "program" // what the program says of itself: assertions, invariants, calls with a budget
	Watcher Source = "watcher" // about itself: how far it may be believed
)

// Evidence is one observation.
type Evidence struct {
	Source Source `json:"source"`
	At     int64  `json:"at"` // CLOCK_MONOTONIC nanoseconds
	Text   string `json:"text"`
}

// Link is one step of a wait-for chain: a goroutine or a thread, what it waits
// for and what it has in its hands that the step before it waits for.
type Link struct {
	Goroutine uint64  `json:"goroutine"`        // 0 if only a thread is known
	Task      *Task   `json:"thread,omitempty"` // the thread, nil if the goroutine is on none, or it is not known
	What      string  `json:"what,omitempty"`   // what a thread stands in
	Waits     *Step   `json:"waits,omitempty"`  // the operation it is in; nil if none is woven
	Holds     *Step   `json:"holds,omitempty"`  // the lock by which it keeps the link before it waiting
	Region    *Site   `json:"region,omitempty"`
	Stack     []Frame `json:"stack,omitempty"`
}

// Step is an operation on an object, by a goroutine.
type Step struct {
	Site   Site   `json:"site"`
	Object uint64 `json:"object,omitempty"`
	Since  int64  `json:"since"` // CLOCK_MONOTONIC nanoseconds
}

// Finding is a verdict tied to a place. What was found stuck and goes on again is
// told by another finding of the same episode, with the verdict working.
type Finding struct {
	Episode  uint64     `json:"episode"` // counts what was found in this process, from 1; what mimics have found from above 1<<32
	Verdict  Verdict    `json:"verdict"`
	Class    Class      `json:"class"`
	What     string     `json:"what"`             // one sentence
	Place    Step       `json:"place"`            // the operation that stands; without a site if a thread does
	Thread   int        `json:"thread,omitempty"` // the thread that stands, 0 if only a goroutine is known to
	At       int64      `json:"at"`               // when the verdict was reached
	Chain    []Link     `json:"chain"`            // from the place to the chain's end
	Cycle    bool       `json:"cycle"`            // the last link of the chain waits for the first
	Waiters  []Link     `json:"waiters,omitempty"`
	Evidence []Evidence `json:"evidence"`
	Refuted  string     `json:"refuted"` // what would refute it
}
