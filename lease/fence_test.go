package lease

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func mustFence(t *testing.T, m Memory) *Fence {
	t.Helper()
	f, err := NewFence(m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func nothing() error { return nil }

func TestFenceRefusesLowerTokens(t *testing.T) {
	ctx, f := context.Background(), mustFence(t, nil)
	for i, c := range []struct {
		token Token
		want  error
	}{{5, nil}, {5, nil}, {7, nil}, {5, ErrStale}, {6, ErrStale}, {7, nil}, {8, nil}, {7, ErrStale}} {
		called := false
		err := f.Do(ctx, c.token, func() error { called = true; return nil })
		if !errors.Is(err, c.want) || called != (c.want == nil) {
			t.Errorf("write %d, of token %d: %v, called %v, want %v", i, c.token, err, called, c.want)
		}
	}
	var stale *StaleError
	if err := f.Barrier(ctx, 3); !errors.As(err, &stale) || stale.Highest != 8 || stale.Token != 3 {
		t.Errorf("barrier of 3: %v", err)
	}
	if err := f.Do(ctx, 0, nothing); err == nil || errors.Is(err, ErrStale) {
		t.Errorf("token 0: %v", err)
	}
	boom := errors.New("disk full")
	if err := f.Do(ctx, 8, func() error { return boom }); err != boom {
		t.Errorf("a write's own error is %v", err)
	}
}

// A barrier that returns while an old write runs has kept nobody out.
func TestBarrierWaitsForWritesUnderWay(t *testing.T) {
	ctx, f := context.Background(), mustFence(t, nil)
	inside, finish := make(chan struct{}), make(chan struct{})
	var landed uint32
	old := make(chan error)
	go func() {
		old <- f.Do(ctx, 1, func() error {
			close(inside)
			<-finish
			atomic.StoreUint32(&landed, 1)
			return nil
		})
	}()
	<-inside
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := f.Barrier(short, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("barrier before the old write has ended: %v", err)
	}
	if err := f.Do(ctx, 1, nothing); !errors.Is(err, ErrStale) {
		t.Errorf("another old write, after a barrier that has not been passed: %v", err)
	}
	passed := make(chan error)
	go func() {
		err := f.Barrier(ctx, 2)
		if atomic.LoadUint32(&landed) == 0 {
			err = errors.New("the barrier was passed before the old write had ended")
		}
		passed <- err
	}()
	close(finish)
	if err := <-passed; err != nil {
		t.Error(err)
	}
	if err := <-old; err != nil {
		t.Errorf("the write that was under way: %v", err)
	}
}

// Writes of random tokens at once: once a barrier has returned, nothing lower ends.
func TestFenceUnderLoad(t *testing.T) {
	ctx, f := context.Background(), mustFence(t, nil)
	var passed uint64
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for n := 0; n < 400; n++ {
				token := Token(n/4 + i/4 + 1)
				if n%50 == i {
					if f.Barrier(ctx, token) == nil {
						for {
							old := atomic.LoadUint64(&passed)
							if uint64(token) <= old || atomic.CompareAndSwapUint64(&passed, old, uint64(token)) {
								break
							}
						}
					}
					continue
				}
				f.Do(ctx, token, func() error {
					if p := atomic.LoadUint64(&passed); uint64(token) < p {
						t.Errorf("a write of token %d runs after the barrier of %d", token, p)
					}
					return nil
				})
			}
		}(i)
	}
	wg.Wait()
	if len(f.writing) != 0 {
		t.Errorf("writes left behind: %v", f.writing)
	}
}

func TestFenceEndsAWriteThatPanics(t *testing.T) {
	ctx, f := context.Background(), mustFence(t, nil)
	func() {
		defer func() { recover() }()
		f.Do(ctx, 1, func() error { panic("in a handler") })
	}()
	if err := f.Barrier(ctx, 2); err != nil {
		t.Error(err)
	}
}

func TestFenceRemembers(t *testing.T) {
	ctx, name := context.Background(), File(filepath.Join(t.TempDir(), "token"))
	f := mustFence(t, name)
	if err := f.Barrier(ctx, 41); err != nil {
		t.Fatal(err)
	}
	if err := f.Do(ctx, 42, nothing); err != nil {
		t.Fatal(err)
	}
	f = mustFence(t, name)
	if err := f.Do(ctx, 41, nothing); !errors.Is(err, ErrStale) {
		t.Errorf("a store that was started anew: %v", err)
	}
	for text, why := range map[string]string{"": "empty", "0\n": "nobody's", "00000000000000000042": "", "4x\n": "torn"} {
		if err := os.WriteFile(string(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewFence(name); (err == nil) != (why == "") {
			t.Errorf("a file with %q (%s): %v", text, why, err)
		}
	}
}

// A token that cannot be kept must not let a write in.
func TestFenceThatCannotRemember(t *testing.T) {
	ctx, f := context.Background(), mustFence(t, File(filepath.Join(t.TempDir(), "no", "such", "token")))
	called := false
	if err := f.Do(ctx, 1, func() error { called = true; return nil }); err == nil || called {
		t.Errorf("a write whose token was not kept: %v, called %v", err, called)
	}
	if f.Highest() != 0 {
		t.Errorf("highest is %d", f.Highest())
	}
}

func TestWeak(t *testing.T) {
	ctx := context.Background()
	if err := (Weak{}).Barrier(ctx, 1); err == nil {
		t.Error("a weak store that does nothing lets Open pass")
	}
	killed := false
	if err := (Weak{Kill: func(context.Context) error { killed = true; return nil }}).Barrier(ctx, 1); err != nil || !killed {
		t.Errorf("killed %v, %v", killed, err)
	}
	boom := errors.New("D state")
	if err := (Weak{Kill: func(context.Context) error { return boom }, Delay: time.Hour}).Barrier(ctx, 1); !errors.Is(err, boom) {
		t.Errorf("a kill that fails: %v", err)
	}
	begun := time.Now()
	if err := (Weak{Delay: 30 * time.Millisecond}).Barrier(ctx, 1); err != nil || time.Since(begun) < 30*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err := (Weak{Delay: time.Hour}).Barrier(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a delay that is not waited out: %v", err)
	}
}
