package judge

import "github.com/lifesign-go/lifesign/event"

// relook is how long a chain's end that was looked at and found able to go on
// is left alone.
const relook = int64(1e9)

// maxLooks bounds what one sample can call for.
const maxLooks = 256

// maxReaders bounds the readers of one lock among them that wait for no lock.
const maxReaders = 16

// rank orders what can be told of an episode; only what is above the rank that
// was told is told again.
type rank uint8

const (
	untold   rank = iota
	open          // slow or unknown
	inferred      // stuck
	proven        // stuck
)

// episode is the time during which chains end at the same locks.
type episode struct {
	seen   int // the last sample that showed it
	id     identity
	holder identity // the last one that ended at a holder that waits for no lock
	moved  int64    // when that changed last, on the honest clock
	moves  int      // how often it did
	resume int64    // no looks before that
	asked  int      // the last sample that called for looks
	told   rank
	report *report
	stands []*fact // what a verdict of stuck was told of: when one is gone, it is over
}

// identity tells whether the end of a chain is still the same.
type identity struct {
	end            end
	stuck          bool
	goroutine, seq uint64
}

func (g *graph) identity(e *ending) identity {
	id := identity{end: e.end, stuck: e.stuck(g)}
	if l := &g.locks[e.locks[0]]; l.pick >= 0 && e.end != nobody && e.end != doubtful {
		h := g.picked(e.locks[0])
		n := &g.nodes[h.node]
		id.goroutine = n.id
		switch {
		case n.left:
			id.seq = h.rec.Seq
		case n.op != nil:
			id.seq = n.op.Seq
		case n.cell != nil:
			id.seq = n.cell.Seq
		}
	}
	return id
}

// episode returns the one that e belongs to.
func (j *Judge) episode(g *graph, e *ending) *episode {
	id := g.identity(e)
	var ep *episode
	for _, l := range e.locks {
		old := j.episodes[g.locks[l].addr]
		if old != nil && old.seen != j.sample && (ep == nil || old.told > ep.told) {
			ep = old
		}
	}
	if ep == nil {
		ep = &episode{}
	}
	for _, l := range e.locks {
		j.episodes[g.locks[l].addr] = ep
	}
	ep.seen = j.sample
	if ep.id != id {
		ep.id, ep.resume = id, 0
	}
	if e.end == atHolder && ep.holder != id {
		if ep.holder != (identity{}) {
			ep.moved = j.clock.honest
			ep.moves++
		}
		ep.holder = id
	}
	for _, f := range ep.stands {
		if f.seen < j.sample-1 {
			ep.told, ep.stands, ep.report = untold, nil, nil
			break
		}
	}
	return ep
}

// judge decides what is to be told of an ending now, and what to ask.
func (j *Judge) judge(g *graph, e *ending, a *Actions) {
	ep := j.episode(g, e)
	if ep.told == proven {
		return
	}
	if e.stuck(g) {
		j.judgeStuck(g, e, ep, a)
	} else {
		j.judgeOpen(g, e, ep, a)
	}
}

// judgeStuck judges an ending that by its structure never dissolves.
func (j *Judge) judgeStuck(g *graph, e *ending, ep *episode, a *Actions) {
	c := g.core(e)
	ripe, missing := j.confirm(g, c)
	age := j.clock.honest - g.nodes[c.chain[0].node].fact.first
	t := teller{j: j, g: g, e: e, ep: ep, core: c, age: age}
	switch {
	case j.toldBefore(g, e, ep):
		return
	case ripe && len(missing) == 0 && c.paired() && !c.rests(g):
		t.tell(a, proven, event.Stuck, event.Proven, t.stuck())
		return
	case ripe && len(missing) == 0 && (age >= j.fallback || c.paired()) && ep.told < inferred:
		t.tell(a, inferred, event.Stuck, event.Inferred, t.stuck())
	case len(missing) > 0 && age >= j.fallback && ep.told < open:
		t.tell(a, open, event.Unknown, event.Undecided, t.unproven(missing))
	}
	if ripe || len(missing) > 0 && age >= j.floor+j.validation {
		ep.resume = j.clock.honest + relook
	}
	if j.asks(ep, age) {
		for _, n := range c.nodes {
			a.look(g, n)
		}
		for _, l := range c.locks {
			a.word(g, l)
		}
		for _, l := range e.from { // for who else hangs on
			if !g.locks[l].known && !g.locks[l].kept {
				a.word(g, l)
			}
		}
		ep.asked = j.sample
	}
}

// toldBefore reports whether what e ends in was told already, as an operation
// that does not end: who waits for it is no news.
func (j *Judge) toldBefore(g *graph, e *ending, ep *episode) bool {
	if !e.inOperation() {
		return false
	}
	f := g.nodes[g.picked(e.locks[0]).node].fact
	if f.rank > ep.told {
		ep.told = f.rank
	}
	return f.rank >= inferred
}

// judgeOpen judges an ending that may dissolve by itself.
func (j *Judge) judgeOpen(g *graph, e *ending, ep *episode, a *Actions) {
	place := -1 // the oldest wait that was not told yet
	for _, l := range e.from {
		for _, w := range g.locks[l].waiters {
			if !g.nodes[w].fact.told && (place < 0 || g.older(w, place)) {
				place = w
			}
		}
	}
	var holder *node
	if last := &g.locks[e.locks[0]]; e.end == atHolder {
		holder = &g.nodes[last.holders()[last.pick].node]
	}
	if ep.asked == j.sample-1 && (holder == nil || j.looked(holder)) { // the answers left it open
		ep.resume = j.clock.honest + relook
	}
	age := int64(0)
	if place >= 0 && ep.told == untold {
		age = j.clock.honest - g.nodes[place].fact.first
	}
	t := teller{j: j, g: g, e: e, ep: ep, age: age}
	if age >= j.fallback && j.looked(&g.nodes[place]) && (holder == nil || j.looked(holder)) {
		t.core = &core{chain: g.chain(place)}
		t.open(a, holder)
		return
	}
	if !j.asks(ep, age) {
		return
	}
	ep.asked = j.sample
	if age+2*j.period >= j.fallback {
		a.look(g, place)
	}
	if holder != nil {
		a.look(g, g.picked(e.locks[0]).node)
		for k, h := range g.locks[e.locks[0]].holders() { // other readers may not be able to go on
			if k < maxReaders && g.nodes[h.node].fate == busy {
				a.look(g, h.node)
			}
		}
	}
	for _, l := range e.from { // any of them may turn out to lead elsewhere
		a.word(g, l)
	}
}

// looked reports whether there is a look at n in this sample, or there is none
// though the last one called for it.
func (j *Judge) looked(n *node) bool { return n.look != nil || j.asked[n.id] }

// asks reports whether looks are worth their while: not again and again if the
// last ones led nowhere, but in time for the fallback budget.
func (j *Judge) asks(ep *episode, age int64) bool {
	return j.clock.honest >= ep.resume || ep.told == untold && age+2*j.period >= j.fallback
}

func (a *Actions) look(g *graph, n int) {
	if g.nodes[n].cell != nil {
		a.ask(g.nodes[n].id)
	}
}

func (a *Actions) ask(id uint64) {
	if len(a.Look) < maxLooks {
		a.Look = append(a.Look, id)
	}
}

func (a *Actions) word(g *graph, l int) {
	if len(a.Words) < maxLooks {
		a.Words = append(a.Words, g.locks[l].addr)
	}
}
