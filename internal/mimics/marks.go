package mimics

import "github.com/lifesign-go/lifesign/event"

// mark is what the vitals page shows of the program's own operation at the site.
type mark struct {
	since     int64 // CLOCK_MONOTONIC; 0 if it is in none
	goroutine uint64
}

// inside is an operation that a goroutine of the program has been in for longer than
// the floor.
type inside struct {
	place *place
	since int64
}

// Marks tells what the program's goroutines are in, as the vitals page shows it: the
// program's own word on what is suspected, where it stands itself, and how often
// regions run. It is optional, and belongs before the step of the same instant.
func (j *Judge) Marks(goroutines []event.Goroutine) {
	for _, q := range j.inquiries {
		q.marks = mark{}
	}
	count := j.clock.honest-j.counted >= j.interval
	if count {
		j.counted = j.clock.honest
	}
	sums := map[*place]uint64{}
	for i := range goroutines {
		g := &goroutines[i]
		if p, since := j.standsAt(g); p != nil {
			j.within[g.ID] = inside{p, since}
			j.stands(p, mark{since: since, goroutine: g.ID})
		}
		for k := 0; count && k < len(g.Regions); k++ {
			if p := j.known(&g.Regions[k].Site); p != nil {
				sums[p] += g.Regions[k].Count
			}
		}
	}
	j.leaves()
	for p, sum := range sums {
		if sum > p.count && p.count > 0 { // it falls when a goroutine ends
			p.runs += sum - p.count
		}
		p.count = sum
	}
}

// leaves notes which operations the program has come out of since marks were told
// last.
func (j *Judge) leaves() {
	for id, was := range j.inside {
		if j.within[id] != was {
			was.place.passed = j.clock.honest
		}
		delete(j.inside, id)
	}
	j.inside, j.within = j.within, j.inside
}

// known returns the place of a site, nil if no mimic has come from there. Most sites
// are told apart by their line, for less than looking them up costs.
func (j *Judge) known(site *event.Site) *place {
	if !j.lines[site.Line] {
		return nil
	}
	return j.places[*site]
}

// standsAt returns where a goroutine has been for longer than the floor; nil if that
// is no place of a mimic's. Who has just come there, or waits for work, says nothing:
// that are most.
func (j *Judge) standsAt(g *event.Goroutine) (p *place, since int64) {
	for i := len(g.Records) - 1; i >= 0; i-- {
		r := &g.Records[i]
		if r.Held {
			continue
		}
		if r.Site.Kind != event.Call || r.Site.Idle || j.clock.now-r.Since < j.floor {
			return nil, 0
		}
		return j.known(&r.Site), r.Since
	}
	return nil, 0
}

// hurry has the mimics of an operation done at once, in this step.
func (j *Judge) hurry(p *place) {
	if !p.stands {
		p.stands = true
		j.standing = append(j.standing, p)
	}
}

// stands notes that the program stands in an operation.
func (j *Judge) stands(p *place, m mark) {
	j.hurry(p)
	for _, q := range j.inquiries {
		for _, one := range q.places {
			if one == p && (q.marks.since == 0 || m.since < q.marks.since) {
				q.marks = m
			}
		}
	}
}
