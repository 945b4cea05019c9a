// Package cputime says how much CPU time a process has had, and whether the
// kernel's own figure for it can be believed.
//
// The kernel has two accounts. The scheduler adds up, to the nanosecond, how
// long each thread has run (sum_exec_runtime). The clock's ticks see whether a
// thread is in user or in system mode, and add up whole ticks. What
// /proc/PID/stat shows as utime and stime is the first split up in the
// proportion of the second. Kernels before 4.3 that lack commit 9d7fb0427648
// ("sched/cputime: Guarantee stime + utime == rtime") let each of the two grow
// by itself, and return early while their sum is ahead of the time that was
// run. When the proportion changes, the sum runs ahead, then stands still, for
// many seconds of work: monitors show 0 %, and after that some hundred percent.
//
// What is believed here is the scheduler's account alone:
//
//   - The clock of a process (clock_getcpuclockid(3)) is that account summed
//     over its threads, those that have ended included. It is exact, except
//     that a thread that runs at this moment is counted up to its last tick: 10
//     ms at most, a second where a processor runs without ticks (nohz_full).
//   - Where that clock cannot be read, the threads' own figures are summed
//     (/proc/PID/task/TID/schedstat). Then a thread that ended between two
//     samples lacks what it ran after the first of them, one that also started
//     between them is not seen at all, and what is told is a lower bound.
//
// Everything here is pure: whoever reads the samples hands them in. Nothing may
// be used concurrently.
package cputime
