// Package supervise decides when a program is started, stopped and started again.
// It does no I/O and knows no clock: Step is given what has happened and the time,
// and returns what is to be done. Equal inputs have equal outcomes; the jitter's
// seed is handed in.
//
// Two promises rank above all: no false alarm leads to an action, so a verdict
// takes work away only if the user has named it and it is certain enough (rule 5);
// and there are never two programs on the same data (rule 1). The rules:
//
//  1. A start is asked for only when nothing is left of what ran before, its
//     children and theirs included. Of what an earlier supervisor has left it must
//     first be told.
//  2. What ends by itself is a crash if it ends by a signal or with a status that
//     is not 0. SIGHUP, SIGINT, SIGTERM and SIGPIPE are how somebody ends a program
//     on purpose, and no crash (as in systemd.service(5), Restart=on-failure). An end
//     of which nobody knows the status is taken for a crash.
//  3. When the program itself has ended, what it has left behind is killed, and then
//     the policy says whether it is started again: never, after a crash, or always.
//  4. With a readiness to wait for, a start that is not ready at its deadline has
//     failed. It is stopped and counts as a crash; with the policy "never" it is
//     told, and left alone.
//  5. Stuck, proven, and vanished, proven, lead to a restart at once if they are
//     named. Stuck, inferred, does so if it is named by itself, at least two
//     independent sources agree on it, and it has stood for the action budget. Marks
//     and the runtime's data are one source. No other verdict leads to anything, and
//     "cannot tell" never does.
//  6. A stop is a ladder: SIGTERM; after the grace SIGQUIT, for stacks; after a
//     second one SIGKILL, to the whole group. What is there after a third stands in
//     the kernel, and is unkillable: this is told, and waited for, without end.
//     SIGKILL is sent sooner only to what a program that has ended left behind.
//  7. Before restart n without a quiet time between is waited d: half of
//     min(Base·2ⁿ⁻¹, Max) and up to as much again by chance.
//  8. Loop restarts without a quiet time are a crash loop, which is told. Starts go
//     on, by rule 7.
//  9. A program that has been up for the quiet time has made good all before.
//  10. When the user stops it, nothing is started any more. It ends when nothing is
//     left, or when what is left is unkillable.
//  11. A program found in the middle of a stop, by a supervisor that comes after
//     one that was killed, is stopped to the end, and then started: somebody has
//     just asked for it to run.
//  12. A step that comes later than it was meant to, by half a second or more, shows
//     that the supervisor has not run, and perhaps nobody has. That time is no part
//     of a deadline, a grace or a budget, and each of them lasts another second.
//
// A Supervisor is used by one goroutine at a time.
package supervise
