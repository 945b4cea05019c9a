package errands

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lifesign-go/lifesign/event"
)

// Bounds of a line. An order has at most the 4096 bytes that a mimic copies, and
// names of files; marks are sixteen bytes each, in base64.
const (
	maxOrder  = 1 << 20
	maxReport = 1 << 16
)

// order is a line to the helper; one of its fields is set.
type order struct {
	Setup   *setup  `json:",omitempty"` // the first one
	Marks   *Marks  `json:",omitempty"` // replaces those before
	Errand  *task   `json:",omitempty"`
	Release release `json:",omitempty"` // kept files are to be closed
}

// release says why kept files are to be closed.
type release string

const (
	rested release = "rested" // they were not used for a while
	closed release = "closed" // the program has closed a file on whose account one is kept
)

// setup says where the program is, and how the helper gets there.
type setup struct {
	Agent   int      // its parent's number, as the agent knows it
	PID     int      // the program's
	Mounts  bool     // enter the program's mount namespace
	Network bool     // enter its network namespace
	Root    bool     // take its root directory
	Become  bool     // take its credentials
	As      identity //
	Threads int      // how many errands may be under way
	Clean   []string // names that a helper before may have left
}

// task is an errand. Names are bytes: they need not be UTF-8.
type task struct {
	ID      uint64
	Deed    event.Deed
	Where   event.Where
	Path    []byte `json:",omitempty"`
	Link    []byte `json:",omitempty"` // what the program's descriptor leads to, if that is known too
	Network string `json:",omitempty"`
	Address []byte `json:",omitempty"`
	Offset  int64  `json:",omitempty"`
	Size    int64  `json:",omitempty"`
	Data    []byte `json:",omitempty"`
	Keep    bool   `json:",omitempty"` // the file that is made for it may be kept: the program has one open beside it
}

// report is a line from the helper; one of its fields is set.
type report struct {
	Ready *ready `json:",omitempty"` // the answer to setup
	Begun *begun `json:",omitempty"`
	At    *at    `json:",omitempty"`
	Ended *ended `json:",omitempty"`
}

type ready struct {
	Err string `json:",omitempty"` // why it cannot be where the program is; it ends then
}

type begun struct {
	ID     uint64
	Thread int
	When   int64 // CLOCK_MONOTONIC
}

// at says what an errand has come to.
type at struct {
	ID           uint64
	Major, Minor uint32 // the file system that it works on
	Name         []byte `json:",omitempty"` // a file that it is about to make with a name
}

type ended struct {
	ID    uint64
	When  int64 // CLOCK_MONOTONIC
	Took  int64 // without the time in which it waited for a processor
	End   event.End
	Errno string `json:",omitempty"`
	Text  string `json:",omitempty"`
	Kept  bool   `json:",omitempty"` // the file that it was done with is still open
}

var errLong = errors.New("a line is too long")

// lines reads a value of T from each line of r and hands it to each, until r ends or
// each returns an error. A line longer than limit is an error, as is one that is no
// such value.
func lines[T any](r io.Reader, limit int, each func(T) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, limit)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			return fmt.Errorf("a line of %d bytes: %w", len(s.Bytes()), err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return errLong
	}
	return s.Err()
}

// encode makes a line.
func encode(v any, limit int) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(b)+1 > limit {
		return nil, errLong
	}
	return append(b, '\n'), nil
}

// clip bounds a text that goes into a report.
func clip(s string) string {
	const most = 1 << 10
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
