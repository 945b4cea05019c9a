package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	takes "github.com/lifesign-go/lifesign/cmd/dump"
	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// dumper keeps dumps of one run of a program in a directory: of a live one when it is
// told to, and of one that has ended as it should not. A nil one keeps none. Its
// methods may be called concurrently.
type dumper struct {
	dir  string
	say  func(string)
	self string // lifesign's own program

	// Set before begin. Both may be called by any goroutine.
	log    func() []string     // the program's last log lines; may be nil
	mimics func() []dump.Mimic // what mimics came to, newest first; may be nil

	output *takes.Output
	early  sync.WaitGroup // the dump that is taken as the program dies

	mu       sync.Mutex // guards what follows
	pid      int
	page     *observe.Page
	known    *takes.Known
	findings []event.Finding // newest first
	dying    *dump.Dump
	closed   chan struct{}
}

// What a dumper remembers, and how long it may take over a program that is still there.
const (
	findingsKept = 16
	takeTime     = 3 * time.Second
	lastWords    = time.Second // that a crash's text may take to come when the program is gone
)

// newDumper returns a dumper into dir, which is made when the first dump is kept; nil
// if dir is "".
func newDumper(dir string, say func(string)) (*dumper, error) {
	if dir == "" {
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find lifesign's own program: %w", err)
	}
	o, err := takes.NewOutput()
	if err != nil {
		return nil, err
	}
	return &dumper{dir: dir, say: say, self: self, output: o, closed: make(chan struct{})}, nil
}

// prepare makes what the program inherits, before it is started; release is called
// after that. The variables name the crash output and, for dumps that the program
// makes of itself, the directory.
func (d *dumper) prepare() (env []string, release func(), err error) {
	if d == nil {
		return nil, func() {}, nil
	}
	e, release, err := d.output.Inherit()
	if err != nil {
		return nil, nil, err
	}
	return []string{e, dump.DirVar + "=" + d.dir}, release, nil
}

// begin is told the process, and its page, which must stay open until ended or close
// has returned.
func (d *dumper) begin(pid int, p *observe.Page) {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.pid, d.page = pid, p
	d.mu.Unlock()
	d.early.Add(1)
	go func() {
		defer d.early.Done()
		for _, after := range settles {
			select {
			case <-d.output.First():
				d.die()
				return
			case <-d.closed:
				return
			case <-time.After(after):
				d.learn()
			}
		}
		select {
		case <-d.output.First():
			d.die()
		case <-d.closed:
		}
	}()
}

// settles is when it is asked what the process is: at first it may still be lifesign,
// or a script that starts the program.
var settles = []time.Duration{100 * time.Millisecond, 2 * time.Second}

// learn asks what the process is, if it is still there.
func (d *dumper) learn() {
	pid := d.target(dump.Reason{}).PID
	if k, err := takes.Know(pid); err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.known = k
	}
}

// finding remembers a finding for dumps to come.
func (d *dumper) finding(f event.Finding) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.findings = append([]event.Finding{f}, d.findings[:min(len(d.findings), findingsKept-1)]...)
}

func (d *dumper) target(r dump.Reason) takes.Target {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := takes.Target{PID: d.pid, Page: d.page, Reason: r, Findings: d.findings, Rules: dump.UsualRules()}
	if d.page != nil && d.page.PID() != 0 {
		t.PID = d.page.PID() // a script may have started it
	}
	if d.log != nil {
		t.Log = d.log()
	}
	if d.mimics != nil {
		t.Mimics = d.mimics()
	}
	return t
}

// die looks at a program that has begun to tell of its crash, and will be gone in a
// moment. It is not stopped: nothing that could happen to lifesign may leave a program
// that dies standing.
func (d *dumper) die() {
	d.mu.Lock()
	known := d.known
	d.mu.Unlock()
	if known == nil { // what is learnt now is what is left
		d.learn()
	}
	ctx, cancel := context.WithTimeout(context.Background(), takeTime)
	defer cancel()
	taken, err := takes.Take(ctx, d.target(dump.Reason{Kind: dump.Ended}), takes.Options{Run: true})
	if err != nil {
		return // it was faster
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dying = taken
}

// stuck keeps a dump of the program as it is, before it is ended, say. why is one
// sentence.
func (d *dumper) stuck(why string) {
	if d == nil {
		return
	}
	r := dump.Reason{Kind: dump.Stuck, What: why}
	d.mu.Lock()
	if len(d.findings) > 0 {
		f := d.findings[0]
		r.Thread, r.Goroutine = f.Thread, 0
		if len(f.Chain) > 0 {
			r.Goroutine = f.Chain[0].Goroutine
		}
		if s := f.Place.Site; s.Line > 0 {
			r.Place = &event.Frame{Func: s.Func, File: s.File, Line: s.Line}
		}
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), takeTime)
	defer cancel()
	taken, err := takes.Take(ctx, d.target(r), takes.Options{Helper: []string{d.self, threadsCommand}})
	if err != nil {
		d.say(err.Error())
		return
	}
	d.keep(taken)
}

// ended keeps a dump of a program that has ended, which is not as it should. how tells
// the wait status: "it was ended by signal 11 (segmentation fault)"; signal is that
// signal's number, 0 if it was none.
func (d *dumper) ended(how string, signal int) {
	if d == nil {
		return
	}
	text := d.output.Text(lastWords)
	d.stop()
	r := dump.Reason{Kind: dump.Ended, What: how, Signal: signal}
	if signal != 0 {
		r.Kind = dump.Signal
	}
	t := d.target(r)
	t.Text = text
	d.mu.Lock()
	known, early := d.known, d.dying
	d.mu.Unlock()
	if known == nil {
		known = takes.Unknown(t.PID)
	}
	d.keep(known.Ended(t, early))
}

func (d *dumper) keep(taken *dump.Dump) {
	name, err := dump.Keep(d.dir, taken, dump.Usual)
	if err != nil {
		d.say(err.Error())
		return
	}
	d.say(fmt.Sprintf("a dump of it is in %s (lifesign dump show FILE)", name))
}

// stop ends the wait for a crash.
func (d *dumper) stop() {
	d.mu.Lock()
	select {
	case <-d.closed:
	default:
		close(d.closed)
	}
	d.mu.Unlock()
	d.early.Wait()
}

// close gives back what the dumper has, after ended or instead of it.
func (d *dumper) close() {
	if d == nil {
		return
	}
	d.stop()
	d.output.Close()
}
