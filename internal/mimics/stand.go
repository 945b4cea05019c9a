package mimics

import "github.com/lifesign-go/lifesign/event"

// stand follows what the kernel says of the thread of an errand that hangs, from
// reading to reading. Times are those of the honest clock.
type stand struct {
	last     *event.Thread
	same     int   // readings in a row that found it waiting for the same, unmoved
	read     int64 // when it was read last
	stalled  int64 // since when the thing had work and finished none; -1 if it has not, or is not known
	answered int64 // when it was last found to get on, or the thread to run; -1 if it was not
}

func (s *stand) anew() { s.stalled, s.answered, s.same, s.last = -1, -1, 0, nil }

// see takes a reading into account. One without a thread says nothing.
func (s *stand) see(th *event.Thread, honest int64) {
	if th == nil {
		return
	}
	last := s.last
	s.last, s.read = th, honest
	if last == nil {
		s.same = 1
		return
	}
	if th.ID != last.ID || ran(last, th) {
		s.same, s.stalled, s.answered = 1, -1, honest
		return
	}
	a, b := last.Resource, th.Resource
	if a == nil && b == nil {
		s.same++
		return
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Name != b.Name {
		s.same, s.stalled = 1, -1
		return
	}
	s.same++
	if a.Err != "" || b.Err != "" {
		s.stalled = -1
		return
	}
	switch {
	case a.Completed != b.Completed || a.Moved != b.Moved:
		s.stalled, s.answered = -1, honest
	case a.InFlight == 0 || b.InFlight == 0:
		s.stalled = -1
	case s.stalled < 0:
		s.stalled = honest
	}
}

// ran reports whether a thread has run between two readings.
func ran(a, b *event.Thread) bool {
	return b.State == "R" || a.RanNS != b.RanNS || a.Slices != b.Slices || a.Switches != b.Switches
}

// kernelWord is what the kernel says of an errand that hangs.
type kernelWord int

const (
	kernelSilent kernelWord = iota // nothing that decides
	kernelMoves                    // the thread, or what it stands on, gets on, or is held back by a limit
	kernelStalls                   // what it stands on has work and finishes none
	kernelDoubts                   // that, but of a peer, or of what is frozen: its length alone settles it
)

// word says what the readings come to.
func (s *stand) word(j *Judge) kernelWord {
	th := s.last
	if th == nil || j.clock.honest-s.read >= uncounted*j.floor {
		return kernelSilent
	}
	if th.State == "R" || s.answered >= 0 && j.clock.honest-s.answered < uncounted*j.floor {
		return kernelMoves
	}
	r := th.Resource
	if r == nil || r.Err != "" {
		return kernelSilent
	}
	if r.Throttled != "" {
		return kernelMoves
	}
	stalls := s.stalled >= 0 && s.read-s.stalled >= j.stillness(r)
	switch r.Kind {
	case event.OnFUSE, event.OnNFS, event.OnDevice, event.OnPage:
		if stalls {
			return kernelStalls
		}
	case event.OnSocket, event.OnPipe, event.OnLockFile:
		if stalls {
			return kernelDoubts
		}
	case event.OnFrozen:
		if s.same >= 2 {
			return kernelDoubts
		}
	}
	return kernelSilent
}

// stillness is for how long a thing must have finished nothing. One that does not
// count what it finishes looks still while it answers others.
func (j *Judge) stillness(r *event.Resource) int64 {
	if r.Completed == 0 {
		return uncounted * j.floor
	}
	return j.validation
}

// resource names what the thread stands on, "" if that is not known.
func (s *stand) resource() string {
	if s.last == nil || s.last.Resource == nil {
		return ""
	}
	return s.last.Resource.Name
}
