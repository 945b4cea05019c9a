package mimic

import "sort"

const (
	// maxWays is of how many ways through a region the newest captures are kept.
	maxWays = 4

	// stale is how long captures are used while the region is passed through in
	// other ways.
	stale = 300 * second
)

// capture is what an operation was given: a *hook.Capture.
type capture interface {
	Site() Site
	Handled() bool // it was given a handle, which Value returns while it lives
	Value() any
	Texts() []string
	Data() []byte
	Size() int
	Numbers() []int64
}

// way is a way through a region: the operations that a pass has come to, and
// what they were given.
type way struct {
	pass  uint64 // its number
	given []capture
	sites []Site // in order
	at    int64  // when it was taken
	ran   uint64 // when it was used last, in turns of the route; 0 if never
}

// route has the newest captures of several ways through one region.
type route struct {
	ways  []*way // by age, the newest last
	turns uint64
}

// put takes what a pass has come to so far. It replaces what the same pass had
// come to before, and the captures of an older pass by the same way. fresh is false
// if nothing has come since.
func (r *route) put(pass uint64, given []capture, now int64) (fresh bool) {
	if len(given) == 0 {
		return false
	}
	p := &way{pass: pass, given: given, sites: make([]Site, len(given)), at: now}
	for i, c := range given {
		p.sites[i] = c.Site()
	}
	sort.Slice(p.sites, func(i, j int) bool { return p.sites[i] < p.sites[j] })
	for _, old := range r.ways {
		if old.pass == pass && len(old.given) == len(given) {
			return false
		}
	}
	r.keep(func(old *way) bool { return old.pass != pass && !old.same(p) })
	if len(r.ways) == maxWays {
		oldest := r.ways[0]
		r.keep(func(p *way) bool { return p != oldest })
	}
	r.ways = append(r.ways, p)
	return true
}

// keep drops the ways that are not wanted.
func (r *route) keep(wanted func(*way) bool) {
	kept := r.ways[:0]
	for _, p := range r.ways {
		if wanted(p) {
			kept = append(kept, p)
		}
	}
	for i := len(kept); i < len(r.ways); i++ {
		r.ways[i] = nil
	}
	r.ways = kept
}

func (p *way) same(q *way) bool {
	if len(p.sites) != len(q.sites) {
		return false
	}
	for i, s := range p.sites {
		if q.sites[i] != s {
			return false
		}
	}
	return true
}

// alive reports whether there is anything that a checker could still use: an
// operation without a handle, or one whose handle lives.
func (p *way) alive() bool {
	for _, c := range p.given {
		if !c.Handled() || c.Value() != nil {
			return true
		}
	}
	return false
}

// take returns the captures to be used now: the newest ones and, every second
// turn, those of the way that was not used for longest.
func (r *route) take(now int64) []*way {
	r.turns++
	if len(r.ways) == 0 {
		return nil
	}
	newest := r.ways[len(r.ways)-1]
	r.keep(func(p *way) bool { return (p == newest || now-p.at < stale) && p.alive() })
	if len(r.ways) == 0 {
		return nil
	}
	newest = r.ways[len(r.ways)-1]
	list := []*way{newest}
	if r.turns%2 == 0 {
		var other *way
		for _, p := range r.ways[:len(r.ways)-1] {
			if other == nil || p.ran < other.ran {
				other = p
			}
		}
		if other != nil {
			list = append(list, other)
		}
	}
	for _, p := range list {
		p.ran = r.turns
	}
	return list
}
