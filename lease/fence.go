package lease

import (
	"context"
	"fmt"
	"sync"
)

// Memory keeps the highest token that a Fence has seen, so that a store which is
// started anew does not forget it.
type Memory interface {
	// Load returns the token that was saved last, 0 if none was.
	Load() (Token, error)

	// Save keeps t, durably once it has returned nil. One call at a time.
	Save(t Token) error
}

// Fence is the store's side: it knows the highest token seen, refuses lower ones,
// and lets writes happen in the same step in which their token is checked. All
// methods may be called by any number of goroutines.
type Fence struct {
	memory Memory
	saving sync.Mutex // held while a token is saved; taken before mu

	mu      sync.Mutex // guards what follows
	highest Token
	writing map[Token]int
	ended   chan struct{} // closed when a write has ended; nil if nobody waits
}

// NewFence returns a fence that has seen what m remembers. With nil the fence
// forgets when the store ends, and is right only if the store's data go with it.
func NewFence(m Memory) (*Fence, error) {
	f := &Fence{memory: m, writing: map[Token]int{}}
	if m != nil {
		t, err := m.Load()
		if err != nil {
			return nil, fmt.Errorf("load the highest token: %w", err)
		}
		f.highest = t
	}
	return f, nil
}

// Highest returns the highest token seen.
func (f *Fence) Highest() Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.highest
}

// Do calls write if no higher token than t was seen, and returns what write does;
// otherwise a *StaleError, and write was not called. While write runs, a barrier
// with a higher token waits for it.
//
// A token that is higher than all before is remembered first. The writes of lower
// ones that are under way are waited for then, as by Barrier.
func (f *Fence) Do(ctx context.Context, t Token, write func() error) error {
	if err := f.begin(ctx, t); err != nil {
		return err
	}
	defer f.end(t)
	return write()
}

// Barrier refuses tokens lower than t from now on, and returns when no write of
// theirs runs any more. If ctx ends before, they are refused all the same; the
// barrier has not been passed and is to be sent again.
func (f *Fence) Barrier(ctx context.Context, t Token) error {
	return f.Do(ctx, t, func() error { return nil })
}

// begin lets a write of t begin. It counts as running from when it is known to be
// no stale one, so that nothing comes between.
func (f *Fence) begin(ctx context.Context, t Token) error {
	if t == 0 {
		return fmt.Errorf("token 0 is nobody's")
	}
	if err := f.raise(t); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.lower(t) {
		if f.ended == nil {
			f.ended = make(chan struct{})
		}
		ended := f.ended
		f.mu.Unlock()
		var err error
		select {
		case <-ended:
		case <-ctx.Done():
			err = fmt.Errorf("wait for the writes of tokens lower than %d: %w", uint64(t), ctx.Err())
		}
		f.mu.Lock()
		if err != nil {
			return err
		}
	}
	if t < f.highest {
		return &StaleError{Token: t, Highest: f.highest}
	}
	f.writing[t]++
	return nil
}

// raise remembers t if it is the highest.
func (f *Fence) raise(t Token) error {
	f.saving.Lock()
	defer f.saving.Unlock()
	f.mu.Lock()
	highest := f.highest
	f.mu.Unlock()
	if t <= highest {
		return nil // begin says so if it is lower
	}
	if f.memory != nil {
		if err := f.memory.Save(t); err != nil {
			return fmt.Errorf("save token %d: %w", uint64(t), err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.highest = t
	return nil
}

// lower reports whether a write of a token lower than t runs. The caller holds f.mu.
func (f *Fence) lower(t Token) bool {
	for other := range f.writing {
		if other < t {
			return true
		}
	}
	return false
}

func (f *Fence) end(t Token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing[t]--
	if f.writing[t] == 0 {
		delete(f.writing, t)
	}
	if f.ended != nil {
		close(f.ended)
		f.ended = nil
	}
}
