package lease

import (
	"math/rand"
	"testing"
	"time"
)

// entry is one call of a Machine, as the twin remembers it.
type entry struct {
	now int64 // what the caller said, made not to go back
	in  Input
	new Token // of Adopt
	odd bool  // the clock went backwards, or the call was too late
}

// twin is written from the rules of the package comment alone: it keeps all that
// has ever been said, and reads it from the beginning for each answer.
type twin struct {
	terms Terms
	log   []entry
	now   int64
	due   int64
}

func (w *twin) add(now int64, e entry) {
	if now < w.now {
		now, e.odd = w.now, true
	} else if w.due != 0 && now-w.due > int64(w.terms.Late) {
		e.odd = true
	}
	w.now, e.now = now, now
	w.log = append(w.log, e)
}

// token is the newest one that was adopted, unless it has been refused or released.
func (w *twin) token() (t Token, from int) {
	for i, e := range w.log {
		switch {
		case e.new != 0:
			t, from = e.new, i
		case t != 0 && e.in.Token == t && (e.in.Kind == Refused || e.in.Kind == Released):
			t = 0
		}
	}
	return t, from
}

func (w *twin) state() State {
	t, from := w.token()
	if t == 0 {
		return Lost
	}
	// An answer counts if its request was sent after every pause before it came,
	// and one must have come since the last pause.
	least, newest, restored := time.Duration(0), int64(-1), false
	paused := w.log[from].now
	for _, e := range w.log[from+1:] {
		if e.odd || e.in.Kind == Paused {
			paused, restored = e.now, false
		}
		if e.in.Kind != Granted || e.in.Token != t || e.in.Sent > e.now || e.in.Sent < paused || e.in.TTL < 0 {
			continue
		}
		ttl := e.in.TTL
		if ttl == 0 {
			ttl = w.terms.TTL
		}
		if least == 0 || ttl < least {
			least = ttl
		}
		if e.in.Sent > newest {
			newest = e.in.Sent
		}
		restored = true
	}
	if !restored {
		return Lost
	}
	end := newest + int64(least) - int64(float64(least)*w.terms.Rate)
	switch {
	case w.now >= end:
		return Lost
	case w.now >= end-int64(w.terms.Margin):
		return Doubtful
	}
	return Held
}

func (w *twin) opened() bool {
	t, from := w.token()
	for _, e := range w.log[from:] {
		if t != 0 && e.in.Kind == Opened && e.in.Token == t {
			return true
		}
	}
	return false
}

// pair runs both.
type pair struct {
	t *testing.T
	m *Machine
	w twin
}

func newPair(t *testing.T) *pair {
	m, err := NewMachine(Terms{TTL: 1000, Rate: 0.01, Margin: 100, Renew: 200, Late: 300})
	if err != nil {
		t.Fatal(err)
	}
	return &pair{t: t, m: m, w: twin{terms: m.Terms()}}
}

func (p *pair) step(now int64, in Input) {
	p.w.add(now, entry{in: in})
	p.check(p.m.Step(now, in))
}

func (p *pair) adopt(now int64, token Token) {
	t, _ := p.w.token()
	for _, e := range p.w.log {
		if e.new > t {
			t = e.new
		}
	}
	e := entry{new: token}
	if token <= t {
		e = entry{}
	}
	p.w.add(now, e)
	a, err := p.m.Adopt(now, token)
	if (err != nil) != (token <= t) {
		p.t.Fatalf("adopt %d after %d: %v", token, t, err)
	}
	p.check(a)
}

func (p *pair) check(a Actions) {
	p.t.Helper()
	p.w.due = a.Next
	if want := p.w.state(); a.State != want {
		p.t.Fatalf("the machine says %v, the twin %v, after %+v", a.State, want, p.w.log)
	}
	if token, _ := p.w.token(); p.m.Token() != token {
		p.t.Fatalf("the machine has token %d, the twin %d, after %+v", p.m.Token(), token, p.w.log)
	}
	if a.State == Held && a.Next == 0 || a.Next != 0 && a.Next <= p.w.now {
		p.t.Fatalf("the next step is due at %d, at %d, after %+v", a.Next, p.w.now, p.w.log)
	}
	_, err := p.m.Begin(p.w.now, 50)
	switch may := p.w.state() == Held && p.w.opened(); {
	case err == nil && !may:
		p.t.Fatalf("work begins after %+v", p.w.log)
	case may && err != nil && err != ErrShort:
		p.t.Fatalf("work does not begin: %v, after %+v", err, p.w.log)
	}
}

// play reads bytes as a story, two a step.
func (p *pair) play(story []byte) {
	now, token, asked := int64(10000), Token(1), []int64{0}
	for i := 0; i+1 < len(story) && i < 400; i += 2 {
		a, b := story[i], int64(story[i+1])
		now += b
		if a&0x80 != 0 && a&0x40 != 0 {
			now -= 2 * b // backwards at times
		}
		of := token
		if a&0x20 != 0 && of > 1 {
			of--
		}
		sent := asked[int(b)%len(asked)]
		switch a % 9 {
		case 0, 1:
			p.step(now, Input{})
		case 2, 3:
			p.step(now, Input{Kind: Granted, Token: of, Sent: sent, TTL: time.Duration(b%3) * 500})
		case 4:
			p.step(now, Input{Kind: Granted, Token: of, Sent: now - b/8})
			asked = append(asked, now)
		case 5:
			token++
			p.adopt(now, token-Token(a>>6&1))
		case 6:
			p.step(now, Input{Kind: Opened, Token: of})
		case 7:
			p.step(now, Input{Kind: []Kind{Failed, Paused, Refused, Released}[b%4], Token: of})
		case 8:
			now += b * 10
			p.step(now, Input{})
		}
	}
}

func TestTwin(t *testing.T) {
	held := 0
	for seed := int64(1); seed <= 1000; seed++ {
		r := rand.New(rand.NewSource(seed))
		story := make([]byte, 2*(1+r.Intn(120)))
		r.Read(story)
		p := newPair(t)
		p.play(story)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		if p.w.state() == Held {
			held++
		}
	}
	if held < 30 {
		t.Errorf("the lease was held at the end of %d stories: they are no test", held)
	}
}

func FuzzStep(f *testing.F) {
	f.Add([]byte{5, 1, 4, 8, 6, 0, 0, 200, 8, 90, 4, 3})
	f.Add([]byte{5, 1, 4, 1, 6, 0, 7, 1, 4, 0, 7, 2, 4, 9, 5, 1})
	f.Add([]byte{5, 9, 2, 0, 4, 200, 0xc4, 9, 0x26, 3})
	f.Fuzz(func(t *testing.T, story []byte) { newPair(t).play(story) })
}
