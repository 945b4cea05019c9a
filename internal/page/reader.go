package page

import (
	"fmt"
	"sync/atomic"

	"github.com/lifesign-go/lifesign/event"
)

// Reader reads a page that somebody else writes. It believes nothing it
// finds: what makes no sense is left out and counted, and never read beyond.
// It is not safe for concurrent use.
type Reader struct {
	view   *View
	sites  []event.Site
	rows   uint64 // bytes of the site table that are parsed
	notes  uint64 // notes that were read
	mimics uint64 // mimics that were read
}

// NewReader returns a reader of mem, which must be mapped for as long as the
// reader is used. The error says in one line what is wrong with a page that
// is foreign, damaged or of another version.
func NewReader(mem []byte) (*Reader, error) {
	v, err := Open(mem)
	if err != nil {
		return nil, err
	}
	return &Reader{view: v}, nil
}

// NewViewReader returns a reader of a page that the process has open anyway.
func NewViewReader(v *View) *Reader { return &Reader{view: v} }

// PID returns the process that has claimed the page, 0 if none has.
func (r *Reader) PID() int { return r.view.PID() }

// Reading is what one pass over a page found.
type Reading struct {
	PID        int
	State      uint64
	Clock      int64 // the coarse clock
	Goroutines []event.Goroutine
	G          []uint64 // address of the runtime's g, for each of Goroutines
	Orphans    []event.Orphan
	Foreign    map[uint64]bool
	Workers    []event.WorkerMark
	Said       []event.Finding // what the program has said of itself since the last pass
	Mimics     []event.Mimic   // that its checkers have come to since the last pass
	MimicsLost uint64          // mimics that were written over before they were read, so far
	Lost       uint64          // goroutines without a cell, workers without a slot and sites without a row
	Damaged    int             // records and marks that made no sense
}

// Read fills into, whose slices are used again. Goroutines without a record
// and without a mark are left out.
func (r *Reader) Read(into *Reading) error {
	if err := r.readSites(); err != nil {
		return err
	}
	h := r.view.Header
	into.PID = r.view.PID()
	into.State = atomic.LoadUint64(&h.State)
	into.Clock = int64(atomic.LoadUint64(&h.Clock))
	into.Lost = atomic.LoadUint64(&h.CellsLost) + atomic.LoadUint64(&h.SitesLost) + atomic.LoadUint64(&h.WorkersLost)
	into.Damaged = 0
	r.readCells(into)
	r.readOrphans(into)
	into.Foreign = r.readForeign()
	r.readWorkers(into)
	r.readNotes(into)
	r.readMimics(into)
	return nil
}

// Layout returns the runtime's layout that the program left in the page. ok
// is false as long as it has left none.
func (r *Reader) Layout() (l Layout, ok bool, err error) {
	n := atomic.LoadUint64(&r.view.Header.LayoutSize)
	if n == 0 {
		return Layout{}, false, nil
	}
	if n > layoutSpace {
		return Layout{}, false, fmt.Errorf("vitals page is damaged: its runtime layout claims %d bytes", n)
	}
	l, err = ParseLayout(string(r.view.Header.Layout[:n]))
	return l, err == nil, err
}

// Anchor returns the run-time address of hook.Enter's code, 0 if unknown.
func (r *Reader) Anchor() uint64 { return atomic.LoadUint64(&r.view.Header.Anchor) }

// ReachTable returns where in the program's memory the table lies that package
// reach has encoded. size is 0 if there is none.
func (r *Reader) ReachTable() (at, size uint64) {
	return atomic.LoadUint64(&r.view.Header.ReachAt), atomic.LoadUint64(&r.view.Header.ReachSize)
}

// readSites parses the rows that were added since it was called last.
func (r *Reader) readSites() error {
	end := atomic.LoadUint64(&r.view.Header.SiteBytes)
	if end < r.rows || end > uint64(len(r.view.Sites)) {
		return fmt.Errorf("vitals page is damaged: its site table claims %d bytes of %d", end, len(r.view.Sites))
	}
	if end == r.rows {
		return nil
	}
	text := string(r.view.Sites[r.rows:end])
	for start, i := 0, 0; i < len(text); i++ {
		if text[i] != '\n' {
			continue
		}
		s, err := ParseSite(text[start:i])
		if err != nil {
			return fmt.Errorf("vitals page is damaged: row %d of its site table: %w", len(r.sites)+1, err)
		}
		r.sites = append(r.sites, s)
		r.rows += uint64(i + 1 - start)
		start = i + 1
	}
	if r.rows != end {
		return fmt.Errorf("vitals page is damaged: its site table ends in the middle of a row")
	}
	return nil
}

func (r *Reader) readCells(into *Reading) {
	n := atomic.LoadUint64(&r.view.Header.CellCount)
	if n > uint64(len(r.view.Order)) {
		n = uint64(len(r.view.Order))
	}
	into.Goroutines, into.G = into.Goroutines[:0], into.G[:0]
	for i := range r.view.Order[:n] {
		at := atomic.LoadUint32(&r.view.Order[i])
		if at-1 >= uint32(len(r.view.Cells)) {
			if at != 0 { // or it is being claimed
				into.Damaged++
			}
			continue
		}
		c := &r.view.Cells[at-1]
		if InUse(atomic.LoadUint64(&c.Count)) == 0 && atomic.LoadUint64(&c.NMarks) == 0 {
			continue
		}
		copied := *c
		into.Goroutines = r.appendCell(into.Goroutines, &copied, &into.Damaged)
		into.G = append(into.G, copied.G)
	}
}

// appendCell appends the goroutine of c, using again the slices of the entry
// that it overwrites.
func (r *Reader) appendCell(gs []event.Goroutine, c *Cell, damaged *int) []event.Goroutine {
	if len(gs) < cap(gs) {
		gs = gs[:len(gs)+1]
	} else {
		gs = append(gs, event.Goroutine{})
	}
	g := &gs[len(gs)-1]
	*g = event.Goroutine{ID: c.ID, Seq: SeqOf(c.Count), Lost: c.Lost > 0, Records: g.Records[:0], Regions: g.Regions[:0]}
	n := InUse(c.Count)
	if n > Records {
		n = Records
		*damaged++
	}
	for _, rec := range c.Record[:n] {
		if e, ok := r.record(rec); ok {
			g.Records = append(g.Records, e)
		} else {
			*damaged++
		}
	}
	for i := uint64(0); i < c.NMarks && i < Marks; i++ {
		m := c.Mark[i]
		if s := SiteOf(m.What); int(s) < len(r.sites) {
			g.Regions = append(g.Regions, event.RegionMark{Site: r.sites[s], Count: m.Count, Begun: int64(m.Begun), Last: int64(m.Last), Done: r.done(s)})
		} else {
			*damaged++
		}
	}
	return gs
}

// done reports whether an operation or region at s has come to its end before.
func (r *Reader) done(s uint32) bool { return int(s) < len(r.view.Done) && r.view.Done[s] != 0 }

func (r *Reader) record(rec Record) (event.Record, bool) {
	s := SiteOf(rec.What)
	if int(s) >= len(r.sites) {
		return event.Record{}, false
	}
	e := event.Record{Site: r.sites[s], Done: r.done(s), Seq: SeqOf(rec.What), Object: rec.Object, Since: int64(rec.Since), Held: rec.What&Held != 0}
	switch modeOf(rec.What) {
	case ModeLock:
		e.Site.Kind = event.Lock
	case ModeRWLock:
		e.Site.Kind = event.RWLock
	case ModeRLock:
		e.Site.Kind = event.RLock
	}
	return e, true
}

func (r *Reader) readOrphans(into *Reading) {
	into.Orphans = into.Orphans[:0]
	for i := range r.view.Orphans {
		o := r.view.Orphans[i]
		if o.Record.What == 0 {
			continue
		}
		if rec, ok := r.record(o.Record); ok {
			into.Orphans = append(into.Orphans, event.Orphan{Record: rec, Goroutine: o.ID})
		} else {
			into.Damaged++
		}
	}
}

func (r *Reader) readForeign() map[uint64]bool {
	var m map[uint64]bool
	for i := range r.view.Foreign {
		if a := atomic.LoadUint64(&r.view.Foreign[i]); a != 0 {
			if m == nil {
				m = map[uint64]bool{}
			}
			m[a] = true
		}
	}
	return m
}
