package event

// Sample is what the observer saw of one process at one instant. It decides
// nothing: contradictions between its parts are for the judge.
type Sample struct {
	At         int64           // when it was taken, CLOCK_MONOTONIC nanoseconds
	Process    Process         // what the kernel says of the whole process
	Goroutines []Goroutine     // those that have a cell in the vitals page, by cell
	Orphans    []Orphan        // locks whose holder ended, or began a new life, with the lock in hand
	Foreign    map[uint64]bool // locks once released by a goroutine that had not taken them
	Looks      map[uint64]Look // by goroutine id: only those the judge asked for
	Words      map[uint64]Word // by lock address: only those the judge asked for
	Lost       uint64          // goroutines the page had no cell for, since the start
}

// Process is the kernel's evidence about a process.
type Process struct {
	Paused  string // why nothing of it runs: "stopped by a signal", "traced", "frozen"; "" if it may run
	RanNS   int64  // CPU time all threads have had since the start; -1 if it could not be read
	Unknown string // why the kernel could not be asked, "" if it was
}

// Goroutine is what a goroutine's cell in the vitals page says.
type Goroutine struct {
	ID      uint64   // the runtime's number of it
	Seq     uint64   // counts its occurrences: if it has not moved, the goroutine entered nothing
	Records []Record // oldest first
	Regions []RegionMark
	Lost    bool // at some time it had more records than its cell can hold: some locks it holds may be missing
}

// Waits returns the operation that g is in: its newest record that is not a
// lock held. ok is false if g is in none that is woven.
func (g Goroutine) Waits() (r Record, ok bool) {
	for i := len(g.Records) - 1; i >= 0; i-- {
		if !g.Records[i].Held {
			return g.Records[i], true
		}
	}
	return Record{}, false
}

// Record is one occurrence of a vulnerable operation: in flight, or, for a
// lock, acquired and not released.
type Record struct {
	Site   Site
	Seq    uint64 // tells this occurrence from every other of the same goroutine
	Object uint64 // address of the lock or channel, 0 if it has none
	Since  int64  // when it was entered, or acquired if Held, to the coarse clock's grain
	Held   bool   // acquired and not yet released; otherwise in flight
}

// RegionMark is the activity marker of one region that a goroutine is in.
type RegionMark struct {
	Site  Site
	Count uint64 // iterations begun
	Begun int64  // when the region was entered
	Last  int64  // when the last iteration began
}

// Orphan is a lock that was in the hands of a goroutine when that ended.
type Orphan struct {
	Record    Record
	Goroutine uint64 // who held it
}

// Status of a goroutine as the Go runtime keeps it.
type Status string

// What a goroutine can be found doing.
const (
	Waiting  Status = "waiting"  // parked
	Runnable Status = "runnable" // wants to run
	Running  Status = "running"
	Syscall  Status = "syscall" // inside a system call or C code
	Gone     Status = "gone"    // has ended
)

// Look is a fresh look at one goroutine, taken from the runtime's own data
// without stopping anything.
type Look struct {
	Status Status
	Reason string // the runtime's wait reason, if Waiting: "sync.RWMutex.RLock"
	Object uint64 // the address the goroutine is parked on, 0 if the runtime keeps none
	Stack  []Frame
	Err    string // why there is no look, "" if there is one
}

// Frame is one function on a stack, innermost first.
type Frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Writer says what the writer of an RWMutex, or the owner of a Mutex, is about.
type Writer string

// The three states of a lock's exclusive side.
const (
	NoWriter Writer = "none"
	Pending  Writer = "pending" // announced, waits for the readers to leave
	Holding  Writer = "holding"
)

// Word is a lock's own state, read atomically and never touched.
type Word struct {
	Writer  Writer
	Readers int    // active readers (RWMutex)
	Size    uint64 // bytes the lock takes up from its address
	Err     string // why it could not be read, "" if it was
}
