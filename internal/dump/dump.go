package dump

import (
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Version is that of the JSON part. It grows when a field changes its meaning; new
// fields do not change it.
const Version = 1

// Dirs and files.
const (
	// DirVar names the environment variable with the directory in which a program
	// leaves dumps of its own.
	DirVar = "LIFESIGN_DUMPS"

	// Usual is how large a dump may be, in bytes, if nobody says otherwise.
	Usual = 4 << 20

	// Least is the smallest limit of a dump, in bytes.
	Least = 32 << 10
)

// Kind says why there is a dump.
type Kind string

// The kinds.
const (
	Asked     Kind = "asked"     // somebody wanted one; nothing is wrong
	Panic     Kind = "panic"     // a panic that nobody has recovered
	Fatal     Kind = "fatal"     // an error of the runtime's own, which cannot be recovered
	Signal    Kind = "signal"    // a signal that ends the process
	Stuck     Kind = "stuck"     // a verdict
	Contained Kind = "contained" // a panic that has ended a unit of work, and not the process
	Ended     Kind = "ended"     // the process is gone, with a status that is no success
)

// Dump is what a file holds. Lists have what matters most first, unless it says
// otherwise, as they are cut from their end. What is not known is empty, and Missing
// says why where it ought to be there. Texts are UTF-8; what is not comes back as
// U+FFFD.
type Dump struct {
	Version    int               `json:"version"`
	Time       time.Time         `json:"time"`
	Reason     Reason            `json:"reason"`
	Process    Process           `json:"process"`
	Build      *Build            `json:"build,omitempty"`
	Threads    []Thread          `json:"threads,omitempty"`    // the one that matters first
	Goroutines []Goroutines      `json:"goroutines,omitempty"` // the one that matters first, those that stand at the same place together
	Operations []Operation       `json:"operations,omitempty"` // in flight, by the vitals page; longest first
	Locks      []Operation       `json:"locks,omitempty"`      // held, and by whom; longest first
	Regions    []Region          `json:"regions,omitempty"`    // that goroutines are in
	Workers    []Worker          `json:"workers,omitempty"`    // that the program's author has declared
	Findings   []event.Finding   `json:"findings,omitempty"`   // newest first
	Mimics     []Mimic           `json:"mimics,omitempty"`     // newest first
	Log        []string          `json:"log,omitempty"`        // the last lines, oldest first; cut from its beginning
	Text       string            `json:"text,omitempty"`       // what the Go runtime has written as it crashed; cut in its middle
	Args       []string          `json:"args,omitempty"`       // the command line
	Env        []string          `json:"env,omitempty"`        // NAME=value, as far as rules allow
	Facts      map[string]string `json:"facts,omitempty"`      // whatever else: "pause": "3.1ms"; not cut, so few and short
	Missing    []string          `json:"missing,omitempty"`    // what could not be had, and why
	Cuts       []Cut             `json:"cuts,omitempty"`       // what there was no room for

	// The core's part, which is not in the JSON.
	Auxv     []byte    `json:"-"` // the auxiliary vector, as the kernel has it
	Mappings []Mapping `json:"-"` // of files, by address
	Memory   []Segment `json:"-"` // what matters most first; a reader gets it by address, without overlaps
}

// Reason says why there is a dump, and where that happened.
type Reason struct {
	Kind      Kind         `json:"kind"`
	What      string       `json:"what"`                // one sentence: "panic: assignment to entry in nil map"
	Signal    int          `json:"signal,omitempty"`    // its number, 0 if there is none
	Name      string       `json:"name,omitempty"`      // its name: "SIGSEGV"
	Code      int          `json:"code,omitempty"`      // si_code, of sigaction(2)
	Address   uint64       `json:"address,omitempty"`   // that a memory fault was at
	PC        uint64       `json:"pc,omitempty"`        // where in the code, 0 if it is not known
	Thread    int          `json:"thread,omitempty"`    // whose it is, 0 if it is not known
	Goroutine uint64       `json:"goroutine,omitempty"` // whose it is, 0 if it is not known
	Place     *event.Frame `json:"place,omitempty"`     // the first function of the program's own, nil if it is not known
	Foreign   bool         `json:"foreign,omitempty"`   // it was in code that is not Go
}

// Process is what the kernel says of the process.
type Process struct {
	PID     int       `json:"pid"`
	Parent  int       `json:"parent,omitempty"`
	UID     int       `json:"uid"`
	GID     int       `json:"gid"`
	Program string    `json:"program"`         // its name
	Exe     string    `json:"exe,omitempty"`   // its file
	State   string    `json:"state,omitempty"` // R, S, D, … of its first thread
	Arch    string    `json:"arch,omitempty"`  // "amd64", "arm64": what registers are of
	OS      string    `json:"os,omitempty"`    // the kernel's name and release
	Started time.Time `json:"started"`         // zero if it is not known
}

// Build is what the Go toolchain has left in the binary.
type Build struct {
	Go       string   `json:"go"`
	Path     string   `json:"path,omitempty"`     // of the main package
	Version  string   `json:"version,omitempty"`  // of the main module
	Settings []string `json:"settings,omitempty"` // "vcs.revision=…"
	Modules  []string `json:"modules,omitempty"`  // path@version
}

// Thread is a thread of the operating system's.
type Thread struct {
	ID      int           `json:"id"`
	Comm    string        `json:"comm,omitempty"`
	State   string        `json:"state,omitempty"` // R, S, D, …
	Signal  int           `json:"signal,omitempty"`
	Call    string        `json:"call,omitempty"`   // the system call and what it works on
	Wchan   string        `json:"wchan,omitempty"`  // the kernel's function that it sleeps in
	Kernel  []string      `json:"kernel,omitempty"` // the kernel's functions, innermost first
	User    []event.Frame `json:"user,omitempty"`   // its own, innermost first
	UserErr string        `json:"user_err,omitempty"`

	// Registers is what the kernel calls user_regs_struct, in its order, for
	// Process.Arch; nil if they are not known. It is in a note of its own.
	Registers []uint64 `json:"-"`
}

// Goroutines are goroutines that stand at the same place.
type Goroutines struct {
	State   string        `json:"state"`             // as the runtime has it: "running", "chan receive", "syscall"
	Members []Member      `json:"members"`           // by number
	Stack   []event.Frame `json:"stack,omitempty"`   // innermost first
	Creator *event.Frame  `json:"creator,omitempty"` // what has started them, nil if it is not known
	Err     string        `json:"err,omitempty"`     // why there is no stack, or not all of it
}

// Member is one of them.
type Member struct {
	ID     uint64 `json:"id"`
	Waited int64  `json:"waited,omitempty"` // nanoseconds, to the minute where the runtime says no more; 0 if it is not known
	Thread int    `json:"thread,omitempty"` // that it is on, 0 if it is on none or that is not known
	Locked bool   `json:"locked,omitempty"` // to its thread
}

// Operation is an operation in flight or a lock that is held, by the vitals page.
type Operation struct {
	Goroutine uint64     `json:"goroutine"`
	Site      event.Site `json:"site"`
	Object    uint64     `json:"object,omitempty"` // address of the lock or channel
	For       int64      `json:"for"`              // nanoseconds that it has lasted
}

// Region is a region that a goroutine is in, by the vitals page.
type Region struct {
	Goroutine uint64     `json:"goroutine"`
	Site      event.Site `json:"site"`
	Count     uint64     `json:"count"` // passes begun
	For       int64      `json:"for"`   // nanoseconds since it was entered
	Since     int64      `json:"since"` // nanoseconds since the last pass began
}

// Worker is one that the program's author has declared, by the vitals page.
type Worker struct {
	Name      string     `json:"name"`
	Site      event.Site `json:"site"`
	Busy      bool       `json:"busy"`
	Goroutine uint64     `json:"goroutine,omitempty"`
	For       int64      `json:"for"` // nanoseconds that it has been busy
	Progress  uint64     `json:"progress"`
}

// Mimic is what a mimic checker came to.
type Mimic struct {
	Ago  int64      `json:"ago"` // nanoseconds before the dump
	Deed event.Deed `json:"deed"`
	What string     `json:"what"` // the file or address
	End  event.End  `json:"end"`  // "" if the program's own half has seen it
	Took int64      `json:"took,omitempty"`
	Text string     `json:"text,omitempty"` // why it failed
	Site event.Site `json:"site"`
}

// Cut is something that there was no room for.
type Cut struct {
	What string `json:"what"` // the JSON name of a list; "memory", "mappings"
	Kept int64  `json:"kept"` // entries, or bytes of memory and text
	Lost int64  `json:"lost"`
}

// Mapping is a file that is mapped.
type Mapping struct {
	Start, End, Offset uint64 // addresses, and the place in the file, in bytes
	File               string
}

// Segment is a stretch of memory.
type Segment struct {
	Addr uint64
	Data []byte
}

// Frames of goroutines are deep where a program recurses without bound.
const (
	maxHead = 48 // frames of a stack that are kept of its inner end
	maxTail = 16 // and of its outer one
)

// Shorten returns a stack without its middle, if it is long, with a frame in its
// place that says how many were left out.
func Shorten(stack []event.Frame) []event.Frame {
	if len(stack) <= maxHead+maxTail+1 {
		return stack
	}
	short := append([]event.Frame(nil), stack[:maxHead]...)
	short = append(short, event.Frame{Func: leftOut(len(stack) - maxHead - maxTail)})
	return append(short, stack[len(stack)-maxTail:]...)
}
