// Package sample takes samples of a program that notes what it does in a vitals
// page: of another process, for an agent, or of one's own, for the watcher in
// it. It puts together what the page, the runtime's own data and the kernel
// say, and decides nothing; package judge does.
//
// A Sampler is for one goroutine at a time. It stops, signals and traces
// nobody. What may hang in the kernel is asked in threads that are given up.
package sample

import (
	"fmt"
	"os"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// Source is where a program's samples come from.
type Source struct {
	Page *page.Reader
	Own  bool // the program is this very process, which need not have claimed the page

	// Symbols names the code of process pid, in which hook.Enter is at anchor.
	// allgs is where the runtime's list of goroutines is, 0 if that is not known.
	Symbols func(pid int, anchor uint64) (symbols look.Symbols, allgs uint64, err error)
}

// Sampler takes samples of one process.
type Sampler struct {
	Kernel proc.Kernel // whom to ask about the process; PID is filled in

	source  Source
	reading page.Reading
	looker  *looker
	blind   string // why no goroutine can be looked at, "" if one can
	ready   bool

	pulse  *proc.Pulse // of process pulsed, nil before the first sample of another process
	pulsed int
}

// Wanted is what a sample shall tell beyond the page and the process.
type Wanted struct {
	Look   []uint64 // goroutines to look at, by number
	Words  []uint64 // locks, channels and WaitGroups whose state to read, by address
	Census bool     // whether to look at every goroutine
}

// New returns a sampler of what source leads to.
func New(source Source) *Sampler {
	return &Sampler{Kernel: proc.Kernel{Proc: "/proc", Sys: "/sys"}, source: source}
}

// Sample takes a sample with what is wanted. A goroutine or an object that the
// page does not have any more is left out. ok is false until a process has
// claimed the page and its hooks have found out whether they can work.
func (s *Sampler) Sample(want Wanted) (sample event.Sample, ok bool, err error) {
	if s.source.Page.PID() == 0 && !s.source.Own {
		return event.Sample{}, false, nil
	}
	if err := s.source.Page.Read(&s.reading); err != nil {
		return event.Sample{}, false, err
	}
	if s.reading.State == page.StateNone {
		return event.Sample{}, false, nil
	}
	s.Kernel.PID = s.reading.PID
	if s.source.Own {
		s.Kernel.PID = os.Getpid()
	}
	s.prepare()
	sample = event.Sample{
		At:         clock.Monotonic(),
		Process:    s.process(),
		Goroutines: s.reading.Goroutines,
		Orphans:    s.reading.Orphans,
		Foreign:    s.reading.Foreign,
		Workers:    s.reading.Workers,
		Said:       s.reading.Said,
		Mimics:     s.reading.Mimics,
		Lost:       s.reading.Lost,
	}
	sample.Looks = s.looks(want.Look)
	if want.Census {
		sample.Census = s.census()
	}
	sample.Words = s.words(want.Words)
	return sample, true, nil
}

// process asks the kernel about the process. About itself a process need not
// ask: it runs.
func (s *Sampler) process() event.Process {
	if s.source.Own {
		return event.Process{RanNS: -1}
	}
	if s.pulse == nil || s.pulsed != s.Kernel.PID {
		if s.pulse != nil {
			s.pulse.Close()
		}
		s.pulse, s.pulsed = s.Kernel.Pulse(), s.Kernel.PID
	}
	return s.pulse.Process()
}

// Off says why the program's hooks write nothing, "" if they do. It is for after
// the first sample.
func (s *Sampler) Off() string {
	switch s.reading.State {
	case page.StateOn, page.StateBare:
		return ""
	case page.StateNoLayout:
		return "the program's hooks are off: it was woven for another Go runtime than it was linked with"
	case page.StateNoArch:
		return "the program's hooks are off: they cannot tell goroutines apart on this architecture"
	default:
		return fmt.Sprintf("the program's hooks are off, in a state %d that this lifesign does not know", s.reading.State)
	}
}

// Bare reports whether nothing is woven into the program: it has workers that its
// author declared.
func (s *Sampler) Bare() bool { return s.reading.State == page.StateBare }

// Blind says why goroutines cannot be looked at, "" if they can.
func (s *Sampler) Blind() string { return s.blind }

// prepare makes the looker when the program has left what it takes. Reading
// the symbols costs some ten milliseconds, so it is not left until a suspicion.
func (s *Sampler) prepare() {
	if s.ready || s.reading.State != page.StateOn {
		return
	}
	s.ready = true
	l, err := s.newLooker()
	if err != nil {
		s.blind = err.Error()
		return
	}
	s.looker = l
}
