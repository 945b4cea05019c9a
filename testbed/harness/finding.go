package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

// finding is a line of `lifesign run -json`: what the testbed needs of it.
type finding struct {
	Episode uint64    `json:"episode"`
	Verdict string    `json:"verdict"`
	Class   string    `json:"class"`
	What    string    `json:"what"`
	Place   step      `json:"place"`
	At      int64     `json:"at"` // CLOCK_MONOTONIC nanoseconds
	Cycle   bool      `json:"cycle"`
	Chain   []link    `json:"chain"`
	Waiters []link    `json:"waiters"`
	Shown   []shown   `json:"evidence"`
	Time    time.Time `json:"time"`
	PID     int       `json:"pid"`
}

type link struct {
	Goroutine uint64  `json:"goroutine"`
	Waits     *step   `json:"waits"`
	Holds     *step   `json:"holds"`
	Stack     []frame `json:"stack"`
}

type frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// shown is a piece of evidence.
type shown struct {
	Source string `json:"source"`
	At     int64  `json:"at"`
}

// first is the source that gave the earliest evidence.
func (f finding) first() string {
	if len(f.Shown) == 0 {
		return "-"
	}
	e := f.Shown[0]
	for _, other := range f.Shown[1:] {
		if other.At < e.At {
			e = other
		}
	}
	return e.Source
}

type step struct {
	Site struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Func   string `json:"func"`
		Object string `json:"object"`
	} `json:"site"`
}

// at returns the step's place with the file's directory: server/stream.go:1339.
func (s step) at() string {
	file := path.Join(path.Base(path.Dir(s.Site.File)), path.Base(s.Site.File))
	return fmt.Sprintf("%s:%d", file, s.Site.Line)
}

// role is what a goroutine does with a lock in a finding.
type role string

const (
	waits role = "waits"
	holds role = "holds"
)

// mention is a step named by a finding.
type mention struct {
	role role
	step step
}

func (f finding) mentions() []mention {
	ms := []mention{{waits, f.Place}}
	for _, links := range [][]link{f.Chain, f.Waiters} {
		for _, l := range links {
			if l.Waits != nil {
				ms = append(ms, mention{waits, *l.Waits})
			}
			if l.Holds != nil {
				ms = append(ms, mention{holds, *l.Holds})
			}
		}
	}
	return ms
}

// seen is a finding and when a reader of the file could know it.
type seen struct {
	finding
	seenAt int64 // CLOCK_MONOTONIC nanoseconds
}

// watchPeriod is how often the file of findings is looked at: the error of
// seenAt, always to lifesign's disadvantage.
const watchPeriod = 5 * time.Millisecond

// findings follows a file of findings as it grows.
type findings struct {
	name string

	mu   sync.Mutex // guards what follows
	all  []seen
	err  error
	rest []byte // the last, unfinished line
	read int64
}

// look reads what was added to the file. A file that does not exist has no
// findings: lifesign need not make it before the first.
func (f *findings) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(f.name)
	if err != nil {
		if !os.IsNotExist(err) {
			f.err = fmt.Errorf("read findings: %w", err)
		}
		return
	}
	defer file.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := file.ReadAt(buf, f.read)
		f.read += int64(n)
		f.add(buf[:n], mono.Now())
		if err != nil {
			return // the end, for now
		}
	}
}

func (f *findings) add(data []byte, now int64) {
	f.rest = append(f.rest, data...)
	for {
		line, rest, whole := bytes.Cut(f.rest, []byte("\n"))
		if !whole {
			return
		}
		s := seen{seenAt: now}
		if err := json.Unmarshal(line, &s.finding); err != nil {
			f.err = fmt.Errorf("read finding %q: %w", line, err)
		} else {
			f.all = append(f.all, s)
		}
		f.rest = rest
	}
}

// list returns what was found until now, and what is wrong with the file.
func (f *findings) list() ([]seen, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]seen(nil), f.all...), f.err
}
