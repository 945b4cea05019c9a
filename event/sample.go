package event

// Sample is what the observer saw of one process at one instant. It decides
// nothing: contradictions between its parts are for the judge.
type Sample struct {
	At         int64           // when it was taken, CLOCK_MONOTONIC nanoseconds
	Process    Process         // what the kernel says of the whole process
	Goroutines []Goroutine     // those that have a cell in the vitals page, by cell
	Orphans    []Orphan        // locks whose holder ended, or began a new life, with the lock in hand
	Foreign    map[uint64]bool // locks once released by a goroutine that had not taken them
	Workers    []WorkerMark    // those that the program's author has declared
	Looks      map[uint64]Look // by goroutine id: only those the judge asked for
	Words      map[uint64]Word // by address of a lock or channel: only those the judge asked for
	Said       []Finding       // what the program has said of itself since the last sample
	Mimics     []Mimic         // what its mimic checkers have come to since the last sample
	Census     *Census         // nil unless the judge asked for it
	Lost       uint64          // goroutines the page had no cell for, since the start

	Threads []Thread // every thread of the process, by number; nil if the kernel was not asked for them
	Exits   []Exit   // threads of the process whose end the kernel has told of since the last sample
	Node    *Node    // what the kernel says of the machine; nil if it was not asked
}

// Census is a look at every goroutine of the process, those without a cell
// among them.
type Census struct {
	Goroutines []Resident
	Err        string // why it is not complete, "" if it is
}

// Resident is a goroutine in a census.
type Resident struct {
	ID   uint64
	Look Look
}

// Process is the kernel's evidence about a process.
type Process struct {
	Paused  string // why nothing of it runs: "stopped by a signal", "traced", "frozen"; "" if it may run
	RanNS   int64  // CPU time all threads have had since the start; -1 if it could not be read
	Unknown string // why the kernel could not be asked, "" if it was

	// Throttled counts the periods in which a CPU quota, of its control group or of
	// one above, was used up, so far: while it grows, threads that could run do not.
	Throttled uint64
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
	Done   bool   // an operation at this site has come to its end before, in some goroutine
}

// RegionMark is the activity marker of one region that a goroutine is in.
type RegionMark struct {
	Site  Site
	Count uint64 // iterations begun
	Begun int64  // when the region was entered
	Last  int64  // when the last iteration began
	Done  bool   // the region has come to its end before, in some goroutine
}

// WorkerMark is the activity marker of a worker that the program's author has
// declared.
type WorkerMark struct {
	Index     int    // its slot in the page
	Site      Site   // where it was declared
	Name      string // as the author calls it
	Group     string // of workers that stand for each other, "" if it stands alone
	All       bool   // the group is stuck when all of it is; otherwise when one is
	Busy      bool   // it has work; otherwise it waits for some
	Goroutine uint64 // that said so last, 0 if unknown
	Seq       uint64 // counts the times it became busy
	Since     int64  // when it became busy
	Budget    int64  // nanoseconds that a unit of work may take without progress
	Progress  uint64 // counts its reports of progress
	Last      int64  // when it reported progress last
	Reported  bool   // it has been told that it is taken for dead
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
	Object uint64 // the address the goroutine is parked on: of a semaphore or channel; 0 if the runtime keeps none, or several
	Stack  []Frame
	Coarse bool    // functions that the compiler has put into others are not in Stack
	Thread *Thread // what the kernel says of its thread, for one in a system call
	Err    string  // why there is no look, "" if there is one
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

// Word is the own state of a lock, a channel or a WaitGroup, read atomically
// and never touched.
type Word struct {
	Writer  Writer
	Readers int    // active readers (RWMutex)
	Size    uint64 // bytes the lock takes up from its address
	Chan    *Chan  // of a channel
	Count   int    // a WaitGroup's counter
	Err     string // why it could not be read, "" if it was
}

// Chan is the state of a channel.
type Chan struct {
	Len, Cap           int
	Closed             bool
	Senders, Receivers int // waiting, as far as they were counted
}
