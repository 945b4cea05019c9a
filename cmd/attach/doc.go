// Package attach watches a Go program that nothing was woven into, by what its
// net/http/pprof endpoint tells: the stacks of its goroutines.
//
// That is much less than what a woven program notes. A stack tells what a
// goroutine waits in, and since how many minutes, but not who holds a lock, who
// could serve a channel, or whether a wait is one for work. So this package
// keeps to what can be said:
//
//   - who waits to send on a nil channel never goes on, and neither does who
//     was seen to work before, or serves a request, and now receives from a nil
//     channel or stands in select {}: stuck, proven;
//   - who waits for a lock, or in a system call that answers no outside (fsync,
//     rename), and has not run for the budget by the runtime's own account, is
//     stuck, inferred. Whoever holds the lock cannot be seen, and a holder that
//     works for as long would look the same;
//   - goroutines that pile up at a send or a lock, of which none has got through
//     for the budget: stuck, inferred;
//   - other waits to send for the budget, and goroutines that pile up in other
//     waits: unknown. Many that wait for one lock while it goes round: slow.
//
// Everything else, among it every wait to receive, is taken for a wait for
// work. A circle of locks cannot be proven from here.
//
// Watch is pure: it is given what was read and when, and answers with findings
// and with what it wants to read next. Client reads. Neither is safe for
// concurrent use.
package attach
