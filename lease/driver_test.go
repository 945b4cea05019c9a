//go:build go1.25

package lease

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bubble is the clock of a synctest bubble, in which all time is made up.
type bubble struct{}

func (bubble) Now() int64 { return time.Now().UnixNano() }

// book is a keeper with one holder.
type book struct {
	mu       sync.Mutex // guards what follows
	token    Token
	err      error         // of Renew
	late     time.Duration // of Renew's answer
	renewals int
	released []Token
}

func (b *book) set(err error, late time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err, b.late = err, late
}

func (b *book) Acquire(context.Context) (Token, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token++
	return b.token, nil
}

func (b *book) Renew(ctx context.Context, t Token) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.renewals++
	err, late := b.err, b.late
	if b.token != t {
		err = ErrLost
	}
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-time.After(late):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return 10 * time.Second, err
}

func (b *book) Release(_ context.Context, t Token) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = append(b.released, t)
	return nil
}

// journal is what a listener has heard.
type journal struct {
	mu   sync.Mutex
	said []string
}

func (j *journal) listen(c Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, fmt.Sprintf("%v: %s", c.State, c.Why))
}

func (j *journal) check(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !reflect.DeepEqual(j.said, want) {
		t.Errorf("heard\n%q\nwant\n%q", j.said, want)
	}
	j.said = nil
}

// stage is a lease held in a bubble.
type stage struct {
	book book
	j    journal
	l    *Lease
	f    *Fence
	term *Term
	stop context.CancelFunc
}

func hold(t *testing.T) *stage {
	t.Helper()
	s := &stage{f: mustFence(t, nil)}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	l, err := Hold(ctx, Config{Keeper: &s.book, Clock: bubble{}, Listen: s.j.listen, Work: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	if s.term, err = l.Open(ctx, s.f); err != nil {
		t.Fatal(err)
	}
	s.j.check(t, "held: it was renewed")
	return s
}

func (s *stage) end() {
	s.stop()
	<-s.l.ended
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		defer s.end()
		if s.f.Highest() != 1 {
			t.Errorf("the store has heard of %d before the first work, want 1", s.f.Highest())
		}
		boom := errors.New("no")
		err := s.term.Do(context.Background(), func(ctx context.Context, token Token) error {
			if in, ok := FromContext(ctx); !ok || in != token || token != 1 {
				t.Errorf("token %d, in the context %d, %v", token, in, ok)
			}
			time.Sleep(25 * time.Second) // renewed meanwhile
			if ctx.Err() != nil {
				t.Errorf("cancelled: %v", ctx.Err())
			}
			return boom
		})
		if err != boom {
			t.Errorf("Do returned %v, want what the work has returned", err)
		}
		if s.book.renewals < 10 {
			t.Errorf("%d renewals in 25 s, want one every 2.5 s", s.book.renewals)
		}
		if err := s.term.Within(context.Background(), 9*time.Second, nil); err != ErrShort {
			t.Errorf("work of 9 s: %v, want %v", err, ErrShort)
		}
		s.j.check(t)
	})
}

// The keeper falls silent: work is cancelled before the keeper could give the lease
// to another, the listener hears of it before and after, and it may come back.
func TestKeeperFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		defer s.end()
		s.book.set(errors.New("unreachable"), 0)
		last := time.Now()
		err := s.term.Do(context.Background(), func(ctx context.Context, _ Token) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(last); took < 8*time.Second || took > 9*time.Second {
			t.Errorf("cancelled after %v, want 8.98 s: TTL 10 s, less the rate's 0.02 s, less the margin of 1 s", took)
		}
		if !errors.Is(err, ErrLost) || !errors.Is(err, context.Canceled) {
			t.Errorf("Do returned %v, want that it was lost, and the work's own error", err)
		}
		s.j.check(t, "doubtful: it was not renewed in time and ends soon")
		if err := s.term.Do(context.Background(), nil); err != ErrLost {
			t.Errorf("work in the margin: %v", err)
		}
		time.Sleep(2 * time.Second)
		s.j.check(t, "lost: it was not renewed in time")
		s.book.set(nil, 0)
		time.Sleep(3 * time.Second)
		s.j.check(t, "held: it was renewed")
		if err := s.term.Do(context.Background(), func(context.Context, Token) error { return nil }); err != nil {
			t.Errorf("work after the lease came back: %v", err)
		}
	})
}

// What was read on a lease that has been lost meanwhile is not to be believed, also
// if the work did not notice.
func TestDoLooksAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		defer s.end()
		s.book.set(errors.New("unreachable"), 0)
		err := s.term.Do(context.Background(), func(context.Context, Token) error {
			time.Sleep(11 * time.Second)
			return nil
		})
		if err == nil || err.Error() != ErrLost.Error() || !errors.Is(err, ErrLost) {
			t.Errorf("Do returned %v, want %v", err, ErrLost)
		}
	})
}

// An answer that comes late counts from when it was asked for.
func TestLateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		defer s.end()
		time.Sleep(10 * time.Millisecond)
		begun := time.Now()
		s.book.set(nil, 2400*time.Millisecond)
		time.Sleep(2500 * time.Millisecond) // a renewal is sent
		time.Sleep(2450 * time.Millisecond) // and answered
		s.book.set(errors.New("unreachable"), 0)
		s.term.Do(context.Background(), func(ctx context.Context, _ Token) error { <-ctx.Done(); return nil })
		if took := time.Since(begun); took > 11500*time.Millisecond || took < 11400*time.Millisecond {
			t.Errorf("the lease was good for %v, want 11.47 s: 2.49 s before the renewal, 8.98 s from then", took)
		}
	})
}

func TestPausedUntilRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		defer s.end()
		s.book.set(nil, 100*time.Millisecond)
		err := s.term.Do(context.Background(), func(ctx context.Context, _ Token) error {
			s.l.Paused()
			if ctx.Err() == nil {
				t.Error("what runs was not cancelled")
			}
			return nil
		})
		if !errors.Is(err, ErrLost) {
			t.Errorf("Do over a pause: %v", err)
		}
		if err := s.term.Do(context.Background(), nil); err != ErrLost {
			t.Errorf("work after a pause: %v", err)
		}
		time.Sleep(150 * time.Millisecond)
		s.j.check(t, "lost: nothing ran here", "held: it was renewed")
		if err := s.term.Do(context.Background(), func(context.Context, Token) error { return nil }); err != nil {
			t.Errorf("work after the renewal: %v", err)
		}
	})
}

func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		defer s.end()
		s.book.Acquire(context.Background()) // somebody else
		time.Sleep(3 * time.Second)
		select {
		case <-s.l.Gone():
		default:
			t.Error("the lease is not gone")
		}
		s.j.check(t, "lost: the keeper says that another may have it")
		if err := s.term.Do(context.Background(), nil); err != ErrLost {
			t.Errorf("work: %v", err)
		}
		if _, err := s.l.Open(context.Background(), s.f); err != ErrLost {
			t.Errorf("open: %v", err)
		}
	})
}

// A store that has heard of a higher token says so at the barrier: there is no term,
// and the lease is gone.
func TestOpenAtAStoreThatKnowsBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b, ctx := mustFence(t, nil), &book{}, context.Background()
		if err := f.Barrier(ctx, 9); err != nil {
			t.Fatal(err)
		}
		l, err := Hold(ctx, Config{Keeper: b, Clock: bubble{}})
		if err != nil {
			t.Fatal(err)
		}
		if term, err := l.Open(ctx, mustFence(t, nil), f); term != nil || !errors.Is(err, ErrStale) {
			t.Errorf("Open: %v, %v", term, err)
		}
		<-l.Gone()
	})
}

type broken struct{ err error }

func (b *broken) Barrier(context.Context, Token) error { return b.err }

func TestOpenAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		l, err := Hold(ctx, Config{Keeper: &book{}, Clock: bubble{}})
		if err != nil {
			t.Fatal(err)
		}
		b := &broken{errors.New("connection refused")}
		if term, err := l.Open(ctx, mustFence(t, nil), b); term != nil || !errors.Is(err, b.err) {
			t.Errorf("Open: %v, %v", term, err)
		}
		b.err = nil
		if _, err := l.Open(ctx, mustFence(t, nil), b); err != nil {
			t.Errorf("Open again: %v", err)
		}
	})
}

func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hold(t)
		finish := make(chan struct{})
		ended := make(chan error)
		started := make(chan struct{})
		go func() {
			ended <- s.term.Do(context.Background(), func(ctx context.Context, _ Token) error {
				close(started)
				<-ctx.Done()
				<-finish
				return nil
			})
		}()
		<-started
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.l.Release(short); !errors.Is(err, context.DeadlineExceeded) || len(s.book.released) != 0 {
			t.Errorf("Release while work does not end: %v, given back %v", err, s.book.released)
		}
		close(finish)
		if err := <-ended; !errors.Is(err, ErrLost) {
			t.Errorf("the work: %v", err)
		}
		if err := s.l.Release(context.Background()); err != nil || !reflect.DeepEqual(s.book.released, []Token{1}) {
			t.Errorf("Release: %v, given back %v", err, s.book.released)
		}
		s.j.check(t, "lost: it was given back")
	})
}

func TestHoldRefusesTermsThatCannotWork(t *testing.T) {
	for _, c := range []Config{
		{},
		{Keeper: &book{}, Terms: Terms{TTL: -time.Second}},
		{Keeper: &book{}, Terms: Terms{TTL: time.Second, Margin: time.Second}},
		{Keeper: &book{}, Terms: Terms{TTL: time.Second, Renew: time.Second}},
		{Keeper: &book{}, Terms: Terms{Rate: 1}},
		{Keeper: &book{}, Work: 9 * time.Second},
	} {
		if l, err := Hold(context.Background(), c); err == nil {
			t.Errorf("Hold(%+v) = %v, want an error", c, l)
		}
	}
}
