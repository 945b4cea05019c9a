package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/cmd/ptrace"
	"github.com/lifesign-go/lifesign/cmd/unwind"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// How inspect -ptrace looks at a thread that spins, and at how many of a group.
const (
	pointerLooks = 10
	pointerGap   = 20 * time.Millisecond
	pointersMost = 4
)

// pointer is what stops of a thread have shown.
type pointer struct {
	thread int
	motion ptrace.Motion
}

// addPointers stops threads of the groups for some microseconds each: those that
// spin, to see where, and of those that wait on a futex the one that stands for
// its group, if its stack could not be read to its end without. What it cannot
// see it adds to what was not seen.
func (n *inspected) addPointers() {
	if err := n.peek(); err != nil {
		n.Unseen = append(n.Unseen, "registers: "+err.Error())
	}
}

func (n *inspected) peek() error {
	u, err := unwind.New(n.PID)
	if err != nil {
		return err
	}
	t, err := ptrace.New(n.PID, u)
	if err != nil {
		return err
	}
	defer t.Close()
	n.pointers = make([][]pointer, len(n.Groups))
	var failed error
	for i := range n.Groups {
		g := &n.Groups[i]
		s := &g.Standing
		switch {
		case s.Verdict == event.Spinning:
			for k, tid := range g.Threads {
				if k == pointersMost {
					break
				}
				m, err := t.Watch(tid, pointerLooks, pointerGap)
				failed = errors.Join(failed, err)
				if len(m.Looks) > 0 {
					n.pointers[i] = append(n.pointers[i], pointer{tid, m})
				}
			}
		case s.Thread.Call == "futex" && s.Thread.UserErr != "":
			m, err := t.Watch(s.Thread.ID, 1, 0)
			failed = errors.Join(failed, err)
			if len(m.Looks) > 0 {
				n.pointers[i] = append(n.pointers[i], pointer{s.Thread.ID, m})
			}
		}
		for _, p := range n.pointers[i] {
			p.addTo(s)
		}
	}
	return failed
}

// addTo makes evidence of what was seen, and its functions those of the thread
// that stands for the group, if that is the one.
func (p pointer) addTo(s *event.Standing) {
	if s.Verdict == event.Spinning {
		s.Evidence = append(s.Evidence, event.Evidence{
			Source: event.Kernel, At: clock.Monotonic(),
			Text: fmt.Sprintf("thread %d, stopped for a moment each time: %v", p.thread, p.motion),
		})
	}
	last := p.motion.Looks[len(p.motion.Looks)-1]
	if s.Thread.ID == p.thread && len(last.Frames) > len(s.Thread.User) {
		s.Thread.User, s.Thread.UserErr = last.Frames, ""
		if last.FramesErr != nil {
			s.Thread.UserErr = last.FramesErr.Error()
		}
	}
}

// The part of inspect's JSON object that tells of it.
type (
	pointerJSON struct {
		Thread    int               `json:"thread"`
		Looks     int               `json:"looks"`
		Moves     bool              `json:"moves"`   // the instruction pointer was not always the same
		Changes   bool              `json:"changes"` // the registers were not
		In        []placeJSON       `json:"in"`
		Stopped   int64             `json:"stopped_ns"` // for how long, of all looks the longest
		Registers map[string]string `json:"registers"`  // of the last look
	}
	placeJSON struct {
		event.Frame
		Looks int `json:"looks"`
	}
)

func pointersOf(pointers []pointer) []pointerJSON {
	var all []pointerJSON
	for _, p := range pointers {
		o := pointerJSON{Thread: p.thread, Looks: len(p.motion.Looks), Moves: p.motion.Moves, Changes: p.motion.Changes, In: []placeJSON{}, Registers: map[string]string{}}
		for _, in := range p.motion.In {
			o.In = append(o.In, placeJSON{in.Frame, in.Looks})
		}
		for _, l := range p.motion.Looks {
			o.Stopped = max(o.Stopped, l.Stopped.Nanoseconds())
		}
		for _, r := range p.motion.Looks[len(p.motion.Looks)-1].Registers {
			o.Registers[r.Name] = fmt.Sprintf("%#x", r.Value)
		}
		all = append(all, o)
	}
	return all
}
