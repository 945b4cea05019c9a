// Package lifesign is for what its tool cannot find out by itself: which work
// must be done in what time, what must always be true, and what to do about it.
//
// lifesign tells whether a program is really working, and says where it is
// stuck. `lifesign build` weaves notes into a program and `lifesign run` reads
// them from a process outside; that needs no change to the source and not this
// package. This package adds what only the program's author knows, works in
// woven programs and in plain ones, and requires the standard library alone.
//
// # Judging
//
// Somebody has to judge what the program does. That is the agent, if the program
// runs under lifesign run, and otherwise the program itself, if it says so:
//
//	stop, err := lifesign.Watch(lifesign.Options{})
//
// Both use the same code and the same data: the vitals page, memory in which
// workers and woven operations leave marks. An agent sees more. It goes on when
// the program's processors are all taken or its collector waits for a goroutine
// that never yields, and it is believed when the program's own words are not.
// Watch stands by while there is an agent, and takes over if it is killed.
//
// Nothing that this package does can block the program, and nothing waits for
// the program: what is found is handed on without waiting, answers come from
// what is there already, and none of the program's locks is ever taken.
//
// # Work
//
// A Worker says when it has work and how long that may go without progress:
//
//	w := lifesign.NewWorker("compactor")
//	defer w.Close()
//	for job := range jobs {
//		work := w.Busy(2 * time.Second)
//		for _, part := range job.Parts {
//			compact(part)
//			w.Progress()
//		}
//		work.Done()
//	}
//
// An idle worker is never judged. One that is busy beyond its budget, and whose
// goroutine was seen to stand still, is stuck: inferred, or proven where nothing
// can serve what it waits for. One that runs is slow. In a program that nothing is
// woven into, goroutines cannot be seen, and a worker is given its budget twice.
// Time in which the process did not run, because it was stopped,
// suspended or starved, is not counted against it. Groups say whether one of
// several has to be stuck (AnyOf), or all (AllOf). A worker that
// was reported learns it by Reported and by its Context, and should stop, for
// another may have been set to its work.
//
// Call runs a function that may hang, and returns ErrStuck when it does. A
// Caller does not start a second one while one hangs.
//
// # Truth
//
// Assert and Invariant state what must hold. Where it does not, that is a
// finding (wrong), counted and told, by the agent if there is one; the program
// goes on. That it holds again is told too.
//
// # Telling
//
// Livez and Readyz answer over HTTP, Notify tells systemd, Var is for expvar,
// and Current is the same for the program. All of them say how old the verdict
// is that they pass on, and one older than two seconds is none: then the verdict
// is unknown. "Cannot tell" never fails a probe by itself, unless an option says
// so; only what is stuck takes work away.
//
// # Cost
//
// On a shared virtual machine (AMD EPYC, Go 1.26) Busy with Done takes 7 ns,
// Progress 2 ns, an assertion that holds 3 ns and Call 3 µs. Watch takes a sample
// every 50 ms: 7 µs of processor time, and some 20 µs with a hundred goroutines in
// woven code, which is less than a thousandth of a processor. Its timer keeps the runtime from noticing that all goroutines are
// asleep; what Watch finds takes the place of that. The figures are those of
//
//	go test -bench . github.com/lifesign-go/lifesign
//
// # Guarantees
//
// Every function may be called from any goroutine at any time, but for what
// Worker says. On systems other than Linux what needs the kernel does nothing.
package lifesign
