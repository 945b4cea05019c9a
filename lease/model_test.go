package lease

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// The model: three nodes, a keeper and two stores in one goroutine, in steps of a
// millisecond. Nodes are paused in four ways, clocks drift as far as the terms
// allow, messages are late, lost, overtake each other, and nodes are cut off. What
// decides is the package's own Machine and Fence; around them is only what carries
// messages. A mutant leaves one rule out, and must be caught.

const (
	stepNS    = int64(time.Millisecond)
	modelTTL  = 200 * time.Millisecond
	modelRate = 0.2 // real clocks are better; in a short run they would not matter
	drift     = 0.1 // (1-drift)/(1+drift) is more than 1-modelRate
	nodes     = 3
	stores    = 2
)

// mutant is what is left out.
type mutant struct {
	name                                                                            string
	noRate, noBarrier, fromAnswer, noLookAfter, stoppingClock, noFence, deafToPause bool
}

// way is how a node is paused.
type way int

const (
	stopped   way = iota // SIGSTOP: clocks go on
	suspended            // boot time goes on, the monotonic clock does not
	haltSeen             // a hypervisor stops every clock, and package pause is told of it
	haltBlind            // the same, and nobody notices
)

type world struct {
	r      *rand.Rand
	mu     mutant
	blind  bool // there are pauses that nobody notices: reads are not promised to be right then
	now    int64
	queue  []message
	spare  []message // the queue's other half
	nodes  [nodes]*node
	fences [stores]*Fence

	// The keeper, by its own clock.
	keeperRate  float64
	keeperClock int64
	holder      Token // who has it, if it has not run out
	given       Token // the highest ever given
	ends        int64

	begun    Token // the highest token whose holder has begun work
	wrong    []string
	accepted int
	refused  int
	read     int
	unread   int
	terms    int
}

// message is carried out at a time, for a node only while that is not paused.
type message struct {
	at int64
	to *node // nil for the keeper and the stores
	do func()
}

type node struct {
	w         *world
	id        int
	m         *Machine
	rate      float64
	clock     int64
	until     int64 // paused until then
	how       way
	tell      bool  // a pause is to be told when it goes on
	cut       int64 // from everybody until then
	cutKeeper int64 // from the keeper until then
	acquiring int64 // when an acquisition may be tried again
	renew     *Input
	barriers  map[int]bool // stores that have answered
	barrierAt int64
	work      *job
	bornAt    Token
}

// job is a piece of work under way.
type job struct {
	pass  Pass
	write bool
	sent  bool
	since int64 // when it was sent
}

func newWorld(seed int64, mu mutant, blind bool) *world {
	w := &world{r: rand.New(rand.NewSource(seed)), mu: mu, blind: blind}
	w.keeperRate = 1 + float64(w.r.Intn(3)-1)*drift
	for i := range w.fences {
		w.fences[i], _ = NewFence(nil)
	}
	for i := range w.nodes {
		m, err := NewMachine(Terms{TTL: modelTTL, Rate: modelRate, Margin: 5 * time.Millisecond, Renew: 40 * time.Millisecond, Late: 30 * time.Millisecond})
		if err != nil {
			panic(err)
		}
		if mu.noRate {
			m.terms.Rate = 0
		}
		w.nodes[i] = &node{w: w, id: i, m: m, rate: 1 + float64(w.r.Intn(3)-1)*drift, clock: w.r.Int63n(int64(time.Hour))}
	}
	return w
}

func (w *world) run(steps int) {
	for i := 0; i < steps && len(w.wrong) == 0; i++ {
		w.now += stepNS
		w.keeperClock += int64(float64(stepNS) * w.keeperRate)
		for _, n := range w.nodes {
			n.pass()
		}
		w.deliver()
		first, back := w.r.Intn(nodes), 1+w.r.Intn(nodes-1) // any order of three
		for i := 0; i < nodes; i++ {
			if n := w.nodes[(first+i*back)%nodes]; n.until <= w.now {
				n.act()
			}
		}
	}
}

func (w *world) fail(format string, args ...interface{}) {
	w.wrong = append(w.wrong, fmt.Sprintf("at %v: ", time.Duration(w.now))+fmt.Sprintf(format, args...))
}

// deliver carries out what is due. What comes in by it is due later.
func (w *world) deliver() {
	due := w.queue
	w.queue, w.spare = w.spare[:0], due
	for _, m := range due {
		if m.at > w.now || m.to != nil && m.to.until > w.now {
			w.queue = append(w.queue, m)
			continue
		}
		m.do()
	}
}

// ask is send between n and the keeper.
func (w *world) ask(n *node, to *node, do func()) {
	if n.cutKeeper <= w.now {
		w.send(n, to, do)
	}
}

// send sends something from or to n, unless it is lost.
func (w *world) send(n *node, to *node, do func()) {
	if n.cut > w.now || w.r.Intn(20) == 0 {
		return
	}
	late := stepNS * int64(1+w.r.Intn(8))
	if w.r.Intn(6) == 0 {
		late = stepNS * int64(1+w.r.Intn(120))
	}
	w.queue = append(w.queue, message{at: w.now + late, to: to, do: do})
}

// pass lets a step of time pass for the node, and sometimes pauses it or cuts it off.
func (n *node) pass() {
	w := n.w
	runs := n.until <= w.now
	stops := !runs && (n.how == haltSeen || n.how == haltBlind || n.how == suspended && w.mu.stoppingClock)
	if !stops {
		n.clock += int64(float64(stepNS) * n.rate)
	}
	if w.r.Intn(400) == 0 {
		until := w.now + stepNS*int64(1+w.r.Intn(500))
		if n.cutKeeper = until; w.r.Intn(2) == 0 {
			n.cut = until
		}
	}
	if runs && w.r.Intn(500) == 0 {
		n.until = w.now + stepNS*int64(1+w.r.Intn(600))
		n.how = way(w.r.Intn(3))
		if w.blind && w.r.Intn(2) == 0 {
			n.how = haltBlind
		}
		n.tell = n.how == haltSeen
	}
}

// act is what the driver does in a step: one thing at a time, so that a pause may
// come between any two.
func (n *node) act() {
	w := n.w
	if n.tell && !w.mu.deafToPause {
		n.step(Input{Kind: Paused})
	}
	n.tell = false
	if r := n.renew; r != nil {
		n.renew = nil
		w.ask(n, nil, func() { w.onRenew(n, *r) })
	}
	n.step(Input{Kind: Tick})
	t := n.m.Token()
	switch {
	case n.work != nil:
		n.goOn()
	case t == 0:
		if n.acquiring <= w.now {
			n.acquiring = w.now + 5*stepNS
			w.ask(n, nil, func() { w.onAcquire(n) })
		}
	case n.m.opened != t:
		n.open(t)
	default:
		n.begin()
	}
}

func (n *node) step(in Input) {
	a := n.m.Step(n.clock, in)
	if a.Renew {
		n.renew = &Input{Kind: Granted, Token: n.m.Token(), Sent: n.clock}
	}
}

// open sends barriers until every store has answered.
func (n *node) open(t Token) {
	w := n.w
	if n.m.state() != Held {
		return
	}
	if w.mu.noBarrier {
		n.step(Input{Kind: Opened, Token: t})
		return
	}
	if n.bornAt != t {
		n.bornAt, n.barriers, n.barrierAt = t, map[int]bool{}, 0
	}
	if n.barrierAt > w.now {
		return
	}
	n.barrierAt = w.now + 30*stepNS
	for i := range w.fences {
		i := i
		w.send(n, nil, func() {
			if w.fences[i].Barrier(context.Background(), t) != nil {
				return
			}
			w.send(n, n, func() {
				if n.bornAt != t {
					return
				}
				if n.barriers[i] = true; len(n.barriers) == stores {
					n.step(Input{Kind: Opened, Token: t})
				}
			})
		})
	}
}

func (n *node) begin() {
	w := n.w
	if w.r.Intn(4) != 0 {
		return
	}
	p, err := n.m.Begin(n.clock, 5*time.Millisecond)
	if err != nil {
		return
	}
	n.work = &job{pass: p, write: w.r.Intn(2) == 0}
	if p.Token > w.begun {
		w.begun = p.Token
		w.terms++
	}
}

// goOn sends what the work is about, at some time after it has begun, and never
// looks at the clock before it does.
func (n *node) goOn() {
	w, j := n.w, n.work
	switch {
	case !j.sent && w.r.Intn(8) == 0:
		j.sent, j.since = true, w.now
		w.send(n, nil, func() { w.onWork(n, j) })
	case j.sent && w.now-j.since > 100*stepNS:
		n.work = nil // given up: its message is still under way
	}
}

// onWork is a store that gets a write or a read. Reads are not guarded.
func (w *world) onWork(n *node, j *job) {
	t := j.pass.Token
	if j.write {
		f := w.fences[w.r.Intn(stores)]
		write := func() error {
			w.accepted++
			if t < w.begun {
				w.fail("a write of token %d was accepted after the holder of token %d had begun work", t, w.begun)
			}
			return nil
		}
		if w.mu.noFence {
			write()
		} else if f.Do(context.Background(), t, write) != nil {
			w.refused++
		}
	}
	overtaken := t < w.given // what is read now is another's to change
	w.send(n, n, func() {
		if n.work != j {
			return
		}
		n.work = nil
		err := n.m.End(n.clock, j.pass)
		if w.mu.noLookAfter {
			err = nil
		}
		switch {
		case j.write:
		case err != nil:
			w.unread++
		default:
			w.read++
			if overtaken && !w.blind {
				w.fail("node %d believes what it has read with token %d after token %d was given", n.id, t, w.given)
			}
		}
	})
}

// onAcquire is the keeper that is asked for the lease.
func (w *world) onAcquire(n *node) {
	if w.holder != 0 && w.keeperClock < w.ends {
		return
	}
	w.given += Token(1 + w.r.Intn(3))
	w.holder, w.ends = w.given, w.keeperClock+int64(modelTTL)
	t := w.given
	w.ask(n, n, func() {
		if n.m.Token() == 0 && t > n.m.dead {
			if a, err := n.m.Adopt(n.clock, t); err != nil {
				w.fail("adopt %d: %v", t, err)
			} else if a.Renew {
				n.renew = &Input{Kind: Granted, Token: t, Sent: n.clock}
			}
		}
	})
}

// onRenew is the keeper that is asked for more time.
func (w *world) onRenew(n *node, in Input) {
	if in.Token != w.holder || w.keeperClock >= w.ends && w.r.Intn(2) == 0 {
		in.Kind = Refused
		if in.Token == w.holder {
			w.holder = 0
		}
	} else {
		w.ends = w.keeperClock + int64(modelTTL)
	}
	w.ask(n, n, func() {
		if w.mu.fromAnswer {
			in.Sent = n.clock
		}
		n.step(in)
	})
}

// modelSteps are those of both kinds of runs together.
const modelSteps = 1000000

func TestModel(t *testing.T) {
	for _, blind := range []bool{false, true} {
		var all world
		const runs = 10
		for seed := int64(1); seed <= runs; seed++ {
			w := newWorld(seed, mutant{}, blind)
			w.run(modelSteps / 2 / runs)
			for _, s := range w.wrong {
				t.Errorf("seed %d, blind pauses %v: %s", seed, blind, s)
			}
			all.terms += w.terms
			all.accepted += w.accepted
			all.refused += w.refused
			all.read += w.read
			all.unread += w.unread
		}
		t.Logf("seeds 1 to %d, %d steps, pauses that nobody notices: %v: %d terms, %d writes accepted, %d refused, %d reads believed, %d not",
			runs, modelSteps/2, blind, all.terms, all.accepted, all.refused, all.read, all.unread)
		// A model in which nothing happens shows nothing.
		if all.terms < 150 || all.accepted < 1500 || all.refused < 10 || all.read < 1500 || all.unread < 10 {
			t.Errorf("too little has happened: %d terms, %d accepted, %d refused, %d read, %d not", all.terms, all.accepted, all.refused, all.read, all.unread)
		}
	}
}

func TestModelFindsWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		mutant
		want string
	}{
		{mutant{name: "no margin for the clock's rate", noRate: true}, "believes what it has read"},
		{mutant{name: "no barrier", noBarrier: true}, "a write of token"},
		{mutant{name: "counted from the answer", fromAnswer: true}, "believes what it has read"},
		{mutant{name: "no look after reading", noLookAfter: true}, "believes what it has read"},
		{mutant{name: "a clock that stops in suspend", stoppingClock: true}, "believes what it has read"},
		{mutant{name: "a store that checks nothing", noFence: true}, "a write of token"},
		{mutant{name: "pauses are not told", deafToPause: true}, "believes what it has read"},
	} {
		c := c
		t.Run(strings.Replace(c.name, " ", "_", -1), func(t *testing.T) {
			const runs = 40
			for seed := int64(1); seed <= runs; seed++ {
				w := newWorld(seed, c.mutant, false)
				w.run(modelSteps / 20)
				if len(w.wrong) == 0 {
					continue
				}
				t.Logf("seed %d: %s", seed, w.wrong[0])
				if !strings.Contains(w.wrong[0], c.want) {
					t.Errorf("found %q, want what has %q in it", w.wrong[0], c.want)
				}
				return
			}
			t.Errorf("nothing found in %d runs: the model is blind to it", runs)
		})
	}
}
