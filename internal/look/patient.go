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
	hangs int32  // atomic: 1 while a read that was given up has not come back
	spare []byte // memory for the next read
}

var (
	errLate  = errors.New("the kernel has not read it in time")
	errHangs = errors.New("an earlier read of the program's memory hangs in the kernel")
)

func (p *patient) Read(parts []Part) {
	if atomic.LoadInt32(&p.hangs) != 0 {
		refuseAll(parts, errHangs)
		return
	}
	// What is given up may be written late: it has memory of its own.
	own := p.buffers(parts)
	done := make(chan struct{})
	go func() { p.mem.Read(own); close(done) }()
	late := time.NewTimer(p.limit)
	defer late.Stop()
	select {
	case <-done:
		for i := range parts {
			parts[i].Err = own[i].Err
			copy(parts[i].Buf, own[i].Buf)
		}
	case <-late.C:
		p.spare = nil
		atomic.StoreInt32(&p.hangs, 1)
		go func() { <-done; atomic.StoreInt32(&p.hangs, 0) }()
		refuseAll(parts, errLate)
	}
}

// buffers returns parts with other buffers.
func (p *patient) buffers(parts []Part) []Part {
	n := 0
	for i := range parts {
		n += len(parts[i].Buf)
	}
	if len(p.spare) < n {
		p.spare = make([]byte, n)
	}
	own := make([]Part, len(parts))
	free := p.spare
	for i := range parts {
		n := len(parts[i].Buf)
		own[i] = Part{Addr: parts[i].Addr, Buf: free[:n:n]}
		free = free[n:]
	}
	return own
}

func refuseAll(parts []Part, why error) {
	for i := range parts {
		parts[i].Err = unreadable(parts[i], why)
	}
}
