package unit

import (
	"log"
	"os"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// dumpsMost is how many dumps there are at most in dumpsWithin: the first crashes are
// those that tell something.
const (
	dumpsMost   = 4
	dumpsWithin = time.Minute
)

// dumper keeps minidumps of crashes. It is asked by one goroutine at a time.
type dumper struct {
	made []time.Time // in dumpsWithin, oldest first
}

// due reports whether there may be one more at this time, and counts it. It is pure.
func (d *dumper) due(now time.Time) bool {
	for len(d.made) > 0 && now.Sub(d.made[0]) >= dumpsWithin {
		d.made = d.made[1:]
	}
	if len(d.made) >= dumpsMost {
		return false
	}
	d.made = append(d.made, now)
	return true
}

// keep leaves a minidump of c in the directory that the configuration or the
// environment names. That the disk may be slow, or hang, is why it is not done by who
// has crashed.
func (d *dumper) keep(c *Crash, cfg Config) {
	dir := cfg.Dumps
	if dir == "" {
		dir = os.Getenv(dump.DirVar)
	}
	if dir == "" || !d.due(c.At) {
		return
	}
	if _, err := dump.Keep(dir, minidump(c), dump.Usual); err != nil {
		log.Printf("lifesign guard: %v", err)
	}
}

// minidump is what there is to keep of c.
func minidump(c *Crash) *dump.Dump {
	stack := make([]event.Frame, len(c.Stack))
	for i, f := range c.Stack {
		stack[i] = event.Frame{Func: f.Function, File: f.File, Line: f.Line}
	}
	d := dump.Here(dump.Reason{
		Kind: dump.Contained, What: "panic: " + c.value(), Address: uint64(c.Address), Goroutine: c.goroutine,
	}, stack)
	d.Time = c.At
	if len(c.Locks) > 0 {
		d.Facts["left locked"] = strings.Join(c.Locks, ", ")
	}
	if c.Region != "" {
		d.Facts["region"] = c.Region
	}
	if why, draining := Draining(); draining {
		d.Facts["draining"] = why
	}
	dump.UsualRules().Apply(d)
	return d
}
