package dump

import (
	"errors"
	"time"

	"github.com/lifesign-go/lifesign/internal/proc"
)

// patience is how long one question to the kernel may take. Each takes microseconds.
const patience = 100 * time.Millisecond

var errLate = errors.New("the kernel has not answered in time")

// within has f answer in a thread that is given up after limit.
func within[T any](limit time.Duration, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	a := &answer{}
	if h := proc.Ask(func() { a.v, a.err = f() }); !h.Wait(limit) {
		var none T
		return none, errLate
	}
	return a.v, a.err
}
