package lease

import (
	"errors"
	"fmt"
	"time"
)

// State says what may be done on a lease.
type State int

// The states.
const (
	Lost     State = iota // it is not held, or nobody here can know that it is: nothing may be done
	Doubtful              // it is held, and ends so soon that nothing may be begun and what runs must end
	Held
)

func (s State) String() string {
	switch s {
	case Held:
		return "held"
	case Doubtful:
		return "doubtful"
	}
	return "lost"
}

// Terms are how a lease is counted. The zero value of each field is its default.
type Terms struct {
	// TTL is how long the keeper grants, if it does not say so itself.
	// Default 10 s.
	TTL time.Duration

	// Rate is by what share the keeper's clock may go faster than the one here.
	// Default 0.002: either clock may be slewed by 500 ppm (adjtimex(2)) and its
	// crystal be off by as much.
	Rate float64

	// Margin is the time at the end of a lease that belongs to ending: work is
	// cancelled when it begins. Default TTL/10.
	Margin time.Duration

	// Renew is the time from one renewal to the next. Default TTL/4.
	Renew time.Duration

	// Late is by how much a step may come too late. One that is later shows that
	// nothing ran here, and the lease is lost until it is renewed. Default TTL/4.
	Late time.Duration
}

// fill returns the terms with their defaults, or says what is wrong with them.
func (t Terms) fill() (Terms, error) {
	if t.TTL == 0 {
		t.TTL = 10 * time.Second
	}
	if t.Rate == 0 {
		t.Rate = 0.002
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&t.Margin, t.TTL/10)
	def(&t.Renew, t.TTL/4)
	def(&t.Late, t.TTL/4)
	switch {
	case t.TTL < 0 || t.Margin < 0 || t.Renew <= 0 || t.Late <= 0 || t.Rate < 0 || t.Rate >= 1:
		return t, fmt.Errorf("terms of a lease out of range: %+v", t)
	case t.lasts(t.TTL)-int64(t.Margin) <= int64(t.Renew):
		return t, fmt.Errorf("a lease of %v with a margin of %v has no time for renewals every %v", t.TTL, t.Margin, t.Renew)
	}
	return t, nil
}

// lasts is how long, by the clock here, a lease that the keeper grants for ttl
// lasts at least.
func (t Terms) lasts(ttl time.Duration) int64 {
	return int64(ttl) - int64(float64(ttl)*t.Rate)
}

// Kind says what has happened.
type Kind int

// What can happen to a lease.
const (
	Tick     Kind = iota // time has passed
	Granted              // the keeper has answered that Token has the lease
	Refused              // the keeper has answered that Token has it no more
	Failed               // a renewal of Token brought no answer: the keeper may have granted it or not
	Opened               // every guarded store refuses tokens lower than Token
	Paused               // nothing ran here, or the machine was suspended, until now
	Released             // Token was given back, or is about to be
)

// Input is one thing that has happened.
type Input struct {
	Kind  Kind
	Token Token
	Sent  int64         // Granted: what the clock said before the request was sent
	TTL   time.Duration // Granted: what the keeper grants, 0 for the terms'
}

// Actions are what follows.
type Actions struct {
	State   State
	Changed bool   // State is another one than after the step before
	Why     string // why it is, if it has changed
	Renew   bool   // a renewal is to be sent now; what the clock says now is its Sent
	Next    int64  // when to step at the latest; 0 if nothing is awaited
}

// Errors of Begin and End, and of what is built upon them.
var (
	// ErrLost: the lease is not held any more, or it cannot be known that it is.
	ErrLost = errors.New("lease: lost")

	// ErrShort: work of that length could not end before the lease's margin.
	// The next renewal may make room.
	ErrShort = errors.New("lease: not enough time left")

	// ErrNotOpen: not every guarded store has been told of the token yet.
	ErrNotOpen = errors.New("lease: the stores are not fenced")
)

// Machine is a lease as its holder sees it. It does nothing by itself, knows no
// clock and has no lock: one goroutine at a time. Times are nanoseconds of a
// clock that goes on in suspend and that nobody sets (CLOCK_BOOTTIME).
type Machine struct {
	terms  Terms
	now    int64
	due    int64 // when the next step is due at the latest
	token  Token // whose lease it is, 0 for nobody's
	dead   Token // tokens up to this one will never hold it again
	opened Token
	sent   int64         // before the newest request that was granted was sent
	ttl    time.Duration // the least that was granted to this token
	ends   int64         // when the lease ends, if no request is granted any more; 0 if none ever was
	fresh  int64         // only requests that were sent from then on count
	doubt  bool          // a request sent before fresh is all there is
	flying bool          // a renewal has been asked for and not been answered
	asked  int64         // when it was, or is to be, asked for
	said   State
	why    string
}

// NewMachine returns a lease that nobody holds.
func NewMachine(t Terms) (*Machine, error) {
	t, err := t.fill()
	if err != nil {
		return nil, err
	}
	return &Machine{terms: t, why: "nobody has it yet"}, nil
}

// Terms returns the terms, with defaults filled in.
func (m *Machine) Terms() Terms { return m.terms }

// Token returns the token of the lease, 0 if it is over. It may be lost all the
// same.
func (m *Machine) Token() Token { return m.token }

// Adopt makes the lease that of another holder, who has got it and whose time is
// not known before a first renewal. A token that is not larger than every one
// before is an error: then the keeper's do not grow.
func (m *Machine) Adopt(now int64, t Token) (Actions, error) {
	m.pass(now)
	if t <= m.dead || t <= m.token {
		last := m.dead
		if m.token > last {
			last = m.token
		}
		return m.act(), fmt.Errorf("the keeper gave the token %d after %d: they must grow", uint64(t), uint64(last))
	}
	m.token, m.opened, m.ttl, m.ends, m.sent, m.fresh, m.doubt = t, 0, 0, 0, 0, m.now, false
	m.flying, m.asked, m.why = false, m.now, "it was not renewed yet"
	return m.act(), nil
}

// Step takes what has happened, and says what follows.
func (m *Machine) Step(now int64, in Input) Actions {
	m.pass(now)
	if in.Kind == Paused {
		m.pause("nothing ran here")
	}
	if in.Token != m.token || m.token == 0 {
		return m.act() // of a holder before this one
	}
	switch in.Kind {
	case Granted:
		m.granted(in)
	case Failed:
		// The next attempt is earlier than a renewal would be: time runs.
		m.flying, m.asked = false, m.now+int64(m.terms.Renew)/4
	case Opened:
		m.opened = in.Token
	case Refused:
		m.over("the keeper says that another may have it")
	case Released:
		m.over("it was given back")
	}
	return m.act()
}

// pass lets time pass. Time that goes backwards is no time that can be trusted.
func (m *Machine) pass(now int64) {
	if now < m.now {
		m.pause("the clock went backwards")
		return
	}
	m.now = now
	if m.due != 0 && now-m.due > int64(m.terms.Late) {
		m.pause("nothing ran here for some time")
	}
}

// pause makes what was granted before count for nothing: while nothing ran here
// the clocks may not have run either.
func (m *Machine) pause(why string) {
	m.fresh, m.due = m.now, 0
	m.flying, m.asked = false, m.now
	if m.ends != 0 && !m.doubt {
		m.doubt, m.why = true, why
	}
}

// granted counts the lease from before the request was sent. Answers may come in
// any order, and so may the keeper have seen the requests: hence the least of what
// it grants.
func (m *Machine) granted(in Input) {
	if in.Sent > m.now || in.Sent < m.fresh || in.TTL < 0 {
		return
	}
	ttl := in.TTL
	if ttl == 0 {
		ttl = m.terms.TTL
	}
	if in.Sent >= m.asked {
		m.flying, m.asked = false, in.Sent+int64(m.terms.Renew)
	}
	if m.ttl == 0 || ttl < m.ttl {
		m.ttl = ttl
	}
	if in.Sent > m.sent {
		m.sent = in.Sent
	}
	m.doubt, m.ends = false, m.sent+m.terms.lasts(m.ttl)
}

// over ends the lease of this token for good.
func (m *Machine) over(why string) {
	m.dead, m.token, m.opened, m.ends, m.doubt, m.flying, m.why = m.token, 0, 0, 0, false, false, why
}

// state is the state now.
func (m *Machine) state() State {
	switch {
	case m.token == 0 || m.doubt || m.now >= m.ends:
		return Lost
	case m.now >= m.ends-int64(m.terms.Margin):
		return Doubtful
	}
	return Held
}

// act says what follows from where things stand.
func (m *Machine) act() Actions {
	s := m.state()
	a := Actions{State: s, Changed: s != m.said}
	if a.Changed {
		a.Why = m.reason(s)
		m.said = s
	}
	if m.token == 0 {
		m.due = 0
		return a
	}
	if m.flying && m.now >= m.asked+int64(m.terms.Renew) {
		m.flying = false // the request or its answer was lost
	}
	if !m.flying && m.now >= m.asked {
		m.flying, m.asked, a.Renew = true, m.now, true
	}
	next := m.now + int64(m.terms.Late)/2
	for _, at := range [...]int64{m.asked, m.asked + int64(m.terms.Renew), m.ends - int64(m.terms.Margin), m.ends} {
		if at > m.now && at < next {
			next = at
		}
	}
	m.due, a.Next = next, next
	return a
}

// reason says why the state is s.
func (m *Machine) reason(s State) string {
	switch {
	case s == Held:
		return "it was renewed"
	case m.token == 0 || m.doubt || m.ends == 0:
		return m.why
	case s == Doubtful:
		return "it was not renewed in time and ends soon"
	}
	return "it was not renewed in time"
}

// Pass is the right to do one piece of work.
type Pass struct {
	Token Token
	Until int64 // when the work must have ended, if the lease is not renewed meanwhile
}

// Begin asks whether work that takes up to need may begin now.
func (m *Machine) Begin(now int64, need time.Duration) (Pass, error) {
	m.pass(now)
	switch until := m.ends - int64(m.terms.Margin); {
	case m.state() != Held:
		return Pass{}, ErrLost
	case m.opened != m.token:
		return Pass{}, ErrNotOpen
	case int64(need) > until-m.now:
		return Pass{}, ErrShort
	default:
		return Pass{Token: m.token, Until: until}, nil
	}
}

// End asks, after the work, whether the lease was held all the time: only then
// what was read meanwhile may be believed. Of what was written the stores decide.
func (m *Machine) End(now int64, p Pass) error {
	m.pass(now)
	if p.Token == 0 || p.Token != m.token || m.state() == Lost {
		return ErrLost
	}
	return nil
}
