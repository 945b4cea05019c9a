package event

// Thread is the kernel's evidence about one thread. How much of it there is
// depends on what was asked: Depth says.
type Thread struct {
	ID    int
	Depth Depth
	Err   string // why the kernel could not be asked, or not for all of it; "" if it was

	// The counters. They are cheap; if one has moved, the thread has.
	RanNS    int64  // CPU time so far
	WaitedNS int64  // time it has waited for a processor; told only once it has got one
	Slices   uint64 // times it was given a processor

	// The state.
	Comm       string   // its name
	State      string   // R, S, D, … of /proc/PID/task/TID/stat
	UserNS     int64    // CPU time so far, as the clock's ticks saw it
	SystemNS   int64    //
	Faults     uint64   // major page faults
	Switches   uint64   // context switches so far, of its own and forced
	Forced     uint64   // those of them that were forced
	ReadBytes  uint64   // from a device, so far
	WroteBytes uint64   // to a device, so far
	Syscall    int64    // its number; -1 if it is in none, or unknown
	Fault      bool     // it waits inside of a page fault, in no system call
	Call       string   // the system call's name, "" if unknown
	What       string   // the call and what it works on: "fsync(7 → /data/wal/0004.log)"
	Wchan      string   // the kernel function it sleeps in
	Stack      []string // the kernel's functions, innermost first; nil if that is not permitted
	Killed     bool     // SIGKILL is pending, or it has begun to exit (PF_EXITING)
	ExitCode   int      // what it has ended with, if State is Z; signals in the low seven bits
	Policy     string   // of the scheduler, "" if it is the usual one: "idle", "batch", "fifo", "rr", "deadline"
	Nice       int

	// What it waits for.
	Resource *Resource // what the call works on; nil if that could not be found out
	User     []Frame   // its own functions, innermost first; nil if they were not read
	UserErr  string    // why User has not all of them up to the thread's first, "" if it has or was not read
}

// Depth says how much of a Thread was read.
type Depth int

// The depths: each has what those before it have.
const (
	DepthCounters Depth = iota // the counters alone
	DepthState                 // all that one look at the thread tells
	DepthResource              // what it waits for, and the functions it stands in
)

// Resource is what a thread waits for, and what the kernel counts of it: a file
// system or a device, a lock, somebody at the other end.
type Resource struct {
	Kind      ResourceKind // what it is, "" if that is not known
	Name      string       // "the FUSE file system at /data", "block device 254:0", "the mutex at 0x7f12"
	InFlight  uint64       // requests that it has not answered
	Completed uint64       // requests that it has answered so far; 0 if that is not counted
	Moved     uint64       // any other count of its that grows while it gets on: bytes acknowledged, say
	Holders   []Task       // who has it, or is at its other end: the wait ends when one of them acts
	Throttled string       // the limit that makes it slow, "" if none is known
	Err       string       // why it could not be asked, "" if it was
}

// ResourceKind is the kind of thing that a thread waits for.
type ResourceKind string

// The kinds.
const (
	OnFUSE     ResourceKind = "fuse"
	OnNFS      ResourceKind = "nfs"
	OnDevice   ResourceKind = "device"
	OnFrozen   ResourceKind = "frozen" // a file system that is frozen
	OnMutex    ResourceKind = "mutex"  // a lock in user space whose owner is known, or was
	OnFutex    ResourceKind = "futex"  // a futex that nobody owns: a condition, a semaphore
	OnJoin     ResourceKind = "join"   // another thread's end
	OnChild    ResourceKind = "child"  // a process: its end, or that it lets go of the memory it shares
	OnLockFile ResourceKind = "lock"   // a lock of a file
	OnKernel   ResourceKind = "kernel" // a lock inside the kernel
	OnPipe     ResourceKind = "pipe"
	OnSocket   ResourceKind = "socket"
	OnPage     ResourceKind = "page" // a page that user space has to fill
	OnWork     ResourceKind = "work" // what anybody may send: connections, events, signals
	OnTime     ResourceKind = "time" // a time to come
)

// Task is a thread, or a process if TID is 0.
type Task struct {
	PID   int    `json:"pid"`
	TID   int    `json:"tid,omitempty"`
	Comm  string `json:"comm,omitempty"`
	State string `json:"state,omitempty"` // R, S, D, T, Z; "gone" if there is no such task; "" if not known
	RanNS int64  `json:"-"`               // CPU time so far, of all its threads if it is a process
}

// Exit is the end of a thread as the kernel's process connector tells it.
type Exit struct {
	TID  int
	Code int // its own: signals in the low seven bits, an exit status above eight
	At   int64
}

// Node is what the kernel counts of the whole machine.
type Node struct {
	Oopses   uint64   // kernel oopses since it was started
	Died     bool     // the kernel's taint says that it has oopsed (bit 7)
	Hung     uint64   // tasks that its own detector has found hung
	Late     int64    // nanoseconds that the watcher's own tick came late
	CPU      float64  // percent of the last ten seconds in which some task had no processor; -1 if unknown
	Memory   float64  // percent in which all waited for memory
	IO       float64  // percent in which all waited for devices
	Messages []string // what the kernel has said of oopses and hung tasks since the last sample
	Err      string   // what could not be asked, and why
}

// Standing is the verdict on one thread.
type Standing struct {
	Thread   Thread // as it was seen last
	Verdict  Verdict
	Class    Class
	What     string // one sentence: what it does, or what it waits for and how that fares
	Since    int64  // when it was last seen to move, or when it was first seen; CLOCK_MONOTONIC nanoseconds
	Chain    []Link // it and those it waits for, to the end; empty if it waits for none
	Cycle    bool   // the chain's last link waits for the first
	Evidence []Evidence
	Refuted  string // what would refute it
}
