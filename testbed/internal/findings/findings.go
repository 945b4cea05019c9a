// Package findings follows a file of findings as lifesign writes it, and says how
// near to a fault a finding comes. It knows lifesign only by the JSON that its
// users read.
package findings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

// Finding is a line of `lifesign run -json`: what the testbed needs of it.
type Finding struct {
	Episode uint64    `json:"episode"`
	Verdict string    `json:"verdict"`
	Class   string    `json:"class"`
	What    string    `json:"what"`
	Place   Step      `json:"place"`
	At      int64     `json:"at"` // CLOCK_MONOTONIC nanoseconds
	Cycle   bool      `json:"cycle"`
	Chain   []Link    `json:"chain"`
	Waiters []Link    `json:"waiters"`
	Shown   []Shown   `json:"evidence"`
	Time    time.Time `json:"time"`
	PID     int       `json:"pid"`
}

type Link struct {
	Goroutine uint64  `json:"goroutine"`
	Waits     *Step   `json:"waits"`
	Holds     *Step   `json:"holds"`
	Stack     []Frame `json:"stack"`
}

type Frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Shown is a piece of evidence.
type Shown struct {
	Source string `json:"source"`
	At     int64  `json:"at"`
}

// First is the source that gave the earliest evidence.
func (f Finding) First() string {
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

// By reports whether a source has given evidence.
func (f Finding) By(source string) bool {
	return slices.ContainsFunc(f.Shown, func(e Shown) bool { return e.Source == source })
}

type Step struct {
	Site struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Func   string `json:"func"`
		Object string `json:"object"`
	} `json:"site"`
}

// At returns the step's place with the file's directory: server/stream.go:1339.
func (s Step) At() string {
	file := path.Join(path.Base(path.Dir(s.Site.File)), path.Base(s.Site.File))
	return fmt.Sprintf("%s:%d", file, s.Site.Line)
}

// Role is what a goroutine does with a lock in a finding.
type Role string

// The roles.
const (
	Waits Role = "waits"
	Holds Role = "holds"
)

// Mention is a step named by a finding.
type Mention struct {
	Role Role
	Step Step
}

func (f Finding) Mentions() []Mention {
	ms := []Mention{{Waits, f.Place}}
	for _, links := range [][]Link{f.Chain, f.Waiters} {
		for _, l := range links {
			if l.Waits != nil {
				ms = append(ms, Mention{Waits, *l.Waits})
			}
			if l.Holds != nil {
				ms = append(ms, Mention{Holds, *l.Holds})
			}
		}
	}
	return ms
}

// Seen is a finding and when a reader of the file could know it.
type Seen struct {
	Finding
	SeenAt int64 // CLOCK_MONOTONIC nanoseconds
}

// Period is how often the file of findings is looked at: the error of
// SeenAt, always to lifesign's disadvantage.
const Period = 5 * time.Millisecond

// File follows a file of findings as it grows.
type File struct {
	Name string

	mu   sync.Mutex // guards what follows
	all  []Seen
	err  error
	rest []byte // the last, unfinished line
	read int64
}

// Look reads what was added to the file. A file that does not exist has no
// findings: lifesign need not make it before the first.
func (f *File) Look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(f.Name)
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

func (f *File) add(data []byte, now int64) {
	f.rest = append(f.rest, data...)
	for {
		line, rest, whole := bytes.Cut(f.rest, []byte("\n"))
		if !whole {
			return
		}
		s := Seen{SeenAt: now}
		if err := json.Unmarshal(line, &s.Finding); err != nil {
			f.err = fmt.Errorf("read finding %q: %w", line, err)
		} else {
			f.all = append(f.all, s)
		}
		f.rest = rest
	}
}

// List returns what was found until now, and what is wrong with the file.
func (f *File) List() ([]Seen, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Seen(nil), f.all...), f.err
}
