package look

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

const (
	maxStack  = 64 << 10 // bytes of a stack that are read
	maxFrames = 256
	tries     = 3   // looks at a goroutine that moves under them
	atOnce    = 128 // goroutines that are read together: few enough to be of one moment
)

// errMoved says that a goroutine changed while it was looked at, which is an
// answer: it is not stuck.
var errMoved = errors.New("moved")

// Goroutine says which goroutine to look at.
type Goroutine struct {
	G  uint64 // address of the runtime's g
	ID uint64 // the goroutine's number; 0: whichever has that g
}

// Looker looks at the goroutines of one process.
type Looker struct {
	// Thread tells what the kernel says of a thread of the process. If it is not
	// nil, Looks asks about those of goroutines in system calls.
	Thread func(tid int) event.Thread

	mem    Memory
	layout *Layout
	names  names
	arena  arena    // memory for those that are looked at together
	pcs    []uint64 // memory for one stack
}

// arena gives out memory that is used again after reset. A census of thousands
// would else cost the collector more than the reading.
type arena struct{ all, free []byte }

func (a *arena) reset() { a.free = a.all }

// take returns n bytes of whatever content.
func (a *arena) take(n uint64) []byte {
	if uint64(len(a.free)) < n {
		a.all = make([]byte, 2*uint64(len(a.all))+n)
		a.free = a.all
	}
	b := a.free[:n:n]
	a.free = a.free[n:]
	return b
}

// New returns a Looker at mem, whose runtime is laid out as layout says.
func New(mem Memory, layout *Layout, symbols Symbols) *Looker {
	return &Looker{mem: mem, layout: layout, names: names{symbols: symbols}}
}

// Looks looks at goroutines. The stacks of those that stand at the same place
// share memory, in this and later calls: they must not be written into.
func (l *Looker) Looks(who []Goroutine) []event.Look {
	looks := make([]event.Look, len(who))
	glances := l.glanceAt(who)
	for i := range glances {
		looks[i] = glances[i].tell()
		if tid := glances[i].tid; tid != 0 && l.Thread != nil && looks[i].Status == event.Syscall {
			t := l.Thread(tid)
			looks[i].Thread = &t
		}
	}
	return looks
}

// glanceAt takes glances at goroutines, and more at those that move.
func (l *Looker) glanceAt(who []Goroutine) []glance {
	found := make([]glance, len(who))
	pending := make([]*glance, len(who))
	for i := range who {
		found[i].who = who[i]
		pending[i] = &found[i]
	}
	for try := 0; try < tries && len(pending) > 0; try++ {
		moved := pending[:0]
		for len(pending) > 0 {
			n := len(pending)
			if n > atOnce {
				n = atOnce
			}
			l.glances(pending[:n])
			for _, g := range pending[:n] {
				if g.err == errMoved {
					moved = append(moved, g)
				}
			}
			pending = pending[n:]
		}
		pending = moved
	}
	return found
}

// glance is one goroutine while it is looked at. Its bytes are in memory that
// is used again for others.
type glance struct {
	who    Goroutine
	g      []byte
	id     uint64
	status event.Status
	reason string
	object uint64
	sudog  []byte // the first sudog of a goroutine that has one, nil otherwise
	procid []byte // the number of the thread of a goroutine in a system call, nil if it is not known
	tid    int
	stack  []byte // from sp on
	pc, sp uint64
	bp     uint64
	frames []event.Frame
	err    error
}

func (g *glance) tell() event.Look {
	switch {
	case g.err == errMoved:
		return event.Look{Status: event.Running}
	case g.err != nil:
		return event.Look{Err: g.err.Error()}
	}
	return event.Look{Status: g.status, Reason: g.reason, Object: g.object, Stack: g.frames}
}

// glances takes one look at each of a few goroutines, and a second one at what
// would have changed, to be sure that the first was of one moment.
func (l *Looker) glances(gs []*glance) {
	l.arena.reset()
	standing := make([]*glance, 0, len(gs))
	for i, p := range l.readGs(gs) {
		g := gs[i]
		*g = glance{who: g.who, g: p.Buf, err: p.Err}
		if g.err == nil && l.first(g) {
			standing = append(standing, g)
		}
	}
	l.readParked(standing)
	for i, again := range l.readGs(standing) {
		g := standing[i]
		switch {
		case g.err != nil:
		case again.Err != nil:
			g.err = again.Err
		case l.changed(g, again.Buf):
			g.err = errMoved
		default:
			if g.status == event.Waiting {
				g.reason = l.layout.Reason(uint64(g.g[l.layout.reason]))
			}
			g.object = l.parkedOn(g)
			g.frames = l.names.stack(l.callers(g))
			if g.procid != nil {
				g.tid = thread(at(g.procid, 0))
			}
		}
		g.g, g.sudog, g.procid, g.stack = nil, nil, nil, nil
	}
}

func (l *Looker) readGs(gs []*glance) []Part {
	parts := make([]Part, len(gs))
	for i, g := range gs {
		parts[i] = Part{Addr: g.who.G, Buf: l.arena.take(l.layout.size)}
	}
	l.mem.Read(parts)
	return parts
}

// at reads a word of a structure that was read into b.
func at(b []byte, off uint64) uint64 { return binary.LittleEndian.Uint64(b[off:]) }

// first reads the g of a goroutine, and reports whether it stands still, so
// that there is more to be read.
func (l *Looker) first(g *glance) bool {
	g.id = at(g.g, l.layout.goid)
	if g.who.ID != 0 && g.id != g.who.ID {
		g.status = event.Gone
		return false
	}
	g.status = l.status(g.g)
	switch g.status {
	case event.Waiting:
		g.pc, g.sp, g.bp = at(g.g, l.layout.pc), at(g.g, l.layout.sp), at(g.g, l.layout.bp)
		if at(g.g, l.layout.waiting) != 0 {
			g.sudog = l.arena.take(l.layout.sudogSize)
		}
	case event.Syscall:
		g.pc, g.sp = at(g.g, l.layout.syscallPC), at(g.g, l.layout.syscallSP)
		if l.layout.syscallBP != 0 {
			g.bp = at(g.g, l.layout.syscallBP)
		}
		if l.layout.procid != 0 && at(g.g, l.layout.m) != 0 {
			g.procid = l.arena.take(8)
		}
	default:
		return false
	}
	hi := at(g.g, l.layout.hi)
	if g.sp == 0 || g.sp >= hi {
		g.err = errMoved
		return false
	}
	n := hi - g.sp
	if n > maxStack {
		n = maxStack
	}
	g.stack = l.arena.take(n)
	return true
}

// thread returns a thread's number if n can be one, 0 otherwise.
func thread(n uint64) int {
	if n > 1<<22 { // PID_MAX_LIMIT, include/linux/threads.h
		return 0
	}
	return int(n)
}

// readParked reads the stacks of goroutines, and what else there is to know of
// those that are parked, or in a system call.
func (l *Looker) readParked(gs []*glance) {
	parts := make([]Part, 0, 2*len(gs))
	for _, g := range gs {
		parts = append(parts, Part{Addr: g.sp, Buf: g.stack})
	}
	for _, g := range gs {
		switch {
		case g.sudog != nil:
			parts = append(parts, Part{Addr: at(g.g, l.layout.waiting), Buf: g.sudog})
		case g.procid != nil:
			parts = append(parts, Part{Addr: at(g.g, l.layout.m) + l.layout.procid, Buf: g.procid})
		}
	}
	l.mem.Read(parts)
	for i, g := range gs {
		g.err = parts[i].Err
	}
	parts = parts[len(gs):]
	for _, g := range gs {
		if g.sudog == nil && g.procid == nil {
			continue
		}
		if parts[0].Err != nil {
			g.sudog, g.procid = nil, nil // one thing less is known of it
		}
		parts = parts[1:]
	}
}

// changed reports whether again, read later, is of another moment than g.
func (l *Looker) changed(g *glance, again []byte) bool {
	for _, off := range []uint64{l.layout.goid, l.layout.waiting, l.layout.pc, l.layout.sp, l.layout.syscallPC, l.layout.syscallSP, l.layout.m} {
		if at(g.g, off) != at(again, off) {
			return true
		}
	}
	return l.status(again) != g.status || again[l.layout.reason] != g.g[l.layout.reason]
}

func (l *Looker) status(g []byte) event.Status {
	return l.meaning(binary.LittleEndian.Uint32(g[l.layout.status:]))
}

// meaning returns what a g's status says. The collector's scan bit says nothing
// of what the goroutine does.
func (l *Looker) meaning(status uint32) event.Status {
	s := uint64(status) &^ l.layout.scan
	switch {
	case s == l.layout.waitingStatus, l.layout.leaked != 0 && s == l.layout.leaked:
		return event.Waiting
	case s == l.layout.inSyscall:
		return event.Syscall
	case s == l.layout.runnable, s == l.layout.preempted:
		return event.Runnable
	case s == l.layout.dead, s == l.layout.idle, l.layout.deadExtra != 0 && s == l.layout.deadExtra:
		return event.Gone
	default: // running, or its stack is being copied
		return event.Running
	}
}

// parkedOn returns what a waiting goroutine waits for: the channel, or the
// semaphore of a lock or of a wait group. A select waits for several, and has
// none.
func (l *Looker) parkedOn(g *glance) uint64 {
	if g.sudog == nil {
		return 0
	}
	switch {
	case strings.HasPrefix(g.reason, "select"):
		return 0
	case strings.HasPrefix(g.reason, "chan "):
		if l.layout.channel == 0 {
			return 0
		}
		return at(g.sudog, l.layout.channel)
	}
	return at(g.sudog, l.layout.elem)
}

// callers returns the return addresses on a stack that stands still, innermost
// first. Where it is too long, or cannot be followed to its end, the function
// that the goroutine began with stands for all that are missing: they are
// called from there.
func (l *Looker) callers(g *glance) []uint64 {
	pcs, whole := unwind(g, l.pcs[:0])
	if start := at(g.g, l.layout.startPC); !whole && l.layout.startPC != 0 && start != 0 {
		pcs = append(pcs, start+1)
	}
	l.pcs = pcs
	return pcs
}

// unwind follows the frame pointers of a stack, which the runtime keeps on amd64
// and arm64: at each is the caller's, and behind it the return address. The
// first function of a goroutine has a caller's of 0.
func unwind(g *glance, pcs []uint64) (all []uint64, whole bool) {
	n := uint64(len(g.stack))
	pcs = append(pcs, g.pc)
	for bp := g.bp; len(pcs) < maxFrames && n >= 16 && bp >= g.sp && bp-g.sp <= n-16; {
		next, ret := at(g.stack, bp-g.sp), at(g.stack, bp-g.sp+8)
		if ret != 0 {
			pcs = append(pcs, ret)
		}
		if next == 0 {
			return pcs, true
		}
		if ret == 0 || next <= bp {
			break
		}
		bp = next
	}
	return pcs, false
}
