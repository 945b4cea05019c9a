// Package threads judges the threads of a process by the kernel's evidence: which
// of them work, wait for work, are slow, starved, paused, spinning, gone or
// stuck, on what, and how certain that is.
//
// A Judge is pure: it is told what was seen, by Step, and answers with what it
// concludes and with which threads it wants to see more closely in the next
// round. It reads no clock and does no I/O. It serves one process and one caller
// at a time. A round is a sample with threads in it.
//
// The rules, in the order in which they apply to a thread:
//
//  1. Paused, proven: a signal, a tracer or a control group has stopped it.
//  2. Vanished, proven: the kernel has told that it ended by a signal of its own,
//     while in two rounds in a row some other thread of the process was neither
//     killed nor about to exit. A whole process that ends is no thread that has
//     vanished. A leader that is a zombie with such an end is the same.
//  3. Working, proven: its CPU time or the times it was given a processor have
//     moved since the last round, or a little before.
//  4. Spinning, inferred: it has had, or has waited for, a processor for nearly
//     all of a second, and has neither slept nor read, written or faulted. It may
//     compute as well: nothing is ever taken from a thread that spins.
//  5. Starved, proven: it was found runnable in two rounds in a row and has had no
//     CPU time in between, nor for the window.
//  6. A thread that stands is looked at, and what it waits for too. Nothing is
//     said of it before that.
//  7. Who waits for a lock whose owner is known, for another thread's end, or for
//     a lock inside the kernel, waits for that thread, and has its verdict: slow
//     if it works, spins or is starved. Who waits for the end of a thread that works
//     or waits for work is idle. Who waits for a lock of a file that another
//     process has is judged by what that waits for, where the kernel counts it.
//  8. Deadlocked, which is stuck and proven: the waits close on themselves, or end
//     at a lock whose owner is no more, in two rounds in a row in which nothing of
//     it moved, and after the window.
//  9. Idle, inferred: it waits for what anybody may send, for a time to come, for
//     a condition, or for a peer that owes it nothing.
//  10. Slow, inferred: what it waits for has moved since the last round, or is held
//     back by a limit, or has nothing in flight.
//  11. Stuck, inferred: what it waits for had work in flight and finished none of
//     it, from round to round, for the budget. That is four times the floor for
//     file systems, devices and pages that user space fills, and the fallback for
//     a peer, for which the network may be at fault, for a child, for a frozen file
//     system, and for an uninterruptible sleep on something unknown: that is then
//     settled by the budget alone, and said so.
//  12. Unknown: everything else. That the kernel could not be asked is told.
//
// Threads that are stuck at the same place are one episode, told once, and again if
// it is more certain; when none of them stands there any more it is over, and that
// is told too. That one has to stand anew, after time that does not count, or is
// paused, is no end. Who has vanished is told once. What takes no action, starved, slow
// and unknown, is told when it has lasted for the fallback budget. That a thread
// spins is never told: nobody can say that it does not compute.
//
// The machine has a verdict as well: its kernel has oopsed, a device answers
// nobody, it has no processor or memory to spare.
package threads
