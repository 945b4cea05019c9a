// Package cguard calls C code whose crash becomes a Go error instead of the end of
// the process.
//
//	/*
//	#include "parser.h"
//	struct parse { const char *text; size_t len; int result; };
//	static void parse(void *p) { struct parse *a = p; a->result = parser_run(a->text, a->len); }
//	*/
//	import "C"
//
//	args := C.struct_parse{text: text, len: n} // text: from C.CString, or what cgo allows
//	if err := cguard.Call(unsafe.Pointer(C.parse), unsafe.Pointer(&args)); err != nil {
//		return err // a *cguard.Crash, or why calls cannot be guarded
//	}
//
// A C function of one's own takes the arguments out of a structure and puts the result
// into it, so that what is guarded is exactly what is written there.
//
// # What is contained
//
// SIGSEGV, SIGBUS, SIGFPE and SIGILL that the code itself has met, overflows of the C
// stack among them, and SIGABRT and other signals that it sends to its own thread: abort,
// assert, a heap that the C library finds broken, an exception of C++ that nobody catches.
//
// # What is not
//
// Everything else goes to where it went before, which is Go: the same signals sent from
// outside or by another thread; faults in Go, which stay panics, also in Go that the C code
// has called; C code that is called without this package, also by such Go; threads that the
// C code has started, and children that it has forked. _exit, seccomp and SIGKILL end the process as ever. A crash that
// damages memory which is not its own and goes on is no crash yet: what it has
// overwritten, nobody can know.
//
// # What it leaves behind
//
// The code stops in the middle, and nothing of it is cleaned up: memory and descriptors
// leak, locks that it holds stay held, destructors do not run, what it was changing is half
// changed. The next call may wait for such a lock for ever, also for the one of the C
// library's heap. So the program should end soon: after the first crash guard.Draining
// reports true, lifesign.Readyz fails, and after guard.Config.Grace the program
// ends by a panic, unless that is less than 0. An agent (lifesign run) tells each crash as
// a finding, and the first four leave minidumps in the directory that LIFESIGN_DUMPS
// names. What the crash was serving should be given up; within a unit of work
// (guard.Do), panic(err) taints it, so that guard.Commit keeps nothing of it.
//
// # How
//
// At the program's start a handler is put in front of Go's. In a guarded call it notes what
// has happened, sets the thread's signal mask as it was at its first guarded call, and
// jumps back; otherwise Go's handler is called, as if nothing were in front of it. It works with
// signal.Notify, called before or after, with preemption, the race detector and cgo's
// checks of pointers. signal.Ignore(syscall.SIGABRT) takes the handler of that signal away,
// and other libraries that install handlers of these signals may do so too: Available tells.
// The linker is told to lead calls from C into Go through this package, by its flag
// --wrap, which GNU ld, gold, lld and mold have; programs that wrap crosscall2 themselves, and
// plugins, cannot be combined with it.
//
// A guarded call costs 9 ns more than a bare one, which takes 33, and a contained crash 20 µs
// (`make bench`, on a shared AMD EPYC); the C stack needs 800 bytes more.
package cguard
