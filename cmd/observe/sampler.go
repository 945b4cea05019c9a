package observe

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// Sampler takes samples of the process that has claimed a page.
type Sampler struct {
	page    *Page
	rename  func(file string) string
	reader  *page.Reader
	reading page.Reading
	kernel  proc.Kernel
	looker  *looker
	blind   string // why no goroutine can be looked at, "" if one can
	ready   bool
}

// Wanted is what a sample shall tell beyond the page and the process.
type Wanted struct {
	Look   []uint64 // goroutines to look at, by number
	Words  []uint64 // locks, channels and WaitGroups whose state to read, by address
	Census bool     // whether to look at every goroutine
}

// NewSampler returns a sampler of p. Stack frames name their files as rename
// has it, which is given the names in the program's line table; nil leaves
// these as they are.
func NewSampler(p *Page, rename func(file string) string) (*Sampler, error) {
	if rename == nil {
		rename = func(file string) string { return file }
	}
	r, err := page.NewReader(p.mem)
	if err != nil {
		return nil, err
	}
	return &Sampler{page: p, rename: rename, reader: r, kernel: proc.Kernel{Proc: "/proc", Sys: "/sys"}}, nil
}

// Sample takes a sample with what is wanted. A goroutine or an object that the
// page does not have any more is left out. ok is false until a process has
// claimed the page and its hooks have found out whether they can work.
func (s *Sampler) Sample(want Wanted) (sample event.Sample, ok bool, err error) {
	if s.page.PID() == 0 {
		return event.Sample{}, false, nil
	}
	if err := s.reader.Read(&s.reading); err != nil {
		return event.Sample{}, false, err
	}
	if s.reading.State == page.StateNone {
		return event.Sample{}, false, nil
	}
	s.kernel.PID = s.reading.PID
	s.prepare()
	sample = event.Sample{
		At:         clock.Monotonic(),
		Process:    s.kernel.Process(),
		Goroutines: s.reading.Goroutines,
		Orphans:    s.reading.Orphans,
		Foreign:    s.reading.Foreign,
		Workers:    s.reading.Workers,
		Lost:       s.reading.Lost,
	}
	sample.Looks = s.looks(want.Look)
	if want.Census {
		sample.Census = s.census()
	}
	sample.Words = s.words(want.Words)
	return sample, true, nil
}

// Off says why the program's hooks write nothing, "" if they do. It is for after
// the first sample.
func (s *Sampler) Off() string {
	switch s.reading.State {
	case page.StateOn:
		return ""
	case page.StateNoLayout:
		return "the program's hooks are off: it was woven for another Go runtime than it was linked with"
	case page.StateBare:
		return "nothing is woven into the program but the workers it has declared"
	case page.StateNoArch:
		return "the program's hooks are off: they cannot tell goroutines apart on this architecture"
	default:
		return fmt.Sprintf("the program's hooks are off, in a state %d that this lifesign does not know", s.reading.State)
	}
}

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
