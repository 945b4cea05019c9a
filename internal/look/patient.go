package look

import (
	"errors"
	"sync/atomic"
	"time"
)

// Patient returns a memory that gives up a read of m which takes longer than
// limit, and every later one while that hangs. A process whose address space is
// locked by a thread that stands in the kernel, or whose pages are on a disk
// that does not answer, would otherwise make whoever looks at it stand, too. It
// is for one goroutine at a time.
func Patient(m Memory, limit time.Duration) Memory { return &patient{mem: m, limit: limit} }

type patient struct {
	mem   Memory
	limit time.Duration
	hangs int32 // atomic: 1 while a read that was given up has not come back
	plan  plan  // of the next read
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
	own := p.plan.lay(parts, gap)
	done := make(chan struct{})
	go func() { p.mem.Read(own); close(done) }()
	late := time.NewTimer(p.limit)
	defer late.Stop()
	select {
	case <-done:
		p.plan.deliver(parts)
		return true
	case <-late.C:
		p.plan = plan{}
		atomic.StoreInt32(&p.hangs, 1)
		go func() { <-done; atomic.StoreInt32(&p.hangs, 0) }()
		refuseAll(parts, errLate)
		return false
	}
}

func refuseAll(parts []Part, why error) {
	for i := range parts {
		parts[i].Err = unreadable(parts[i], why)
	}
}
