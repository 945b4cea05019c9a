// Package page is the vitals page: shared memory in which a woven program
// notes what its goroutines do, and from which an agent reads it without
// asking the program for anything.
//
// The layout is fixed, little-endian and versioned. The page describes itself:
// the table of sites and the layout of the Go runtime that the program was
// built with are in it, so a reader needs neither the binary nor its source.
//
// Writing takes no lock, no allocation and no system call. Every cell has one
// writer, the goroutine that it belongs to, so plain stores are enough; the
// order in which they become visible matters in few places, which say so. A
// reader may therefore see a cell half written. It checks every length and
// index, and it is the judge's business to believe only what stands the same
// in several readings.
//
// The package has the layout, the agent's half (Format) and the reader. The
// program's half is package hook. It does not know where the memory comes
// from.
package page

import "unsafe"

// EnvVar names the environment variable by which a program is told the number
// of the page's descriptor.
const EnvVar = "LIFESIGN_PAGE"

// CrashVar names the environment variable by which a program is told the number of
// the descriptor, a pipe's, that the Go runtime is to write to as it crashes.
const CrashVar = "LIFESIGN_CRASH"

// Magic and Version begin every page. The version grows with every change of
// the layout or of the meaning of a field.
const (
	Magic   = "lifesign"
	Version = 5
)

// Geometry of a page as Format makes it. Readers and writers go by the
// header, not by these.
const (
	headerSize   = 4096
	layoutStart  = 512
	layoutSpace  = verdictStart - layoutStart
	verdictStart = 3584
	verdictSpace = headerSize - verdictStart - 4*8

	foreignCap = 4096
	orphanCap  = 256
	workerCap  = 1 << 12
	noteCap    = 32
	mimicCap   = 128
	siteSpace  = 8 << 20

	foreignAt = headerSize
	orphansAt = foreignAt + foreignCap*8
	workersAt = orphansAt + orphanCap*int(unsafe.Sizeof(Orphan{}))
	notesAt   = workersAt + workerCap*WorkerSize
	mimicsAt  = notesAt + noteCap*NoteSize
	doneAt    = mimicsAt + mimicCap*MimicSize
	sitesAt   = doneAt + DoneCap
	orderAt   = sitesAt + siteSpace
	cellsAt   = orderAt + CellCap*4

	// Size of a page in bytes. It is sparse: memory is taken for what is used.
	Size = cellsAt + CellCap*CellSize
)

// Header begins the page. The agent writes the first two groups, the program
// the rest.
type Header struct {
	Magic   [8]byte
	Version uint32
	_       uint32
	Size    uint64 // of the whole page, bytes
	Foreign Area
	Orphans Area
	Sites   Area // Cap in bytes
	Cells   Area
	Workers Area
	Done    Area // a byte a site: not 0 once an operation there has come to its end

	MimicsWanted uint64 // 1 if whoever reads the page has mimics looked after

	Clock  uint64 // coarse CLOCK_MONOTONIC, nanoseconds; alone on its cache line
	Grain  uint64 // how often the clock is written, nanoseconds
	Notes  Area
	Order  Area // which cells are in use, in the order in which that came to be: 1 + index
	Mimics Area

	PID        uint64 // of the process that writes here; 0 until one has claimed the page
	State      uint64 // one of the State constants
	SiteBytes  uint64 // of the site table in use
	SiteCount  uint64 // rows in it
	CellCount  uint64 // cells in use
	CellsLost  uint64 // goroutines there was no cell for
	SitesLost  uint64 // sites there was no room for
	OrphanSeq  uint64 // orphans noted so far; the newest is at (OrphanSeq-1) mod cap
	Anchor     uint64 // address of the code of hook.Enter, from which a load bias follows
	LayoutSize uint64 // bytes of Layout in use

	ReachAt     uint64 // address in the program of what package reach has encoded, 0 if there is none
	ReachSize   uint64 // bytes of it
	WorkerCount uint64 // workers in use
	WorkersLost uint64 // workers there was no slot for
	Packages    uint64 // woven packages that are in the program
	Expected    uint64 // those that it ought to have; 0 until its main package has said so
	NoteSeq     uint64 // notes so far; the newest is at NoteSeq mod cap
	MimicSeq    uint64 // mimics so far; the newest is at MimicSeq mod cap
	_           [layoutStart - 192 - 144]byte
	Layout      [layoutSpace]byte // the Go runtime's layout, see ParseLayout

	// What the watcher thinks of the program, written by it: first At, 0 while it
	// writes, at the end of it.
	VerdictAt    uint64 // CLOCK_MONOTONIC nanoseconds; 0 if there is none
	Verdict      uint64 // one of the Verdict constants
	VerdictCount uint64 // findings so far
	VerdictSize  uint64 // bytes of VerdictText in use
	VerdictText  [verdictSpace]byte
}

// Area is a table in the page.
type Area struct {
	At  uint64 // offset from the page's start
	Cap uint64 // entries
}

// What the program's half of the page is about.
const (
	StateNone     = 0 // no program has claimed the page
	StateOn       = 1 // the hooks write
	StateNoLayout = 2 // the hooks are off: the layout of the runtime they were woven for is not that of the one they run in
	StateNoArch   = 3 // the hooks are off: they cannot tell goroutines apart on this architecture
	StateBare     = 4 // nothing is woven, but there are workers
)

// What the watcher thinks of the program.
const (
	VerdictNone     = 0
	VerdictWorking  = 1 // nothing stands that should not
	VerdictInferred = 2 // something is stuck, inferred
	VerdictProven   = 3 // something is stuck, proven
)

// WorkerSize is the size of a worker's slot in bytes.
const WorkerSize = int(unsafe.Sizeof(Worker{}))

// Worker is the activity marker of a worker that the program's author has
// declared. It has one writer, but for Reported, which is the watcher's. It is
// alone on its cache line.
type Worker struct {
	Site     uint64 // row of the site table, counted from 1; 0 in a slot that is free
	Seq      uint64 // counts its changes between idle and busy; odd while it is busy
	Since    uint64 // coarse clock at the last of them
	Budget   uint64 // nanoseconds that a unit of work may take without progress
	Progress uint64 // counts its reports of progress
	Last     uint64 // coarse clock at the last of them
	G        uint64 // number of the goroutine that made it busy, 0 if unknown
	Reported uint64 // Seq of the work that the watcher has reported dead, 0 if none
}

// DoneCap is how many sites there is a byte in Done for.
const DoneCap = 1 << 17

// CellCap is how many cells there are. A g has one of the few that follow the
// one it hashes to, so that not all of them can be taken.
const CellCap = 1 << 17

// CellSize is the size of a cell in bytes.
const CellSize = int(unsafe.Sizeof(Cell{}))

// Records and Marks are how many of each a cell holds.
const (
	Records = 16
	Marks   = 4
)

// Cell is what one goroutine writes: the operation it is in, the locks it
// holds and the regions it is in. It belongs to the runtime's g structure,
// which is used again for later goroutines but never freed; so a cell is
// claimed once and for all, and ID tells whose it is now. The first record is on
// the cache line of what is before it: a goroutine that has just been given a
// processor finds none of its lines there, and mostly needs no other.
type Cell struct {
	G      uint64          // address of the runtime's g
	ID     uint64          // number of the goroutine that wrote last
	Count  uint64          // occurrences so far and records in use, see SeqOf and InUse
	NMarks uint64          // marks in use
	Lost   uint64          // records there was no room for
	Record [Records]Record // oldest first
	_      [3]uint64
	Mark   [Marks]Mark // outermost region first
}

// Record is one occurrence of an operation: in flight or, of a lock, held.
type Record struct {
	What   uint64 // see What
	Object uint64 // address of the lock or channel
	Since  uint64 // coarse clock
}

// Mark is the activity marker of a region.
type Mark struct {
	What  uint64 // see What
	Count uint64 // iterations begun
	Begun uint64 // coarse clock at entry
	Last  uint64 // coarse clock at the last iteration
}

// Orphan is a lock that a goroutine left behind when it ended.
type Orphan struct {
	Record Record // What is 0 in an entry that is empty or was taken back
	ID     uint64 // the goroutine that ended
}

// A record's What packs the occurrence, the site, how a lock is held, and
// whether it is:
//
//	63      24 23     3 2    1   0
//	[   seq   ][ site ][ mode ][held]
//
// A cell's Count has the number of the newest occurrence at the same place, and
// below it how many records are in use. So one store publishes a record, one
// addition makes the number of the next, and one subtraction takes it away.
const (
	seqShift  = 24
	siteShift = 3
	modeShift = 1
	Held      = 1

	// Occurrence is what Count grows by with each occurrence.
	Occurrence = 1 << seqShift

	below    = Occurrence - 1
	siteMask = below >> siteShift
)

// Modes of a record at a site of kind locker, where the source does not say
// which lock it is.
const (
	ModeSite   = 0 // as the site says
	ModeLock   = 1
	ModeRWLock = 2
	ModeRLock  = 3
)

// What packs a site's index and the occurrence that a cell's Count is at.
func What(site uint32, count uint64) uint64 {
	return count&^below | uint64(site)<<siteShift
}

// WithMode returns what with a mode.
func WithMode(what uint64, mode uint64) uint64 { return what | mode<<modeShift }

// SiteOf returns the index of the site in what.
func SiteOf(what uint64) uint32 { return uint32(what>>siteShift) & siteMask }

// InFlightAt reports whether what is of an operation in flight at site, whose
// source says which one it is.
func InFlightAt(what uint64, site uint32) bool { return what&below == uint64(site)<<siteShift }

func modeOf(what uint64) uint64 { return what >> modeShift & 3 }

// SeqOf returns the number of the occurrence in what, or in a cell's Count.
func SeqOf(what uint64) uint64 { return what >> seqShift }

// InUse returns how many records of a cell with this Count are in use.
func InUse(count uint64) uint64 { return count & below }

// Moment packs the occurrences in count with a number of marks, where a Count has
// the records in use.
func Moment(count, marks uint64) uint64 { return count&^below | marks&below }

// Later reports whether the occurrence in a came after that in b, across the
// wrap of their numbers. Each is a What or a Count.
func Later(a, b uint64) bool { return int64(a&^below-b&^below) > 0 }
