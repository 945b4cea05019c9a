package judge

import "sort"

// end says how a wait-for chain ends.
type end uint8

const (
	goesOn     end = iota
	cycle          // it closes on itself
	atNever        // at a holder in an operation that nothing can serve
	atUnserved     // at a holder that nobody is left to serve
	atStalled      // at a holder in an operation on something that answers nobody
	atOrphan       // at a holder that is gone
	atHolder       // at a holder that waits for no lock
	nobody         // at a lock whose holder is not known
	doubtful       // at a lock whose records do not tell who holds it
	tooMany        // at a lock with more readers recorded than it has
)

// ending is where chains end, with all the locks from which they lead there.
// Every lock has one ending: its waiters share their holders.
type ending struct {
	end   end
	locks []int // those of the cycle, each held by who waits for the next; else the last one
	from  []int
}

// stuck reports whether nobody who waits there can go on, by the structure.
func (e *ending) stuck(g *graph) bool {
	return (e.end == cycle || e.inOperation() || e.end == atOrphan) && g.locks[e.locks[0]].dead
}

// inOperation reports whether e ends in an operation that does not end, other
// than one of a lock.
func (e *ending) inOperation() bool {
	return e.end == atNever || e.end == atStalled || e.end == atUnserved
}

// endings follows the chains from every lock, one holder each, after solve.
func (g *graph) endings() []*ending {
	var all []*ending
	of := make([]*ending, len(g.locks))
	at := make([]int, len(g.locks)) // position in path + 1
	for start := range g.locks {
		var path []int
		var e *ending
		for i := start; ; {
			if e = of[i]; e != nil {
				break
			}
			if at[i] > 0 {
				e = &ending{end: cycle, locks: path[at[i]-1:]}
				all = append(all, e)
				break
			}
			path = append(path, i)
			at[i] = len(path)
			how, next := g.follow(i)
			if how != goesOn {
				e = &ending{end: how, locks: []int{i}}
				all = append(all, e)
				break
			}
			i = next
		}
		for _, i := range path {
			of[i], at[i] = e, 0
		}
		e.from = append(e.from, path...)
	}
	return g.joined(all)
}

// joined makes one ending of those that end in the same operation: who stands
// in it may hold several locks.
func (g *graph) joined(all []*ending) []*ending {
	kept := all[:0]
	first := map[int]*ending{} // by node
	for _, e := range all {
		if e.inOperation() && e.stuck(g) {
			n := g.picked(e.locks[0]).node
			if one := first[n]; one != nil {
				one.from = append(one.from, e.from...)
				continue
			}
			first[n] = e
		}
		kept = append(kept, e)
	}
	return kept
}

// follow takes one step from a lock: to the lock that its holder waits on, or
// to the chain's end.
func (g *graph) follow(i int) (end, int) {
	l := &g.locks[i]
	switch {
	case l.doubt != "":
		return doubtful, 0
	case len(l.holders()) == 0 || l.shared && len(l.queued) == 0 && g.allRead(l):
		return nobody, 0
	}
	g.choose(l)
	if l.pick < 0 {
		return tooMany, 0
	}
	switch n := &g.nodes[l.holders()[l.pick].node]; {
	case n.fate == busy:
		return atHolder, 0
	case n.fate == never:
		return atNever, 0
	case n.fate == stalled:
		return atStalled, 0
	case n.fate == unserved:
		return atUnserved, 0
	case n.fate == gone:
		return atOrphan, 0
	default:
		return goesOn, n.lock
	}
}

// choose picks the holder through which the chain is followed: of a dead lock
// one that makes it dead, of another one that does not, rather one that waits
// for no lock; the oldest of these.
func (g *graph) choose(l *lock) {
	for k, h := range l.holders() {
		if g.hopeless(h.node) != l.dead {
			continue
		}
		if l.pick < 0 {
			l.pick = k
			continue
		}
		best := l.holders()[l.pick]
		free, bestFree := g.nodes[h.node].fate == busy, g.nodes[best.node].fate == busy
		if free != bestFree && free || free == bestFree && h.before(best, g) {
			l.pick = k
		}
	}
}

func (g *graph) allRead(l *lock) bool {
	for _, w := range l.waiters {
		if !g.reads(&g.nodes[w]) {
			return false
		}
	}
	return true
}

// oldest returns the nodes in the order in which their waits began.
func (g *graph) oldest(nodes []int) []int {
	sorted := append([]int(nil), nodes...)
	sort.Slice(sorted, func(a, b int) bool {
		return g.older(sorted[a], sorted[b])
	})
	return sorted
}

func (g *graph) older(a, b int) bool {
	x, y := &g.nodes[a], &g.nodes[b]
	if x.op.Since != y.op.Since {
		return x.op.Since < y.op.Since
	}
	return x.id < y.id
}

// first returns the node whose wait began first, for a list that is not empty.
func (g *graph) first(nodes []int) int {
	best := nodes[0]
	for _, n := range nodes[1:] {
		if g.older(n, best) {
			best = n
		}
	}
	return best
}
