package observe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// goLayout is the part of the runtime's layout that looking at a goroutine
// takes, checked once.
type goLayout struct {
	page.Layout
	goid, status, reason, waiting, hi      uint64
	pc, sp, bp, syscallPC, syscallSP       uint64
	syscallBP, elem                        uint64
	waitingStatus, runnable, running       uint64
	inSyscall, preempted, dead, idle, scan uint64
	size                                   uint64 // how much of a g must be read
}

// newGoLayout fails if the layout lacks a name without which nothing can be
// said of a goroutine.
func newGoLayout(l page.Layout) (*goLayout, error) {
	g := &goLayout{Layout: l}
	for _, f := range []struct {
		name string
		to   *uint64
	}{
		{"g.goid", &g.goid}, {"g.atomicstatus", &g.status}, {"g.waitreason", &g.reason},
		{"g.waiting", &g.waiting}, {"g.stack.hi", &g.hi},
		{"g.sched.pc", &g.pc}, {"g.sched.sp", &g.sp}, {"g.sched.bp", &g.bp},
		{"g.syscallpc", &g.syscallPC}, {"g.syscallsp", &g.syscallSP},
	} {
		v, ok := l.Value(f.name)
		if !ok {
			return nil, fmt.Errorf("%s has no %s that this lifesign knows", l.GoVersion, f.name)
		}
		if v > maxG {
			return nil, fmt.Errorf("%s is said to have %s at %d", l.GoVersion, f.name, v)
		}
		*f.to = v
		if v+8 > g.size {
			g.size = v + 8
		}
	}
	for _, f := range []struct {
		name string
		to   *uint64
	}{
		{"status.waiting", &g.waitingStatus}, {"status.runnable", &g.runnable}, {"status.running", &g.running},
		{"status.syscall", &g.inSyscall}, {"status.preempted", &g.preempted}, {"status.dead", &g.dead},
		{"status.idle", &g.idle}, {"status.scan", &g.scan}, {"sudog.elem", &g.elem},
	} {
		v, ok := l.Value(f.name)
		if !ok {
			return nil, fmt.Errorf("%s has no %s that this lifesign knows", l.GoVersion, f.name)
		}
		*f.to = v
	}
	if bp, ok := l.Value("g.syscallbp"); ok && bp <= maxG {
		g.syscallBP = bp
		if bp+8 > g.size {
			g.size = bp + 8
		}
	}
	return g, nil
}

const (
	maxG      = 1024     // bytes of a g that may be read
	maxStack  = 64 << 10 // bytes of a stack that are read
	maxFrames = 64
	tries     = 3 // looks at a goroutine that moves under them
)

// errMoved says that a goroutine changed while it was looked at, which is an
// answer: it is not stuck.
var errMoved = errors.New("moved")

// looker looks at goroutines of one process.
type looker struct {
	mem     memory
	layout  *goLayout
	symbols *symbols
}

// look looks at the goroutine id, whose g is at addr.
func (l *looker) look(addr, id uint64) event.Look {
	var err error
	for i := 0; i < tries; i++ {
		var look event.Look
		if look, err = l.once(addr, id); err == nil {
			return look
		}
		if err != errMoved {
			return event.Look{Err: err.Error()}
		}
	}
	return event.Look{Status: event.Running}
}

// once takes one look, and a second one at what would have changed, to be sure
// that the first was of one moment.
func (l *looker) once(addr, id uint64) (event.Look, error) {
	g := make([]byte, l.layout.size)
	if err := l.mem.read(addr, g); err != nil {
		return event.Look{}, err
	}
	at := func(off uint64) uint64 { return binary.LittleEndian.Uint64(g[off:]) }
	if at(l.layout.goid) != id {
		return event.Look{Status: event.Gone}, nil
	}
	look := event.Look{Status: l.status(g)}
	var pc, sp, bp uint64
	switch look.Status {
	case event.Waiting:
		look.Reason = l.layout.Reason(uint64(g[l.layout.reason]))
		look.Object = l.parkedOn(at(l.layout.waiting))
		pc, sp, bp = at(l.layout.pc), at(l.layout.sp), at(l.layout.bp)
	case event.Syscall:
		pc, sp = at(l.layout.syscallPC), at(l.layout.syscallSP)
		if l.layout.syscallBP != 0 {
			bp = at(l.layout.syscallBP)
		}
	default:
		return look, nil
	}
	pcs, err := l.unwind(pc, sp, bp, at(l.layout.hi))
	if err != nil {
		return event.Look{}, err
	}
	again := make([]byte, len(g))
	if err := l.mem.read(addr, again); err != nil {
		return event.Look{}, err
	}
	for _, off := range []uint64{l.layout.goid, l.layout.waiting, l.layout.pc, l.layout.sp, l.layout.syscallPC, l.layout.syscallSP} {
		if at(off) != binary.LittleEndian.Uint64(again[off:]) {
			return event.Look{}, errMoved
		}
	}
	if l.status(again) != look.Status || again[l.layout.reason] != g[l.layout.reason] {
		return event.Look{}, errMoved
	}
	look.Stack = l.symbols.frames(pcs)
	return look, nil
}

// status reads the status of g. The collector's scan bit says nothing of what
// the goroutine does.
func (l *looker) status(g []byte) event.Status {
	switch s := uint64(binary.LittleEndian.Uint32(g[l.layout.status:])) &^ l.layout.scan; s {
	case l.layout.waitingStatus:
		return event.Waiting
	case l.layout.inSyscall:
		return event.Syscall
	case l.layout.runnable, l.layout.preempted:
		return event.Runnable
	case l.layout.dead, l.layout.idle:
		return event.Gone
	default: // running, or its stack is being copied
		return event.Running
	}
}

// parkedOn returns the address that the runtime has in the first sudog of a
// waiting goroutine: the semaphore of a lock, or where a channel's value goes.
func (l *looker) parkedOn(sudog uint64) uint64 {
	if sudog == 0 {
		return 0
	}
	elem, err := l.mem.word(sudog + l.layout.elem)
	if err != nil {
		return 0
	}
	return elem
}

// unwind follows the frame pointers of a stack that stands still, which the
// runtime keeps on amd64 and arm64: at each is the caller's, and behind it the
// return address.
func (l *looker) unwind(pc, sp, bp, hi uint64) ([]uint64, error) {
	if sp == 0 || sp >= hi {
		return nil, errMoved
	}
	n := hi - sp
	if n > maxStack {
		n = maxStack
	}
	stack := make([]byte, n)
	if err := l.mem.read(sp, stack); err != nil {
		return nil, err
	}
	pcs := []uint64{pc}
	for len(pcs) < maxFrames && bp >= sp && bp+16 <= sp+n {
		next := binary.LittleEndian.Uint64(stack[bp-sp:])
		ret := binary.LittleEndian.Uint64(stack[bp-sp+8:])
		if ret == 0 {
			break
		}
		pcs = append(pcs, ret)
		if next <= bp {
			break
		}
		bp = next
	}
	return pcs, nil
}
