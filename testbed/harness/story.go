package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

// account is what the load told.
type account struct {
	ready report.Line
	stall *report.Line // the standstill that is, or that was at the end
	over  int          // standstills that are over
	from  report.Line  // the last look before a disturbance
	to    report.Line  // the last look in it
	end   report.Line
}

// rate returns the publishes acknowledged in a second between two looks.
func rate(from, to report.Line) float64 {
	if to.At <= from.At {
		return 0
	}
	return float64(to.Acked-from.Acked) / time.Duration(to.At-from.At).Seconds()
}

// felt reports whether a disturbance cost the server more than half of what it
// did before: one that did not proves nothing.
func (a account) felt() bool { return rate(a.from, a.to) < rate(a.ready, a.from)/2 }

// rates says what a disturbance did to the server.
func (a account) rates() string {
	return fmt.Sprintf("%.0f publishes a second before, %.0f in it", rate(a.ready, a.from), rate(a.from, a.to))
}

// loadStory listens to natsload.
type loadStory struct {
	mu   sync.Mutex // guards what follows
	last report.Line
	account
	err error
}

// follow reads the load's lines to their end.
func (s *loadStory) follow(r io.Reader) {
	err := report.Each(r, s.hear)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.err = err
		_, _ = io.Copy(io.Discard, r) // or the load would stand at its output
	case s.end.Event != report.End:
		s.err = errors.New("the load ended without its totals")
	}
}

func (s *loadStory) hear(l report.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = l
	switch {
	case l.Event == report.Ready:
		s.ready = l
	case l.Event == report.Stall:
		s.stall = &l
	case l.Event == report.Resumed:
		s.stall = nil
		s.over++
	case l.Event == report.End:
		s.end = l
	}
}

// stalled reports whether publishing stands still.
func (s *loadStory) stalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stall != nil
}

// mark remembers where the load is, as a disturbance begins or ends.
func (s *loadStory) mark(at *report.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*at = s.last
}
