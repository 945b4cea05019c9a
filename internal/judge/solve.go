package judge

import "github.com/lifesign-go/lifesign/event"

// solve finds the dead locks: the largest set of locks such that each has more
// hopeless holders than records that must be stale, a holder being hopeless
// if it waits on a dead lock or can never go on. Every chain of waits inside
// it runs into a cycle or into such a holder. It starts with all locks and
// takes away those that do not belong, each once. It may be called again after
// fates have changed.
func (g *graph) solve() {
	for i := range g.nodes {
		g.nodes[i].keeps = g.nodes[i].keeps[:0]
	}
	for i := range g.locks {
		l := &g.locks[i]
		l.dead, l.sup = l.doubt == "", 0
		for _, h := range l.holders() {
			n := &g.nodes[h.node]
			n.keeps = append(n.keeps, i)
		}
	}
	var alive []int
	for i := range g.locks {
		l := &g.locks[i]
		for _, h := range l.holders() {
			if g.hopeless(h.node) {
				l.sup++
			}
		}
		if l.dead && l.sup <= l.stale {
			alive = append(alive, i)
		}
	}
	for len(alive) > 0 {
		l := &g.locks[alive[len(alive)-1]]
		alive = alive[:len(alive)-1]
		if !l.dead {
			continue
		}
		for _, w := range l.waiters {
			if !g.hopeless(w) {
				continue
			}
			for _, k := range g.nodes[w].keeps {
				kept := &g.locks[k]
				kept.sup--
				if kept.dead && kept.sup <= kept.stale {
					alive = append(alive, k)
				}
			}
		}
		l.dead = false
	}
}

// hopeless reports whether node i will never go on, as far as is known yet.
func (g *graph) hopeless(i int) bool {
	n := &g.nodes[i]
	switch {
	case n.fate == busy:
		return false
	case n.fate == waits:
		return g.locks[n.lock].dead && (!g.behind(n) || len(g.locks[n.lock].queued) > 0)
	}
	return true
}

// behind reports whether n waits for a queued writer rather than for the
// holders themselves: Go's RWMutex lets no new reader past one.
func (g *graph) behind(n *node) bool {
	return g.reads(n) && g.locks[n.lock].shared
}

func (g *graph) reads(n *node) bool { return n.op.Site.Kind == event.RLock }
