package event

import "fmt"

// Kind says what a site does.
type Kind string

// The kinds of site. A region is a place that is visited again and again, the
// others are vulnerable operations.
const (
	Region  Kind = "region"  // an endless loop of a goroutine
	Lock    Kind = "lock"    // sync.Mutex.Lock
	RWLock  Kind = "rwlock"  // sync.RWMutex.Lock
	RLock   Kind = "rlock"   // sync.RWMutex.RLock
	Locker  Kind = "locker"  // Lock of a sync.Locker
	Send    Kind = "send"    // ch <- v
	Receive Kind = "receive" // <-ch
	Range   Kind = "range"   // for range ch
	Select  Kind = "select"  // select without a default
	Never   Kind = "never"   // an operation that nothing can serve: select {}
	Call    Kind = "call"    // a call that can block: I/O, waits, sleeps
)

// IsLock reports whether operations of kind k acquire a lock.
func (k Kind) IsLock() bool {
	return k == Lock || k == RWLock || k == RLock || k == Locker
}

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
	Paired  bool   `json:"paired,omitempty"` // locks: the same function releases what it takes here
}

// Place is the site's position in the source, as file:line.
func (s Site) Place() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }
