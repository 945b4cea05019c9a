package guard

import (
	"context"

	"github.com/lifesign-go/lifesign/guard/unit"
)

// Crash is a panic that ended a unit of work: an error with what was panicked with,
// where, and which locks the unit has left locked.
type Crash = unit.Crash

// Config says how many crashes are contained, and what then: numbers and times, who
// is told of each crash, and who drains the program. The zero Config is the default:
// of 11 crashes within a minute, or 6 of one kind, the last one escalates.
type Config = unit.Config

// ErrTainted is what Commit returns to a unit that has crashed.
var ErrTainted = unit.ErrTainted

// Do calls f as a unit of work. It returns what f returns, or a *Crash if f has
// panicked. Units may be within others; a crash taints the innermost one.
//
// While f runs, faults at addresses that are not nil are panics, too.
func Do(ctx context.Context, f func(ctx context.Context) error) error { return unit.Do(ctx, f) }

// Go starts f as a unit of work on a goroutine of its own. A crash of f is told
// to done, if that is not nil, as is its error.
//
// It is for work that ends: a loop that serves the whole program is not contained,
// since the program would go on without it.
func Go(ctx context.Context, f func(ctx context.Context) error, done func(error)) {
	unit.Go(ctx, f, done)
}

// Tainted reports whether ctx is of a unit that has crashed, or of one within it.
func Tainted(ctx context.Context) bool { return unit.Tainted(ctx) }

// Commit calls keep, which makes what the unit of ctx has done last, and returns
// what it returns; or ErrTainted, if the unit has crashed, or is about to: in a function
// that the unit has deferred and a panic has called. It is for the end of a unit: a
// crash that comes while keep runs does not stop it. It takes about a microsecond.
func Commit(ctx context.Context, keep func() error) error { return unit.Commit(ctx, keep) }

// Configure sets what holds from now on for the whole program.
func Configure(c Config) { unit.Configure(c) }

// Draining reports whether crashes have escalated: the program should be given no
// more work, and will end. why is one sentence.
func Draining() (why string, draining bool) { return unit.Draining() }

// Drain marks the program as draining, as one crash too many does, and has it end
// after Config.Grace: for who knows that it must not go on for long, such as package
// cguard after a crash in C. why is one sentence; of several calls the first counts.
func Drain(why string) { unit.Drain(why) }

// Counts returns how many crashes were contained so far, and of how many of those
// the reporter was not told because it was still at another.
func Counts() (contained, unheard uint64) { return unit.Counts() }
