package look

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/internal/proc"
)

// Patient returns a memory that gives up a read of m which takes longer than
// limit, not counted what it waits for a processor (proc.Helper), and every later one while that hangs. A process whose address space is
// locked by a thread that stands in the kernel, or whose pages are on a disk
// that does not answer, would otherwise make whoever looks at it stand, too. It
// may be used concurrently if m may: who asks in a thread that can be given up
// himself goes on with the next question while the last one is still being asked.
func Patient(m Memory, limit time.Duration) Memory { return &patient{mem: m, limit: limit} }

type patient struct {
	mem   Memory
	limit time.Duration
	hangs int32 // atomic: reads that were given up and have not come back

	mu    sync.Mutex // guards spare
	spare *plan      // of the last read that came back, nil while it is in use
}

// take returns a plan that is the caller's alone.
func (p *patient) take() *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.spare
	if p.spare = nil; own == nil {
		own = &plan{}
	}
	return own
}

func (p *patient) put(own *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare = own
}

var (
	errLate  = errors.New("the kernel has not read it in time")
	errHangs = errors.New("an earlier read of the program's memory hangs in the kernel")
)

func (p *patient) Read(parts []Part) {
	if !p.read(parts, maxGap) {
		return
	}
	// A stretch that could not be read may hold parts that can be.
	var again []Part
	var which []int
	for i := range parts {
		if parts[i].Err == errTogether {
			again, which = append(again, parts[i]), append(which, i)
		}
	}
	if len(again) > 0 {
		p.read(again, alone)
		for i, at := range which {
			parts[at].Err = again[i].Err
		}
	}
}

// read reads parts, those that are no more than gap apart together. It reports
// whether the memory has answered.
func (p *patient) read(parts []Part, gap int64) bool {
	if atomic.LoadInt32(&p.hangs) != 0 {
		refuseAll(parts, errHangs)
		return false
	}
	// What is given up may be written late: it has memory of its own.
	own := p.take()
	stretches := own.lay(parts, gap)
	h := proc.Ask(func() { p.mem.Read(stretches) })
	if h.Wait(p.limit) {
		own.deliver(parts)
		p.put(own)
		return true
	}
	atomic.AddInt32(&p.hangs, 1)
	go func() { <-h.Done(); atomic.AddInt32(&p.hangs, -1) }()
	refuseAll(parts, errLate)
	return false
}

func refuseAll(parts []Part, why error) {
	for i := range parts {
		parts[i].Err = unreadable(parts[i], why)
	}
}
