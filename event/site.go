package event

import "fmt"

// Kind says what a site does.
type Kind string

// The kinds of site. A region is a place that is visited again and again, the
// others are vulnerable operations.
const (
	Region  Kind = "region"  // an endless loop of a goroutine
	Request Kind = "request" // a region that runs once per request
	Loop    Kind = "loop"    // a loop whose end depends on the outside

	Lock      Kind = "lock"      // sync.Mutex.Lock
	RWLock    Kind = "rwlock"    // sync.RWMutex.Lock
	RLock     Kind = "rlock"     // sync.RWMutex.RLock
	Locker    Kind = "locker"    // Lock of a sync.Locker
	Send      Kind = "send"      // ch <- v
	Receive   Kind = "receive"   // <-ch
	Range     Kind = "range"     // for range ch
	Select    Kind = "select"    // select without a default
	Never     Kind = "never"     // an operation that nothing can serve: select {}
	WaitGroup Kind = "waitgroup" // sync.WaitGroup.Wait
	Cond      Kind = "cond"      // sync.Cond.Wait
	Call      Kind = "call"      // a call that can block: I/O, waits, sleeps

	Worker Kind = "worker" // one that the program's author has declared
)

// Kinds lists them all.
var Kinds = []Kind{
	Region, Request, Loop, Lock, RWLock, RLock, Locker, Send, Receive, Range, Select, Never, WaitGroup, Cond, Call, Worker,
}

// IsLock reports whether operations of kind k acquire a lock.
func (k Kind) IsLock() bool {
	return k == Lock || k == RWLock || k == RLock || k == Locker
}

// IsRegion reports whether a site of kind k is visited again and again, and has
// an activity mark rather than records.
func (k Kind) IsRegion() bool { return k == Region || k == Request || k == Loop }

// Site is a place in the source of a woven program: a region or a vulnerable
// operation. A site is what a record in the vitals page refers to.
type Site struct {
	Kind    Kind   `json:"kind"`
	Package string `json:"package"`          // import path
	File    string `json:"file"`             // as the user knows it: absolute, or in the module cache
	Line    int    `json:"line"`             // from 1
	Func    string `json:"func"`             // (*stream).getDirectRequest, without the package
	Object  string `json:"object,omitempty"` // what is operated on: server.stream.mu, (*os.File).Sync
	Idle    bool   `json:"idle,omitempty"`   // a wait here is a wait for work, not work

	Paired   bool `json:"paired,omitempty"`   // locks: the same function releases what it takes here
	Confined bool `json:"confined,omitempty"` // locks: nobody releases this lock but a function that has taken it before
	Leaves   bool `json:"leaves,omitempty"`   // calls: what is called is not woven

	// PerRequest says of a region that a goroutine runs it for one request or
	// connection, among others that do: the program serves without it.
	PerRequest bool `json:"perRequest,omitempty"`

	// Needs says what a wait here needs from another goroutine to end, by the
	// class of the object: items with one blank between them, "recv:CLASS" (a
	// receiver), "send:CLASS" (a sender, or a close), "done:CLASS" (a WaitGroup's
	// Done) or "signal:CLASS" (a Cond's Signal or Broadcast); a select has one for
	// each case, any of which will do. The class is "?" where analysis cannot
	// follow the object. Empty if nothing is known.
	Needs string `json:"needs,omitempty"`
}

// Place is the site's position in the source, as file:line.
func (s Site) Place() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }
