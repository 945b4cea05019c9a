// Package dump takes minidumps of live, stopped and dying programs, in the format of
// internal/dump.
//
// Take puts one together: what the kernel says of the process and its threads; their
// registers, stacks and what registers lead to, while all threads stand at once for
// some milliseconds; goroutines, operations and locks by the program's vitals page and
// its runtime's structures, if it is woven; and what the caller knows. An Output is
// the pipe into which the Go runtime of a program writes as it crashes.
//
// To stop threads is not harmless (package ptrace says what it does to system calls),
// so it is for who has asked for a dump, and for programs that are ended anyway. The
// target is never left stopped or traced, whatever becomes of lifesign. A program
// that lifesign has started itself cannot be stopped by it; a helper does that
// (Options.Helper), which is the command's own program as another process.
//
// What may hang in the kernel, such as the memory of a process whose address space is
// locked, is asked in threads that are given up. What could not be had is in the
// dump's Missing, with the reason; a dump with less is no error.
//
// Functions may be called concurrently.
package dump
