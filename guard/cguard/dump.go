package cguard

import (
	"log"
	"os"
	"sync"
	"sync/atomic"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// dumpsMost is how many dumps a process leaves: it is to end soon, and the first
// crashes are those that tell something.
const dumpsMost = 4

var (
	dumps   int32      // how many were begun; atomic
	keeping sync.Mutex // held while one is written: dump.Keep looks for a name that is free
)

// keep leaves a minidump of c in the directory that the environment names. It does
// not wait for the disk.
func keep(c *Crash) {
	dir := os.Getenv(dump.DirVar)
	if dir == "" || atomic.AddInt32(&dumps, 1) > dumpsMost {
		atomic.CompareAndSwapInt32(&dumps, dumpsMost+1, dumpsMost) // it must not come round
		return
	}
	go func() {
		keeping.Lock()
		defer keeping.Unlock()
		if _, err := dump.Keep(dir, minidump(c), dump.Usual); err != nil {
			log.Printf("lifesign cguard: %v", err)
		}
	}()
}

// minidump is what there is to keep of c.
func minidump(c *Crash) *dump.Dump {
	stack := make([]event.Frame, len(c.Stack))
	for i, f := range c.Stack {
		stack[i] = event.Frame{Func: f.String(), File: f.Object}
	}
	r := dump.Reason{
		Kind: dump.Contained, What: "in C: " + c.what(), Signal: int(c.Signal), Name: name(c.Signal), Code: c.Code,
		Address: uint64(c.Address), Foreign: true,
	}
	if len(c.Stack) > 0 {
		r.PC, r.Place = uint64(c.Stack[0].PC), &stack[c.blamed()]
	}
	d := dump.Here(r, stack)
	d.Time = c.At
	dump.UsualRules().Apply(d)
	return d
}
