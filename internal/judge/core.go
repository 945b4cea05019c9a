package judge

import (
	"fmt"
	"sort"

	"github.com/lifesign-go/lifesign/event"
)

// core is what an ending rests on: the chain as it is told, and everything
// that has to be confirmed before it is proven.
type core struct {
	chain []link
	nodes []int
	holds []hold
	locks []int
}

// link is one step of a chain: a node and how it keeps the one before waiting,
// nil if it does so as a queued writer or is the first and not in a cycle.
type link struct {
	node int
	by   *hold
}

// core returns what a stuck ending rests on.
func (g *graph) core(e *ending) *core {
	c := &core{}
	if e.end == cycle {
		c.chain = g.circle(e)
	} else {
		c.chain = g.chain(g.firstHopeless(g.locks[e.locks[0]].waiters))
	}
	g.support(c, e.locks)
	return c
}

// circle returns the chain of a cycle, from the wait that closed it.
func (g *graph) circle(e *ending) []link {
	start := 0
	for k := range e.locks {
		if g.older(g.picked(e.locks[start]).node, g.picked(e.locks[k]).node) {
			start = k
		}
	}
	var chain []link
	for k := range e.locks {
		h := g.picked(e.locks[(start+k)%len(e.locks)])
		chain = g.queue(append(chain, link{h.node, &h}))
	}
	return chain
}

// chain returns the chain from a waiter to its end, or to where it comes back
// to a lock it has passed.
func (g *graph) chain(place int) []link {
	chain := g.queue([]link{{node: place}})
	passed := map[int]bool{}
	for i := g.nodes[place].lock; !passed[i] && g.locks[i].pick >= 0; {
		passed[i] = true
		h := g.picked(i)
		chain = append(chain, link{h.node, &h})
		if n := &g.nodes[h.node]; n.fate != waits {
			break
		}
		chain = g.queue(chain)
		i = g.nodes[h.node].lock
	}
	return chain
}

// queue adds the queued writer behind whom the chain's last node waits.
func (g *graph) queue(chain []link) []link {
	n := &g.nodes[chain[len(chain)-1].node]
	if !g.behind(n) {
		return chain
	}
	if w := g.writer(n.lock); w >= 0 {
		chain = append(chain, link{node: w})
	}
	return chain
}

// writer returns the writer that has queued longest for a lock, -1 if none has.
func (g *graph) writer(i int) int { return g.firstHopeless(g.locks[i].queued) }

// firstHopeless is first among those that are hopeless, or else among all; -1
// if there is none.
func (g *graph) firstHopeless(nodes []int) int {
	best := -1
	for _, n := range nodes {
		if g.hopeless(n) && (best < 0 || g.older(n, best)) {
			best = n
		}
	}
	if best < 0 && len(nodes) > 0 {
		best = g.first(nodes)
	}
	return best
}

func (g *graph) picked(i int) hold { return g.locks[i].holders()[g.locks[i].pick] }

// support gathers all on which it rests that the given locks are dead: of each,
// one holder more than there are records that must be stale, and so on.
func (g *graph) support(c *core, locks []int) {
	seen, in := map[int]bool{}, map[int]bool{}
	add := func(n int) {
		if !in[n] {
			in[n] = true
			c.nodes = append(c.nodes, n)
		}
	}
	for _, l := range c.chain {
		add(l.node)
	}
	work := append([]int(nil), locks...)
	for len(work) > 0 {
		i := work[0]
		work = work[1:]
		if seen[i] {
			continue
		}
		seen[i] = true
		c.locks = append(c.locks, i)
		for _, h := range g.enough(&g.locks[i]) {
			c.holds = append(c.holds, h)
			add(h.node)
			if n := &g.nodes[h.node]; n.fate == waits {
				work = append(work, n.lock)
				if g.behind(n) {
					add(g.writer(n.lock))
				}
			}
		}
	}
}

// rests reports whether c rests on something that answers nobody: that is seen,
// and not shown by structure.
func (c *core) rests(g *graph) bool {
	for _, i := range c.nodes {
		if f := g.nodes[i].fate; f == stalled || f == unserved {
			return true
		}
	}
	return false
}

// enough returns as many hopeless holders of a dead lock as it takes for one
// of them to hold it for certain.
func (g *graph) enough(l *lock) []hold {
	if l.stale == 0 {
		return []hold{l.holders()[l.pick]}
	}
	var hs []hold
	for _, h := range l.holders() {
		if g.hopeless(h.node) {
			hs = append(hs, h)
		}
	}
	sort.Slice(hs, func(a, b int) bool { return hs[a].before(hs[b], g) })
	if len(hs) > l.stale+1 {
		hs = hs[:l.stale+1]
	}
	return hs
}

// confirm reports whether all that c rests on has stood for long enough and
// was seen twice, the last time now, and what of it could not be seen.
func (j *Judge) confirm(g *graph, c *core) (ripe bool, missing []string) {
	ripe = true
	for _, i := range c.nodes {
		n := &g.nodes[i]
		switch {
		case !j.ripe(n):
			ripe = false
		case n.left:
			ripe = ripe && n.fact.agreed >= 2
		case n.cell == nil:
		case n.missing != "":
			missing = append(missing, fmt.Sprintf("goroutine %d: %s", n.id, n.missing))
		case n.fact.last != j.sample && j.asked[n.id]:
			missing = append(missing, fmt.Sprintf("goroutine %d: no look at it was given", n.id))
		case n.fact.last != j.sample || n.fact.agreed < 2:
			ripe = false
		}
	}
	for _, h := range c.holds {
		n := &g.nodes[h.node]
		if j.clock.honest-h.fact.stood < j.validation {
			ripe = false
		}
		// Who has left the function that releases the lock has released it.
		if h.rec.Site.Paired && n.fate != gone && n.look != nil && len(n.look.Stack) > 0 && !inFile(h.rec.Site, n.look.Stack) {
			missing = append(missing, fmt.Sprintf("goroutine %d: the function that took %s is not on its stack", n.id, name(h.rec)))
		}
	}
	for _, i := range c.locks {
		ripe = ripe && g.locks[i].known
	}
	if ripe && len(missing) == 0 {
		missing = g.twins(c)
	}
	return ripe, missing
}

// twins names the goroutines of a core that two cells claim to be.
func (g *graph) twins(c *core) (missing []string) {
	cells := map[uint64]*event.Goroutine{}
	for _, i := range c.nodes {
		if n := &g.nodes[i]; n.cell != nil {
			cells[n.id] = n.cell
		}
	}
	for i := range g.s.Goroutines {
		other := &g.s.Goroutines[i]
		if cell, ok := cells[other.ID]; ok && cell != other {
			missing = append(missing, fmt.Sprintf("goroutine %d: two cells claim to be it", other.ID))
		}
	}
	return missing
}

// ripe reports whether n has stood for long enough: a wait for the floor and
// then the validation window, anything else for the window.
func (j *Judge) ripe(n *node) bool {
	if n.fate == waits && j.clock.honest-n.fact.first < j.floor+j.validation {
		return false
	}
	return j.clock.honest-n.fact.stood >= j.validation
}

// name is what a lock, or what else a record is about, is called.
func name(r *event.Record) string {
	switch {
	case r.Site.Object != "":
		return r.Site.Object
	case r.Object != 0:
		return fmt.Sprintf("what is at %#x", r.Object)
	}
	return "an operation at " + r.Site.Place()
}
