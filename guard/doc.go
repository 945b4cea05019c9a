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
// signal from outside; nor can a crash in C code, unless it is called by package
// cguard. Of os.Exit and runtime.Goexit nobody is
// to be protected. A panic in a goroutine that the unit has started with a go
// statement ends the program, unless that was Go.
//
// A unit that dies with a lock in its hands leaves it locked for ever: that is not
// contained. Do sees it if the program is woven (lifesign build), and escalates
// instead: the locks that the unit has taken and that no deferred call has released
// are known from the vitals page.
//
// Nor is a crash of a region contained, of a loop that a goroutine of a woven program
// runs for as long as the program lives: without its worker a program that looks well
// serves nothing. Loops of a request, or of one connection among many, are no such
// regions. Units that a region begins are what it is there for.
//
// # Escalation
//
// Containing crash after crash keeps a broken program up. More than Config.Most
// contained crashes in Config.Within, or one and the same more than Config.Same
// times, escalate, as does a lock left behind or a region: Draining reports true from then on,
// lifesign.Readyz fails, and after Config.Grace the program ends with the panic that it
// would have ended with in the first place, for a supervisor to start anew.
//
// An agent (lifesign run) tells each contained crash as a finding. With Config.Dumps, or
// LIFESIGN_DUMPS in the environment, the first four of a minute leave a minidump in that
// directory, for its owner alone: the stack, the locks,
// what the program is. It is written behind the report, which no unit waits for.
//
// # Cost
//
// All functions may be called by any number of goroutines. `go test -bench Unit
// ./guard/unit` has a unit beside a deferred call of recover around the same work, in
// one run, and what counts is the difference: 18 ns on a server's processor at its
// quietest, of which 2 are for hooks of a woven program, and 5 bytes, if units have
// one parent again and again, as those of a worker's loop have. A unit whose parent is
// its own has an allocation of 24 bytes of its own, which makes it 30 to 46 ns. What
// is woven around a handler costs 6 ns.
//
// A context that units were begun with again and again may be kept until other units
// are begun, at most 64 of them.
package guard
