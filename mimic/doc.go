// Package mimic drives generated checkers inside the program they were made
// from. A checker is what is left of a region when all but its vulnerable
// operations and the calls that lead to them are dropped; lifesign generates it
// into the region's own package. About once a second the driver asks the hooks
// for what one pass of the region gave its operations (see hook.Arm), goes
// through the checker, and writes what it comes to into a ring in the vitals
// page: one event.Mimic an operation. Whoever reads the page has it done again,
// by another process. Nobody calls this package by hand.
//
// It keeps these promises to the program that it is in:
//
//  1. Nothing is done here, things are only looked at: no file is opened, no
//     connection made, no byte read or written, no descriptor duplicated or made
//     blocking. State is asked of the kernel for the descriptor that the program
//     has, while the program has it.
//  2. It works only if an agent watches and asks for it. Otherwise Region and
//     Reduced append to a list, and that is all.
//  3. The driver is one goroutine. Whatever may block (a ping of a database
//     pool, a function of the author's, an Error method) runs in a goroutine of
//     its own with a deadline; one that does not come back is given up, counted,
//     and not started again until it has ended.
//  4. A checker that panics is switched off and reported once. The program goes
//     on.
//  5. It takes no lock of the program's and calls no method of a type that it
//     does not know, because such a method may lock, block or race: it knows
//     files and connections of package os and net, and what crypto/tls has
//     around one.
//  6. It does not hide that all goroutines are asleep. When nothing woven has
//     moved for ten seconds it leaves everything armed and waits without a
//     timer, so that the runtime still finds such a deadlock, some ten seconds
//     later than it would have.
//  7. Its goroutine is busy for at most half a percent of one processor's time,
//     measured by the clock, which counts too much rather than too little. When
//     that is used up, checkers come less often.
//
// Handles are held by weak pointers between two runs, so nothing of the
// program's is kept alive.
//
// # Imports
//
// What this package imports is in every woven program, so it imports no package
// that would bring anything along: no net, net/http, crypto, database/sql or
// log/slog. What it needs of their types it finds out by their names.
//
// # Concurrency
//
// Region and Reduced may be called from any goroutine, Pass is for the goroutine
// that its checker was called on.
package mimic
