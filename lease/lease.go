package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Keeper is what gives leases: etcd, a database, whatever sees to it that there
// is one holder at a time by its own clock. Its methods are called by one
// goroutine at a time.
type Keeper interface {
	// Acquire waits until the lease is ours, and returns our token, which is
	// larger than that of any holder before. How long it lasts is not known until
	// Renew has said so.
	Acquire(ctx context.Context) (Token, error)

	// Renew asks for the lease to last ttl more from when the keeper sees this.
	// It returns ErrLost if t has the lease no more, or cannot have it again, and
	// another error if the keeper may have done it or not.
	Renew(ctx context.Context, t Token) (ttl time.Duration, err error)

	// Release gives the lease back, if t has it still.
	Release(ctx context.Context, t Token) error
}

// Change is a change of a lease's state.
type Change struct {
	State State
	Token Token
	Why   string
	At    int64 // by the lease's clock
}

// Config is what a lease is held with. Only Keeper must be given.
type Config struct {
	Keeper Keeper
	Terms  Terms
	Clock  Clock // nil for BootTime

	// Work is how long a piece of work takes at most: Do does not begin one when
	// less is left before the margin. 0 if any time will do.
	Work time.Duration

	// Listen is called with each change of state, one at a time and in their
	// order, on a goroutine of its own: with Doubtful before the lease is lost,
	// if there is time, with Lost once it is. It may block. Work was cancelled
	// before it is called.
	Listen func(Change)
}

// Lease is a lease that this process holds, or held. All methods may be called by
// any number of goroutines.
type Lease struct {
	c     Config
	kick  chan struct{} // has room for one: something has happened
	stop  context.CancelFunc
	ended chan struct{} // closed when the loop has returned
	gone  chan struct{} // closed when the lease is lost for good
	news  chan struct{} // has room for one: there are changes to tell
	first Token

	mu      sync.Mutex // guards what follows
	m       *Machine
	next    int64
	renew   bool
	changes []Change
	working map[*work]struct{}
	idle    chan struct{} // closed when nothing works; nil if nobody waits for that
}

// work is a call of Do that has not returned.
type work struct {
	cancel context.CancelFunc
	lost   bool // guarded by Lease.mu: it was cancelled because of the lease
}

// Hold waits until the lease is this process's and keeps it renewed, until Release
// is called, ctx ends, or the keeper says that it is another's. ctx ending gives
// nothing back: the lease runs out. Nothing can be done on the lease before it has
// been opened.
func Hold(ctx context.Context, c Config) (*Lease, error) {
	if c.Keeper == nil {
		return nil, errors.New("hold a lease: no keeper")
	}
	if c.Clock == nil {
		c.Clock = BootTime{}
	}
	m, err := NewMachine(c.Terms)
	if err != nil {
		return nil, err
	}
	if most := time.Duration(m.terms.lasts(m.terms.TTL)) - m.terms.Margin - m.terms.Renew; c.Work > most {
		return nil, fmt.Errorf("hold a lease: work of %v can never be sure to begin, at most %v can with these terms", c.Work, most)
	}
	t, err := c.Keeper.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("acquire the lease: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	l := &Lease{
		c: c, m: m, first: t, stop: stop, kick: make(chan struct{}, 1), news: make(chan struct{}, 1),
		ended: make(chan struct{}), gone: make(chan struct{}), working: map[*work]struct{}{},
	}
	l.mu.Lock()
	a, err := m.Adopt(c.Clock.Now(), t)
	l.take(a)
	l.mu.Unlock()
	if err != nil {
		stop()
		return nil, err
	}
	go l.loop(ctx)
	go l.tell()
	return l, nil
}

// Gone returns a channel that is closed when the lease is lost for good: the keeper
// has said so, it was released, or the context of Hold has ended. A lease that is
// only lost may still be renewed.
func (l *Lease) Gone() <-chan struct{} { return l.gone }

// State returns the state now.
func (l *Lease) State() State {
	return l.step(Input{Kind: Tick})
}

// Paused tells the lease that nothing ran here until now, as package pause finds
// out: it is lost until it has been renewed.
func (l *Lease) Paused() { l.step(Input{Kind: Paused}) }

// step steps the machine and does what follows.
func (l *Lease) step(in Input) State {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.m.Step(l.c.Clock.Now(), in)
	l.take(a)
	return a.State
}

// take does what follows. The caller holds l.mu.
func (l *Lease) take(a Actions) {
	l.next = a.Next
	l.renew = l.renew || a.Renew
	if a.Changed {
		if a.State != Held {
			for w := range l.working {
				w.lost = true
				w.cancel()
			}
		}
		if l.c.Listen != nil {
			l.changes = append(l.changes, Change{State: a.State, Token: l.first, Why: a.Why, At: l.c.Clock.Now()})
			signal(l.news)
		}
	}
	signal(l.kick)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// loop renews the lease and lets time pass.
func (l *Lease) loop(ctx context.Context) {
	defer close(l.ended)
	defer close(l.gone)
	answers := make(chan Input, 1)
	asking := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.step(Input{Kind: Released, Token: l.first})
			return
		case in := <-answers:
			asking = false
			l.step(in)
		case <-timer.C:
			l.step(Input{Kind: Tick})
		case <-l.kick:
		}
		l.mu.Lock()
		renew, next, over := l.renew && !asking, l.next, l.m.Token() == 0
		if renew {
			l.renew = false
		}
		l.mu.Unlock()
		if over {
			return
		}
		if renew {
			asking = true
			go l.ask(ctx, answers)
		}
		timer.Reset(time.Duration(next - l.c.Clock.Now()))
	}
}

// ask sends one renewal. Its time counts from before it was sent.
func (l *Lease) ask(ctx context.Context, answers chan<- Input) {
	ctx, cancel := context.WithTimeout(ctx, l.m.Terms().Renew)
	defer cancel()
	in := Input{Kind: Granted, Token: l.first, Sent: l.c.Clock.Now()}
	ttl, err := l.c.Keeper.Renew(ctx, l.first)
	switch {
	case errors.Is(err, ErrLost):
		in.Kind = Refused
	case err != nil:
		in.Kind = Failed
	case ttl < 0:
		in.Kind = Failed
	}
	in.TTL = ttl
	answers <- in
}

// tell calls the listener.
func (l *Lease) tell() {
	for {
		over := false
		select {
		case <-l.news:
		case <-l.ended:
			over = true
		}
		l.mu.Lock()
		changes := l.changes
		l.changes = nil
		l.mu.Unlock()
		for _, c := range changes {
			l.c.Listen(c)
		}
		if over {
			return
		}
	}
}

// Release cancels what works on the lease, waits for its end, and gives the lease
// back, so that the next holder need not wait for it to run out. If ctx ends first
// nothing is given back: what still works might do harm, and the lease runs out by
// itself.
func (l *Lease) Release(ctx context.Context) error {
	defer l.stop()
	l.step(Input{Kind: Released, Token: l.first})
	<-l.ended // no renewal begins any more
	l.mu.Lock()
	var idle chan struct{}
	if len(l.working) > 0 {
		if l.idle == nil {
			l.idle = make(chan struct{})
		}
		idle = l.idle
	}
	l.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of work before the lease is given back: %w", ctx.Err())
		}
	}
	if err := l.c.Keeper.Release(ctx, l.first); err != nil {
		return fmt.Errorf("give the lease back: %w", err)
	}
	return nil
}
