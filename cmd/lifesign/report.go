package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/tell"
)

// reporter tells the user what was found. It may be used by several goroutines.
type reporter struct {
	act func(event.Finding) // is told what is not muted, too; nil if nobody acts on it; set before use

	mu    sync.Mutex // guards what follows
	out   io.Writer
	file  *os.File // for JSON lines; nil without -json
	mute  []*regexp.Regexp
	all   bool
	name  string
	pid   int
	stuck int // findings told, not muted, of what is stuck or has vanished, or goes wrong by what mimics say
}

func newReporter(out io.Writer, o runOptions) (*reporter, error) {
	r := &reporter{out: out, mute: o.mute, all: o.all}
	if o.json != "" {
		f, err := os.OpenFile(o.json, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return nil, fmt.Errorf("-json: %w (name a file that can be written)", err)
		}
		r.file = f
	}
	return r, nil
}

func (r *reporter) close() {
	if r.file == nil {
		return
	}
	if err := r.file.Close(); err != nil {
		r.say(fmt.Sprintf("the JSON file is incomplete: %v", err))
	}
}

func (r *reporter) program(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.name = filepath.Base(path)
}

func (r *reporter) watching(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pid = pid
}

// found is how many findings were told of what is stuck or goes wrong.
func (r *reporter) found() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stuck
}

// say writes one line.
func (r *reporter) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sayLocked(text)
}

func (r *reporter) sayLocked(text string) {
	fmt.Fprintf(r.out, "lifesign: %s: %s\n", r.name, text)
}

// line is a finding as it stands in the JSON file.
type line struct {
	Time    time.Time `json:"time"`
	Program string    `json:"program"`
	PID     int       `json:"pid"`
	Muted   bool      `json:"muted,omitempty"`
	event.Finding
}

func (r *reporter) line(f event.Finding) line {
	return line{Time: tell.Wall(f.At), Program: r.name, PID: r.pid, Muted: r.muted(f), Finding: f}
}

// finding tells f, unless it takes no action and nobody asked for such.
func (r *reporter) finding(f event.Finding) {
	if r.act != nil && !r.muted(f) {
		r.act(f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.all && !r.matters(f) {
		return
	}
	l := r.line(f)
	r.write(l)
	if l.Muted {
		return
	}
	if f.Verdict == event.Stuck || f.Verdict == event.Vanished || f.Verdict == event.Wrong && mimicked(f) {
		r.stuck++
	}
	io.WriteString(r.out, shorten(tell.Text(f, r.name, r.pid)))
}

// matters reports whether f is told to everybody: all but what is slow, or
// cannot be told.
func (r *reporter) matters(f event.Finding) bool {
	return f.Verdict != event.Slow && f.Verdict != event.Unknown
}

// write appends l to the JSON file. A disk that is full is told once; the
// findings go on in text.
func (r *reporter) write(l line) {
	if r.file == nil {
		return
	}
	b, err := json.Marshal(l)
	if err == nil {
		_, err = r.file.Write(append(b, '\n'))
	}
	if err != nil {
		r.sayLocked(fmt.Sprintf("no more findings go to the JSON file: %v", err))
		r.file.Close()
		r.file = nil
	}
}

// muted reports whether the user wants to hear nothing of a finding with such
// a place, function or object in it.
func (r *reporter) muted(f event.Finding) bool {
	names := names(f)
	for _, re := range r.mute {
		for _, n := range names {
			if re.MatchString(n) {
				return true
			}
		}
	}
	return false
}

// names lists what a pattern is held against: everything that tells where, of
// the finding's place and of its chain.
func names(f event.Finding) []string {
	steps := []*event.Step{&f.Place}
	for i := range f.Chain {
		steps = append(steps, f.Chain[i].Waits, f.Chain[i].Holds)
	}
	var names []string
	for _, s := range steps {
		if s != nil {
			names = append(names, s.Site.Place(), s.Site.Package+"."+s.Site.Func, s.Site.Object)
		}
	}
	return names
}
