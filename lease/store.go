package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStale is what a store says that has heard of a higher token; errors.Is tells.
var ErrStale = errors.New("lease: stale token")

// StaleError says which token was refused.
type StaleError struct {
	Token   Token // that was refused
	Highest Token // that the store has heard of; 0 if that is not known
}

func (e *StaleError) Error() string {
	if e.Highest == 0 {
		return fmt.Sprintf("token %d is stale", uint64(e.Token))
	}
	return fmt.Sprintf("token %d is stale: the store has heard of %d", uint64(e.Token), uint64(e.Highest))
}

// Is reports whether target is ErrStale.
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// Weak is a store that cannot check a token at the moment of the write, such as
// files in a shared directory. Its barrier makes it unlikely that the holder before
// still writes, and cannot exclude it: what a holder has handed to the kernel or the
// network before it was killed may land after that, and one that is neither killed
// nor has ended by itself writes when it wakes up. Where data matter, give the store
// a Fence.
type Weak struct {
	// Kill ends whoever wrote before and waits for its end. nil if nobody can.
	Kill func(ctx context.Context) error

	// Delay is waited after that (lock delay): as long as what was sent before may
	// be under way.
	Delay time.Duration
}

// Barrier kills and waits.
func (w Weak) Barrier(ctx context.Context, _ Token) error {
	if w.Kill == nil && w.Delay <= 0 {
		return errors.New("a weak store with neither a kill nor a delay keeps nobody out")
	}
	if w.Kill != nil {
		if err := w.Kill(ctx); err != nil {
			return fmt.Errorf("end the holder before: %w", err)
		}
	}
	delay := time.NewTimer(w.Delay)
	defer delay.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait out the lock delay of %v: %w", w.Delay, ctx.Err())
	case <-delay.C:
		return nil
	}
}
