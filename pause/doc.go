// Package pause sees stretches of time in which nothing of a process ran, and says
// why: it was stopped by a signal or frozen, the machine was suspended or had no
// processor for it, its pages were on a slow disk, or its own runtime stood.
//
//	w, err := pause.Watch(pause.Options{Report: func(p pause.Pause) { log.Println(p.What) }})
//	defer w.Stop()
//
// A tick on CLOCK_MONOTONIC that comes late is a gap, and so is CLOCK_BOOTTIME that
// went on alone. What the kernel and the runtime have counted is read before and
// after it. The rules, in the order in which they apply, with G for the gap's length:
//
//  1. Suspended: CLOCK_BOOTTIME went on by more than CLOCK_MONOTONIC.
//  2. Stopped: SIGCONT came, and hardly any processor time was used. Frozen: the
//     same, and the freezer of a control group was used; the group's own count of
//     frozen time where the kernel has one (Linux 6.18), otherwise notices of its
//     files. Both: it cannot be told which.
//  3. Throttled: the control group's quota was used up for half of G.
//  4. Faulting: major page faults, and somebody waited for I/O for half of G. Disk:
//     the same, and a fault took 50 ms and more. Swapping: the machine read pages from
//     swap, and either that or as many faults as take half of G.
//  5. GC stop, world stopped: the runtime had stopped the world for half of G, and
//     no thread lacked a processor for most of that.
//  6. Observer late, gc assist: the process used half of G itself, on whatever number
//     of processors. If most of that was the collector's, which is known when the
//     collection ends, it is the collector's work. Otherwise the program's goroutines
//     kept the watcher's from running, and nothing was paused.
//  7. Stolen: the hypervisor took half of G.
//  8. Starved: threads were runnable without a processor for half of G.
//  9. Otherwise it cannot be told.
//
// What is usual (waiting for processors, for I/O, steal, in the three seconds before) is taken off
// first. Every pause names its evidence, and what would refute it.
//
// What a hypervisor does that stops the guest's clocks as well nobody in the guest
// can see. Ptrace stops, and a freezer whose files are not visible in a container,
// leave no trace: they are unknown, as are stops by a signal if Options.NoSignal is
// set or the program ignores SIGCONT.
//
// # Cost
//
// At the default of 100 ms, ten wake-ups a second, each of which reads what up to 32 threads
// have waited, and a reading of everything every three seconds: see BenchmarkWatch.
//
// # Guarantees
//
// Name and Clocks are pure. Watch runs one goroutine that reads, holding a descriptor
// for each file that it reads and one a thread (up to 256 threads), one that reports,
// and one that counts SIGCONT. There is one watch a process. On systems other than
// Linux only the clocks and the runtime are read.
package pause
