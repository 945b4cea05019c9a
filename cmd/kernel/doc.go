// Package kernel asks the kernel for what is not in a process's files below
// /proc: which thread has ended, and with what (Exits); what the kernel has said
// of its own faults (Messages); which lock inside the kernel a thread waits for,
// and who has it (Iter); how the other end of a socket fares (Sockets); and which
// of all this the machine permits at all (Permits).
//
// Nothing here is required. Each part is made by a function that returns an error
// where the kernel lacks it or forbids it, and what is missing then is told and
// done without. Nothing here stops, signals or traces a process, or changes what
// its system calls return. It decides nothing: what an exit code or a message
// means is the judge's matter.
//
// Linux only. Times are CLOCK_MONOTONIC nanoseconds, except where it says so.
package kernel
