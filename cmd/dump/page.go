package dump

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
	"unsafe"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/dump"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/sample"
)

// sampleTime is how long it may take to read the page and look at all goroutines. The
// program's line table may have to come from a disk.
const sampleTime = 2 * time.Second

// vitals adds what the vitals page and the runtime's structures tell; census says
// whether to look at all goroutines. p is nil if the page is to be found in the
// program's memory.
func (t *taker) vitals(p *observe.Page, mem look.Memory, census bool) error {
	s, err := within(sampleTime, func() (event.Sample, error) {
		var s *sample.Sampler
		var err error
		if p != nil {
			s, err = observe.NewSampler(p, nil)
		} else {
			var b []byte
			if b, err = t.copyPage(mem); err == nil {
				s, err = observe.NewCopySampler(b, nil)
			}
		}
		if err != nil {
			return event.Sample{}, err
		}
		sample, ok, err := s.Sample(sample.Wanted{Census: census})
		if err == nil && !ok {
			err = errors.New("no woven program has claimed its vitals page")
		}
		if off := s.Off(); err == nil && off != "" {
			err = errors.New(off)
		}
		return sample, err
	})
	if err != nil {
		return err
	}
	t.records(s)
	if s.Census == nil {
		return nil
	}
	if s.Census.Err != "" {
		t.miss("goroutines", errors.New(s.Census.Err))
	}
	t.census(s.Census)
	return nil
}

// records adds what goroutines have noted.
func (t *taker) records(s event.Sample) {
	now := clock.Monotonic()
	d := t.d
	for _, g := range s.Goroutines {
		for _, r := range g.Records {
			o := dump.Operation{Goroutine: g.ID, Site: r.Site, Object: r.Object, For: now - r.Since}
			if r.Held {
				d.Locks = append(d.Locks, o)
			} else {
				d.Operations = append(d.Operations, o)
			}
		}
		for _, m := range g.Regions {
			d.Regions = append(d.Regions, dump.Region{Goroutine: g.ID, Site: m.Site, Count: m.Count, For: now - m.Begun, Since: now - m.Last})
		}
	}
	for _, w := range s.Workers {
		d.Workers = append(d.Workers, dump.Worker{Name: w.Name, Site: w.Site, Busy: w.Busy, Goroutine: w.Goroutine, For: now - w.Since, Progress: w.Progress})
	}
	longest := func(list []dump.Operation) {
		sort.SliceStable(list, func(i, j int) bool { return list[i].For > list[j].For })
	}
	longest(d.Operations)
	longest(d.Locks)
	sort.SliceStable(d.Regions, func(i, j int) bool { return d.Regions[i].Since > d.Regions[j].Since })
}

// census adds all goroutines, the one that matters first.
func (t *taker) census(c *event.Census) {
	waited := map[uint64]int64{}
	for _, o := range t.d.Operations {
		waited[o.Goroutine] = max(waited[o.Goroutine], o.For)
	}
	var all []dump.Goroutine
	for _, r := range c.Goroutines {
		g := dump.Goroutine{Member: dump.Member{ID: r.ID, Waited: waited[r.ID]}, State: r.Look.Reason, Stack: dump.Shorten(r.Look.Stack)}
		if r.Look.Thread != nil {
			g.Thread = r.Look.Thread.ID
		}
		if g.State == "" {
			g.State = string(r.Look.Status)
		}
		if r.Look.Err != "" {
			g.State = "unknown: " + r.Look.Err
		}
		all = append(all, g)
	}
	focus := t.d.Reason.Goroutine
	sort.SliceStable(all, func(i, j int) bool { return all[i].ID == focus && all[j].ID != focus })
	t.d.Goroutines = dump.Group(all)
}

var errNoPage = errors.New("it has no vitals page: it is not woven, or runs without lifesign run")

// copyPage copies the vitals page out of the program's memory, as far as it is in use.
func (t *taker) copyPage(mem look.Memory) ([]byte, error) {
	var m mapping
	for _, at := range t.maps {
		if strings.HasPrefix(at.name, "/memfd:lifesign") && at.end-at.start >= uint64(page.Size) {
			m = at
		}
	}
	if m.end == 0 {
		return nil, errNoPage
	}
	b := make([]byte, page.Size) // of which only what is filled takes memory
	copied := func(at, n uint64) look.Part { return look.Part{Addr: m.start + at, Buf: b[at : at+n]} }
	read := func(parts []look.Part) error {
		mem.Read(parts)
		for _, p := range parts {
			if p.Err != nil {
				return fmt.Errorf("read its vitals page: %w", p.Err)
			}
		}
		return nil
	}
	if err := read([]look.Part{copied(0, uint64(unsafe.Sizeof(page.Header{})))}); err != nil {
		return nil, err
	}
	v, err := page.Open(b)
	if err != nil {
		return nil, err
	}
	h := v.Header
	cells := min(h.CellCount, uint64(len(v.Order)))
	err = read([]look.Part{
		copied(h.Foreign.At, h.Foreign.Cap*8),
		copied(h.Orphans.At, h.Orphans.Cap*uint64(unsafe.Sizeof(page.Orphan{}))),
		copied(h.Workers.At, h.Workers.Cap*uint64(page.WorkerSize)),
		copied(h.Done.At, h.Done.Cap),
		copied(h.Sites.At, min(h.SiteBytes, h.Sites.Cap)),
		copied(h.Order.At, 4*cells),
	})
	if err != nil {
		return nil, err
	}
	var parts []look.Part
	for _, at := range v.Order[:cells] {
		if at != 0 && uint64(at) <= h.Cells.Cap {
			parts = append(parts, copied(h.Cells.At+uint64(at-1)*uint64(page.CellSize), uint64(page.CellSize)))
		}
	}
	return b, read(parts)
}
