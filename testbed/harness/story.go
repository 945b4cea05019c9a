package main

import (
	"errors"
	"io"
	"sync"

	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

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
	case l.Event == report.Stall && s.stall == nil:
		s.stall = &l
	case l.Event == report.End:
		s.end = l
	}
}

// stalled reports whether publishing has stood still.
func (s *loadStory) stalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stall != nil
}

// markDisturbed remembers where the load is as the disturbance ends.
func (s *loadStory) markDisturbed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disturbed = s.last
}
