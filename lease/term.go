package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store is something that holders write to.
type Store interface {
	// Barrier has the store refuse every token lower than t. Once it has returned
	// nil nothing that a lower token has sent can change the store any more, also
	// what is under way. It returns ErrStale if the store has heard of a higher one.
	Barrier(ctx context.Context, t Token) error
}

// Term is a lease whose token every guarded store has been told.
type Term struct {
	l *Lease
	t Token
}

// Open sends a barrier to every store that this holder will write to, and returns
// what work is done on. It is the only way to that, and takes at least one store:
// between two holders a store which has not heard of the new token takes what the
// old one sends. Until the new holder writes for the first time that is every store
// without a barrier.
//
// A store that cannot check tokens at the moment of the write is Weak.
//
// Open waits for the first renewal. If a barrier fails, nothing can be done on the
// lease, and Open may be called again; with ErrStale it was lost meanwhile.
func (l *Lease) Open(ctx context.Context, store Store, more ...Store) (*Term, error) {
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	stores := append([]Store{store}, more...)
	ctx, w, _, err := l.enter(ctx, func(int64) (Pass, error) {
		if l.m.state() != Held {
			return Pass{}, ErrLost
		}
		return Pass{}, nil
	})
	if err != nil {
		return nil, err
	}
	defer l.leave(w)
	answers := make(chan error, len(stores))
	for i := range stores {
		go func(i int) {
			if err := stores[i].Barrier(ctx, l.first); err != nil {
				answers <- fmt.Errorf("barrier of token %d at store %d of %d: %w", uint64(l.first), i+1, len(stores), err)
				return
			}
			answers <- nil
		}(i)
	}
	for range stores {
		if e := <-answers; e != nil && (err == nil || errors.Is(e, ErrStale)) {
			err = e
		}
	}
	if err != nil {
		if errors.Is(err, ErrStale) {
			l.step(Input{Kind: Refused, Token: l.first})
		}
		return nil, err
	}
	l.step(Input{Kind: Opened, Token: l.first})
	return &Term{l: l, t: l.first}, nil
}

// wait waits until the lease is held.
func (l *Lease) wait(ctx context.Context) error {
	tick := time.NewTicker(waitStep)
	defer tick.Stop()
	for l.State() != Held {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the lease's first renewal: %w", ctx.Err())
		case <-l.gone:
			return ErrLost
		case <-tick.C:
		}
	}
	return nil
}

// waitStep is how often Open looks whether the lease was renewed.
const waitStep = 5 * time.Millisecond

// Do does work while the lease is held, of which one piece takes up to Config.Work.
// The token is for what f sends to the stores; it is in f's context, too
// (FromContext).
//
// Work does not begin if the lease is not held, or if it could not end before the
// margin. Then Do returns ErrLost or ErrShort and f was not called. f's context is
// cancelled when the margin begins and the lease has not been renewed, and when it
// is lost. f must return then.
//
// Do returns ErrLost also if the lease is not held when f has returned: what f has
// read may have been another's to change, and is not to be believed. Whether what f
// has written was accepted its store has said.
func (t *Term) Do(ctx context.Context, f func(ctx context.Context, token Token) error) error {
	return t.Within(ctx, t.l.c.Work, f)
}

// Within is Do for work that takes up to need.
func (t *Term) Within(ctx context.Context, need time.Duration, f func(ctx context.Context, token Token) error) error {
	l := t.l
	begin := func(now int64) (Pass, error) { return l.m.Begin(now, need) }
	ctx, w, pass, err := l.enter(context.WithValue(ctx, tokenKey{}, t.t), begin)
	if err != nil {
		return err
	}
	defer l.leave(w)
	err = f(ctx, t.t)
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := l.m.End(l.c.Clock.Now(), pass) != nil
	if lost {
		signal(l.kick)
	}
	if lost || err != nil && w.lost {
		return &lostError{err}
	}
	return err
}

// lostError is ErrLost, and what work has returned.
type lostError struct{ err error }

func (e *lostError) Error() string {
	if e.err == nil {
		return ErrLost.Error()
	}
	return ErrLost.Error() + ": " + e.err.Error()
}

func (e *lostError) Is(target error) bool { return target == ErrLost }
func (e *lostError) Unwrap() error        { return e.err }

// enter notes that something works on the lease, if may lets it, and returns a
// context that is cancelled in time. may is called with l.mu held.
func (l *Lease) enter(ctx context.Context, may func(now int64) (Pass, error)) (context.Context, *work, Pass, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.c.Clock.Now()
	l.take(l.m.Step(now, Input{Kind: Tick}))
	pass, err := may(now)
	if err != nil {
		return nil, nil, Pass{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &work{cancel: cancel}
	l.working[w] = struct{}{}
	return ctx, w, pass, nil
}

func (l *Lease) leave(w *work) {
	w.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.working, w)
	if len(l.working) == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

type tokenKey struct{}

// FromContext returns the token that work was given, by the context of Do.
func FromContext(ctx context.Context) (Token, bool) {
	t, ok := ctx.Value(tokenKey{}).(Token)
	return t, ok
}
