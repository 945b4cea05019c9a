package observe

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
)

// Sampler takes samples of the process that has claimed a page.
type Sampler struct {
	page    *Page
	rename  func(file string) string
	reader  *page.Reader
	reading page.Reading
	kernel  kernel
	looker  *look.Looker
	blind   string // why no goroutine can be looked at, "" if one can
	ready   bool
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
	return &Sampler{page: p, rename: rename, reader: r, kernel: kernel{proc: "/proc", cgroup: "/sys/fs/cgroup"}}, nil
}

// Sample takes a sample. Of goroutines in looks, by id, and of locks in words,
// by address, it tells more. A goroutine or lock that the page does not have
// any more is left out. ok is false until a process has claimed the page and its
// hooks have found out whether they can work.
func (s *Sampler) Sample(looks, words []uint64) (sample event.Sample, ok bool, err error) {
	if s.page.PID() == 0 {
		return event.Sample{}, false, nil
	}
	if err := s.reader.Read(&s.reading); err != nil {
		return event.Sample{}, false, err
	}
	if s.reading.State == page.StateNone {
		return event.Sample{}, false, nil
	}
	s.kernel.pid = s.reading.PID
	s.prepare()
	sample = event.Sample{
		At:         clock.Monotonic(),
		Process:    s.kernel.process(),
		Goroutines: s.reading.Goroutines,
		Orphans:    s.reading.Orphans,
		Foreign:    s.reading.Foreign,
		Workers:    s.reading.Workers,
		Lost:       s.reading.Lost,
	}
	sample.Looks = s.looks(looks)
	sample.Words = s.words(words)
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

func (s *Sampler) newLooker() (*look.Looker, error) {
	text, ok, err := s.reader.Layout()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the program has left no layout of its runtime")
	}
	layout, err := look.NewLayout(text)
	if err != nil {
		return nil, err
	}
	sym, err := loadSymbols(s.kernel.path("exe"), s.reader.Anchor())
	if err != nil {
		return nil, err
	}
	sym.rename = s.rename
	return look.New(look.Process(s.reading.PID), layout, sym), nil
}

func (s *Sampler) looks(ids []uint64) map[uint64]event.Look {
	if len(ids) == 0 {
		return nil
	}
	wanted := make(map[uint64]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	looks := make(map[uint64]event.Look, len(ids))
	var who []look.Goroutine
	for i, g := range s.reading.Goroutines {
		if !wanted[g.ID] {
			continue
		}
		looks[g.ID] = event.Look{Err: s.blind}
		who = append(who, look.Goroutine{G: s.reading.G[i], ID: g.ID})
	}
	if s.looker != nil {
		for i, l := range s.looker.Looks(who) {
			looks[who[i].ID] = l
		}
	}
	return looks
}

func (s *Sampler) words(addrs []uint64) map[uint64]event.Word {
	if len(addrs) == 0 {
		return nil
	}
	kinds := s.kinds(addrs)
	words := make(map[uint64]event.Word, len(addrs))
	for _, a := range addrs {
		if s.looker == nil {
			words[a] = event.Word{Err: s.blind}
			continue
		}
		words[a] = s.looker.Word(kinds[a], a)
	}
	return words
}

// kinds finds out of which kind each lock is, by any record of it.
func (s *Sampler) kinds(addrs []uint64) map[uint64]event.Kind {
	kinds := make(map[uint64]event.Kind, len(addrs))
	for _, a := range addrs {
		kinds[a] = ""
	}
	for _, g := range s.reading.Goroutines {
		for _, r := range g.Records {
			if k, ok := kinds[r.Object]; ok && k == "" && r.Site.Kind.IsLock() {
				kinds[r.Object] = r.Site.Kind
			}
		}
	}
	for _, o := range s.reading.Orphans {
		if k, ok := kinds[o.Record.Object]; ok && k == "" {
			kinds[o.Record.Object] = o.Record.Site.Kind
		}
	}
	return kinds
}
