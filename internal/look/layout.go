package look

import (
	"fmt"

	"github.com/lifesign-go/lifesign/internal/page"
)

// maxG bounds the bytes of a g that may be read, on a layout's word.
const maxG = 1024

// Layout is the part of the runtime's layout that looking takes, checked once.
type Layout struct {
	page.Layout
	goid, status, reason, waiting, hi      uint64
	pc, sp, bp, syscallPC, syscallSP       uint64
	syscallBP, elem, sudogSize             uint64
	waitingStatus, runnable, running       uint64
	inSyscall, preempted, dead, idle, scan uint64
	size                                   uint64 // how much of a g must be read
	channel, leaked, deadExtra             uint64 // 0 if this version of Go has none
	m, procid                              uint64 // procid is 0 if threads cannot be told
	startPC                                uint64 // 0 if this version of Go has none
}

// NewLayout fails if the layout lacks a name without which nothing can be said
// of a goroutine.
func NewLayout(l page.Layout) (*Layout, error) {
	g := &Layout{Layout: l}
	for _, f := range []struct {
		name string
		to   *uint64
	}{
		{"g.goid", &g.goid}, {"g.atomicstatus", &g.status}, {"g.waitreason", &g.reason},
		{"g.waiting", &g.waiting}, {"g.stack.hi", &g.hi},
		{"g.sched.pc", &g.pc}, {"g.sched.sp", &g.sp}, {"g.sched.bp", &g.bp},
		{"g.syscallpc", &g.syscallPC}, {"g.syscallsp", &g.syscallSP},
	} {
		if err := g.need(f.name, f.to); err != nil {
			return nil, err
		}
		if err := g.within(f.name, *f.to); err != nil {
			return nil, err
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
		if err := g.need(f.name, f.to); err != nil {
			return nil, err
		}
	}
	if g.elem > maxG {
		return nil, fmt.Errorf("%s is said to have sudog.elem at %d", g.GoVersion, g.elem)
	}
	if bp, ok := l.Value("g.syscallbp"); ok && g.within("g.syscallbp", bp) == nil {
		g.syscallBP = bp
	}
	g.sudogSize = g.elem + 8
	if c, ok := l.Value("sudog.c"); ok && c <= maxG {
		g.channel = c
		if c+8 > g.sudogSize {
			g.sudogSize = c + 8
		}
	}
	if m, ok := l.Value("g.m"); ok && g.within("g.m", m) == nil {
		g.m = m
		g.procid, _ = l.Value("m.procid")
	}
	if pc, ok := l.Value("g.startpc"); ok && g.within("g.startpc", pc) == nil {
		g.startPC = pc
	}
	g.leaked, _ = l.Value("status.leaked")
	g.deadExtra, _ = l.Value("status.deadextra")
	return g, nil
}

func (g *Layout) need(name string, to *uint64) error {
	v, ok := g.Value(name)
	if !ok {
		return g.lacks(name)
	}
	*to = v
	return nil
}

func (g *Layout) lacks(name string) error {
	return fmt.Errorf("%s has no %s that this lifesign knows", g.GoVersion, name)
}

// within makes sure that the word at an offset of g is read.
func (g *Layout) within(name string, off uint64) error {
	if off > maxG {
		return fmt.Errorf("%s is said to have %s at %d", g.GoVersion, name, off)
	}
	if off+8 > g.size {
		g.size = off + 8
	}
	return nil
}
