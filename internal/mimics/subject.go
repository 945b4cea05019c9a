package mimics

import (
	"fmt"
	"path"

	"github.com/lifesign-go/lifesign/event"
)

// Bounds of what is kept.
const (
	maxSubjects = 2048
	maxPlaces   = 4096
	stale       = 5  // intervals after which a mimic that was not done is dropped
	weary       = 10 // intervals that a subject rests after it could not be tried
)

// place is a site of the program: an operation, or a region with its checker.
type place struct {
	site event.Site
	busy *errand // of an operation: the errand that does it and has not ended
	hung int     // of a region: errands of its checker that are past their deadline

	failures failures // what the program's own operation has returned
	passed   int64    // when the program was last seen to have come out of it, after longer than the floor, on the honest clock; 0 if it was not
	stands   bool     // for this step: the program is in it for longer than the floor, or has got an error from it

	runs  uint64 // of a region: how often it has run since marks are told, 0 if they are not
	count uint64 // the sum of its marks, as it was told last
}

// runsOf returns how often a region has run: by its marks, else by how often its checker
// came to a subject, which came n times before.
func runsOf(region *place, n uint64) uint64 {
	if region.runs > 0 {
		return region.runs
	}
	return n + 1
}

// place returns the one of a site; nil if there are too many.
func (j *Judge) place(site *event.Site) *place {
	p := j.places[*site]
	if p == nil && len(j.places) < maxPlaces {
		p = &place{site: *site}
		j.places[*site] = p
		j.lines[site.Line] = true
	}
	return p
}

// work is what may be wanted by several sites: a deed at a target. It is done
// once in an interval. What is written is made durable as well, and what is made
// durable is written before: that is one work.
type work struct {
	busy  *errand
	begun int64 // when it was done last, on the honest clock; negative if never
}

type workKey struct {
	deed   event.Deed
	target string
}

type subjectKey struct {
	place *place
	deed  event.Deed
	work  workKey
}

// subject is an operation at a site on a target: what is tried and suspected.
type subject struct {
	index  int // by age
	key    subjectKey
	place  *place
	region *place
	deed   event.Deed
	target string // the directory, the file, or the address
	work   *work

	mimic event.Mimic // the newest
	fresh bool        // it has not been done yet
	came  int64       // when it came, on the honest clock

	begun  int64 // when it was tried last, on the honest clock; negative if never
	rest   int64 // not before that
	device string

	worked  bool // it has succeeded at some time
	usual   history
	looks   looks
	away    map[event.Where]*errand // second looks that have not ended
	differs []int64                 // when differences were found, on the honest clock
	inquiry *inquiry
}

func peer(m *event.Mimic) string { return m.Network + " " + m.Address }

// target returns what an operation is about.
func target(m *event.Mimic) string {
	switch m.Deed {
	case event.SeeConnection:
		return fmt.Sprint(peer(m), " from ", m.Numbers["local"])
	case event.DoDial, event.DoHandshake, event.SeeListener:
		return peer(m)
	case event.DoRead, event.DoOpen:
		return m.Path
	case event.SeePool, event.SeeOwn:
		return ""
	}
	if m.Path == "" {
		return "" // of a file that only its descriptor names, the site is what tells it apart
	}
	return path.Dir(m.Path)
}

// take takes a mimic into account.
func (j *Judge) take(m *event.Mimic) {
	j.counts.Mimics++
	switch m.Deed {
	case event.SeeFailure:
		j.counts.Failures++
		if p := j.place(&m.Site); p != nil {
			p.failures.add(j.clock.honest, m)
			j.hurry(p)
		}
		return
	case event.SeeTrend:
		j.trend.add(m)
		return
	}
	s := j.subject(m)
	if s == nil {
		j.counts.Shared++
		return
	}
	if m.Deed.Helpers() {
		if s.fresh {
			j.counts.Shared++
		}
		s.mimic, s.fresh, s.came = *m, true, j.clock.honest
		s.usual.runs = runsOf(s.region, s.usual.runs)
		return
	}
	s.mimic = *m
	j.look(s, m)
}

// subject returns the one that a mimic is of; nil if there are too many.
func (j *Judge) subject(m *event.Mimic) *subject {
	at, of := j.place(&m.Site), j.place(&m.Region)
	if at == nil || of == nil {
		return nil
	}
	k := subjectKey{at, m.Deed, workKey{m.Deed, target(m)}}
	if m.Deed == event.DoSync {
		k.work.deed = event.DoWrite
	}
	if s := j.subjects[k]; s != nil {
		s.region = of
		return s
	}
	if len(j.subjects) >= maxSubjects && !j.evict() {
		return nil
	}
	w := j.works[k.work]
	if w == nil || k.work.target == "" {
		w = &work{begun: -1 << 62}
		if k.work.target != "" {
			j.works[k.work] = w
		}
	}
	j.born++
	s := &subject{
		index: j.born, key: k, place: at, region: of, deed: m.Deed, target: k.work.target, work: w, begun: -1 << 62, away: map[event.Where]*errand{},
	}
	j.subjects[k] = s
	j.order = append(j.order, s)
	return s
}

// evict forgets the subject that has come least lately, of those of which nothing
// is open. It reports whether there was one.
func (j *Judge) evict() bool {
	oldest := -1
	for i, s := range j.order {
		if s.idle() && (oldest < 0 || s.came < j.order[oldest].came) {
			oldest = i
		}
	}
	if oldest < 0 {
		return false
	}
	s := j.order[oldest]
	j.order = append(j.order[:oldest], j.order[oldest+1:]...)
	delete(j.subjects, s.key)
	if !j.wanted(s.key.work) {
		delete(j.works, s.key.work)
	}
	return true
}

func (s *subject) idle() bool {
	return s.inquiry == nil && len(s.away) == 0 && (s.place.busy == nil || s.place.busy.s != s)
}

// wanted reports whether any subject is about the work.
func (j *Judge) wanted(k workKey) bool {
	for _, s := range j.order {
		if s.key.work == k {
			return true
		}
	}
	return false
}

// failures is what a program's own operation has returned as errors.
type failures struct {
	last []failure // the newest at the end
}

type failure struct {
	honest, at int64
	count      int
	errno      int64 // 0 if it is not known
	text       string
}

const maxFailures = 8

func (f *failures) add(honest int64, m *event.Mimic) {
	if len(f.last) == maxFailures {
		copy(f.last, f.last[1:])
		f.last = f.last[:maxFailures-1]
	}
	n := int(m.Numbers["count"])
	if n < 1 {
		n = 1
	}
	f.last = append(f.last, failure{honest: honest, at: m.At, count: n, errno: m.Numbers["errno"], text: m.Err})
}

// since returns how many match, from a time of the honest clock on, and the last of
// them.
func (f *failures) since(honest int64, match func(failure) bool) (n int, last failure) {
	for _, one := range f.last {
		if one.honest >= honest && match(one) {
			n, last = n+one.count, one
		}
	}
	return n, last
}

// differed notes a difference, and forgets those that are long past.
func (s *subject) differed(honest int64) {
	kept := s.differs[:0]
	for _, at := range s.differs {
		if honest-at <= memory && len(kept) < more {
			kept = append(kept, at)
		}
	}
	s.differs = append(kept, honest)
}
