// Package proc asks the kernel about processes and their threads: which there
// are and whether they run (Tasks.Counters), what a thread is about
// (Tasks.State), what it waits for and who could end that (Tasks.Resource),
// whether a process may run at all (Kernel.Process), and how the machine is
// (Kernel.Node).
//
// It reads files below /proc and /sys, and memory by what it is handed, and
// nothing else: no signal, no trace, no stat of a path that the process works
// on, for that may hang as the process does. What the kernel does not tell is
// an error in the answer, never a guess. Times are nanoseconds.
//
// Some files below /proc can hang, too, because the kernel takes a lock for
// them that others sleep with: of a thread its syscall, stack and io; of a
// process its maps, mountinfo, mountstats, cgroup, and the fdinfo of an epoll
// descriptor; and memory. Tasks and Patient ask for these by helpers, in
// threads that they give up after a time in which those could have run. Kernel's own methods wait as long as it takes.
package proc
