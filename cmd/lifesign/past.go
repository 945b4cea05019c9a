package main

import (
	"sync"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// past is what mimics came to lately, for dumps. It may be used concurrently.
type past struct {
	mu    sync.Mutex
	given map[uint64]event.Errand // of which no end is known, by number
	ended []ended                 // newest last
}

// ended is an errand and what was heard of it last, which of one that hangs is no end.
type ended struct {
	errand  event.Errand
	outcome event.Outcome
}

// Bounds of what is remembered.
const (
	pastKept  = 64
	givenKept = 4096
)

// gave notes an errand.
func (p *past) gave(e event.Errand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given == nil || len(p.given) >= givenKept { // those were given up
		p.given = map[uint64]event.Errand{}
	}
	p.given[e.ID] = e
}

// came notes what was heard.
func (p *past) came(outcomes []event.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range outcomes {
		e, known := p.given[o.ID]
		if !known {
			continue
		}
		if o.End != event.Hangs {
			delete(p.given, o.ID)
		}
		p.note(ended{e, o})
	}
}

// note puts one last, in the place of what was known of the same.
func (p *past) note(one ended) {
	for i := range p.ended {
		if p.ended[i].outcome.ID == one.outcome.ID {
			p.ended = append(p.ended[:i], p.ended[i+1:]...)
			break
		}
	}
	if len(p.ended) == pastKept {
		p.ended = append(p.ended[:0], p.ended[1:]...)
	}
	p.ended = append(p.ended, one)
}

// list returns what is remembered, newest first. now is CLOCK_MONOTONIC nanoseconds.
func (p *past) list(now int64) []dump.Mimic {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]dump.Mimic, 0, len(p.ended))
	for i := len(p.ended) - 1; i >= 0; i-- {
		m, o := &p.ended[i].errand.Mimic, &p.ended[i].outcome
		what := m.Path
		if what == "" {
			what = m.Address
		}
		list = append(list, dump.Mimic{Ago: now - o.At, Deed: m.Deed, What: what, End: o.End, Took: o.Took, Text: o.Text, Site: m.Site})
	}
	return list
}
