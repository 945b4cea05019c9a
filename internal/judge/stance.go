package judge

import "github.com/lifesign-go/lifesign/event"

// stance is how looks have shown a goroutine that is in an operation other than
// one of a lock: what it stands in, and since when that has not moved.
type stance struct {
	look    event.Look
	since   int64 // honest time of the first of the looks that were the same
	looks   int   // how many they are
	stalled int64 // since when what its system call works on has answered nobody; -1 if it has, or is not known
	sample  int   // of the last look
}

// watch takes a look into account and reports whether it is as the one before.
func (s *stance) watch(look *event.Look, honest int64, sample int) {
	if s.sample == sample {
		return
	}
	still := s.looks > 0 && same(&s.look, look)
	resource := still && idles(s.look.Thread, look.Thread)
	switch {
	case !resource:
		s.stalled = -1
	case s.stalled < 0:
		s.stalled = s.since
	}
	if !still {
		s.since, s.looks, s.stalled = honest, 0, -1
	}
	s.look, s.sample = *look, sample
	s.looks++
}

// same reports whether nothing has moved between two looks: not the goroutine,
// and not the thread that makes its system call.
func same(a, b *event.Look) bool {
	if a.Status != b.Status || a.Reason != b.Reason || a.Object != b.Object || len(a.Stack) != len(b.Stack) {
		return false
	}
	if b.Status != event.Waiting && b.Status != event.Syscall {
		return false
	}
	for i := range a.Stack {
		if a.Stack[i] != b.Stack[i] {
			return false
		}
	}
	x, y := a.Thread, b.Thread
	if x == nil || y == nil {
		return x == y
	}
	return x.ID == y.ID && x.Syscall == y.Syscall && x.Switches == y.Switches && x.RanNS == y.RanNS
}

// idles reports whether, from one look to the next, the resource of a system
// call had work and finished none of it.
func idles(a, b *event.Thread) bool {
	if a == nil || b == nil || a.Resource == nil || b.Resource == nil {
		return false
	}
	x, y := a.Resource, b.Resource
	return x.Err == "" && y.Err == "" && x.Name == y.Name && x.InFlight > 0 && y.InFlight > 0 && x.Completed == y.Completed
}

// counted reports whether the resource counts what it has finished: if not, one
// that is slow and never without work looks like one that has stalled.
func (s *stance) counted() bool {
	return s.look.Thread != nil && s.look.Thread.Resource != nil && s.look.Thread.Resource.Completed > 0
}
