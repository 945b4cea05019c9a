// Package guard contains crashes: a panic in one unit of work, such as a request,
// ends that unit and not the program.
//
//	err := guard.Do(ctx, func(ctx context.Context) error {
//		account, err := load(ctx, id)
//		…
//		return guard.Commit(ctx, func() error { return store(ctx, account) })
//	})
//
// Do returns a *Crash where the program would have ended. What the unit has changed
// in memory by then is anybody's guess, so the unit is tainted from then on: Commit
// refuses with ErrTainted to keep what it holds, also in goroutines that go on with
// its context. Handler does the same for net/http and closes the connection that
// the request came by.
//
// # What is contained
//
// Panics, those of the runtime among them: nil dereferences, indexes out of range,
// failed type assertions, division by zero; and, by debug.SetPanicOnFault, faults
// at addresses that are not nil: a mapped file that has become shorter.
//
// # What is not
//
// The runtime's fatal errors cannot be recovered from: concurrent map writes, stack
// overflow, out of memory, unlock of an unlocked mutex, all goroutines asleep, a
// crash in C code, a signal from outside. Of os.Exit and runtime.Goexit nobody is
// to be protected. A panic in a goroutine that the unit has started with a go
// statement ends the program, unless that was Go.
//
// A unit that dies with a lock in its hands leaves it locked for ever: that is not
// contained. Do sees it if the program is woven (lifesign build), and escalates
// instead: the locks that the unit has taken and that no deferred call has released
// are known from the vitals page.
//
// # Escalation
//
// Containing crash after crash keeps a broken program up. More than Config.Most
// contained crashes in Config.Within, or one and the same more than Config.Same
// times, escalate, as does a lock left behind: Draining reports true from then on,
// lifesign.Readyz fails, and after Config.Grace the program ends with the panic that it
// would have ended with in the first place, for a supervisor to start anew.
//
// An agent (lifesign run) tells each contained crash as a finding.
//
// All functions may be called by any number of goroutines. A unit costs an
// allocation of 24 bytes and two settings of the goroutine more than a deferred
// call of recover (`go test -bench . ./guard`).
package guard
