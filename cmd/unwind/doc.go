// Package unwind tells in which functions a thread of another process stands,
// and does not stop, signal or trace it.
//
// It is for threads that are blocked: of those the kernel tells the stack
// pointer and the instruction pointer (/proc/PID/task/TID/syscall). The stack is
// read with process_vm_readv and followed by what compilers leave for
// exceptions, .eh_frame; Go code by its own line table. The other registers of
// a thread that is not stopped cannot be seen. Where the way up needs one that
// no function has saved (the frame pointer, mostly), the function's instructions
// are followed for how far they move the stack pointer. Code without .eh_frame,
// such as a JIT compiler makes, is followed by frame pointers. Names come from
// the symbol tables, lines from DWARF where there is any.
//
// Nothing is guessed. What does not hold in every detail ends the stack, and the
// error says where and why; the frames before it are right. A stack is read
// twice, and counts only if the thread has stood still from before the first to
// after the second reading; else the answer is ErrMoved.
//
// The process is not trusted: its files and memory may be made in malice, and
// what they can make lifesign read is bounded. What may hang in the kernel (a
// file on a disk that does not answer, the memory of a process that is being
// torn down) is asked in threads that are given up; a file that comes late is
// there for a later question.
//
// A stack of eight functions takes 0.15 to 0.5 ms of CPU time, the first one of a
// small program 8 ms, for the C library's tables (go test -bench Stack ./unwind,
// in cmd).
//
// An Unwinder is for one goroutine at a time. It knows x86-64 and no other
// architecture.
package unwind
