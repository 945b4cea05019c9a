package event

// Deed is what a mimic does: an operation of the program's, done again with
// copies of its arguments where nothing of the program's can be disturbed, or
// looked at where it cannot be done again.
type Deed string

// The deeds. The first group is done by the helper, a process of its own; the
// second is seen by the program's own half, which only looks.
const (
	DoWrite     Deed = "write"     // Data is written, made durable, read back past the page cache, compared
	DoSync      Deed = "sync"      // a block is written, made durable, read back past the page cache, compared
	DoRead      Deed = "read"      // Size bytes are read at Offset of the file at Path
	DoTruncate  Deed = "truncate"  // a file is made Size bytes long, up to a bound
	DoOpen      Deed = "open"      // the file at Path is opened for reading, if it is a regular one or a directory
	DoDirectory Deed = "directory" // the directory of Path is opened and made durable: for what would change its entries
	DoDial      Deed = "dial"      // a connection to Address is made and closed
	DoHandshake Deed = "handshake" // and TLS spoken on it

	SeeConnection Deed = "connection" // the state of the very connection
	SeeListener   Deed = "listener"   // how many connections wait to be accepted
	SeePool       Deed = "pool"       // a pool of database connections, and a ping by it
	SeeOwn        Deed = "own"        // what a function of the author's says
	SeeFailure    Deed = "failure"    // the program's own operation has returned an error
	SeeTrend      Deed = "trend"      // numbers of the whole process: goroutines, heap
)

// Helpers reports whether d is done by the helper.
func (d Deed) Helpers() bool {
	switch d {
	case DoWrite, DoSync, DoRead, DoTruncate, DoOpen, DoDirectory, DoDial, DoHandshake:
		return true
	}
	return false
}

// Indirect, in the numbers of a mimic, says that it is not certain that the program
// connects to the address itself: its client may have a proxy, or dial in its own way.
const Indirect = "indirect"

// Mimic is one operation of a mimic checker, with the arguments that the program
// gave it in one pass of the region.
type Mimic struct {
	ID     uint64  // counts the mimics of this process, from 1
	At     int64   // when the checker came to it, CLOCK_MONOTONIC nanoseconds
	Region Site    // whose checker it is
	Site   Site    // the operation in the program
	Chain  []Frame // the reduced functions from the region's to the operation's
	Pass   uint64  // the pass of the region that its arguments are of; all mimics of a checker's run have the same
	Deed   Deed

	Path    string // of the file, absolute; may be one that was deleted since
	FD      int    // its descriptor in the program where only that is known, else -1
	Network string // "tcp"
	Address string // "10.0.0.7:2380"
	Offset  int64  // in the file; -1 if it is appended
	Size    int64  // bytes that the operation was given, or asked for
	Data    []byte // what was written, as far as it was copied: shorter than Size if it was cut

	// What the program's half saw, of the deeds that it sees.
	Err     string           // "" if it is well
	Numbers map[string]int64 // by name: "unacked", "retransmits", "sendqueue", "goroutines", "took" (nanoseconds)
}

// Where says at which place an errand is to be done, for validators ask the same
// elsewhere.
type Where string

// The places. What hangs or fails at one of them and not at another tells how far
// the trouble reaches.
const (
	Here     Where = "here"     // where the program does it
	Beside   Where = "beside"   // in the directory above, if that is of the same file system
	Nearby   Where = "nearby"   // anywhere on the same device, outside the program's directory
	Memory   Where = "memory"   // in a file system in memory: whether the helper works at all
	Loopback Where = "loopback" // a connection to a listener of the helper's own
)

// Errand is what the helper is asked to do.
type Errand struct {
	ID    uint64 // of the errand; an Outcome has the same
	Mimic Mimic
	Where Where
	Again bool // something is suspected already: it is not held back to spare the disk
}

// End says how an errand ended.
type End string

// The ends.
const (
	Done   End = "done"
	Failed End = "failed" // with an error
	Differ End = "differ" // what was read is not what was written
	Hangs  End = "hangs"  // it has not ended yet; it may still
	Unable End = "unable" // it could not be done: no permission, no such file any more, no helper; says nothing of the program
)

// Outcome is what became of an errand. Of one that hangs there are several, the
// last of them with another End.
type Outcome struct {
	ID     uint64
	At     int64 // CLOCK_MONOTONIC nanoseconds
	Took   int64 // nanoseconds so far
	End    End
	Errno  string // "ENOSPC", where there is one
	Text   string // why it failed, was not done, or what differs: "byte 812 of 4096: 0x41 was written, 0x40 is read"
	Device string // what Path is on, as the kernel names it: "fuse 52 (hungfs)", "8:1"; "" if it is not known
	Where  Where
	Thread *Thread // of one that hangs: what the kernel says of the helper's thread
}
