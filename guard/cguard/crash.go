package cguard

import (
	"fmt"
	"path"
	"strings"
	"syscall"
	"time"
)

// Crash is a crash of C code that was contained.
type Crash struct {
	Signal  syscall.Signal // SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT
	Code    int            // what the kernel says of it, si_code: see sigaction(2)
	Address uintptr        // of the memory that was touched, or of the instruction; 0 for SIGABRT
	At      time.Time      // when Go got to know of it
	Stack   []Frame        // innermost first, at most 48; down to fn, or as far as it could be followed

	sp uintptr
}

// Frame is a C function on the stack of a crash.
type Frame struct {
	PC     uintptr // of the instruction; of the one after the call, in all frames but the innermost
	Symbol string  // "" if the loader knows none: functions that are static, or not exported
	Offset uintptr // of PC from Symbol; from the beginning of Object if there is none
	Object string  // the program or the shared library, as the loader calls it; "" if it is none
}

// String is "function+0x1f (library.so)", or "library.so+0x123f", which addr2line
// takes.
func (f Frame) String() string {
	switch {
	case f.Object == "":
		return fmt.Sprintf("%#x", f.PC)
	case f.Symbol == "":
		return fmt.Sprintf("%s+%#x", path.Base(f.Object), f.Offset)
	}
	return fmt.Sprintf("%s+%#x (%s)", f.Symbol, f.Offset, path.Base(f.Object))
}

// Error is one line: the signal, its reason, and the function that it was in.
func (c *Crash) Error() string { return "crash in C contained: " + c.what() }

// what is Error without its beginning.
func (c *Crash) what() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", name(c.Signal), c.reason())
	if c.Signal != syscall.SIGABRT {
		fmt.Fprintf(&b, " at address %#x", c.Address)
	}
	if len(c.Stack) > 0 {
		fmt.Fprintf(&b, " in %v", c.Stack[c.blamed()])
	}
	return b.String()
}

// blamed returns which frame is named: the innermost that is code at all, but of a
// signal that the code has sent to itself the one that has called the library that did
// so, if it is known.
func (c *Crash) blamed() int {
	for i, f := range c.Stack {
		if f.Object != "" && (c.Code > 0 || f.Object != c.Stack[0].Object) {
			return i
		}
	}
	return 0
}

// near is how far from the stack pointer a function that begins may touch memory
// first: the room for what it keeps on the stack.
const near = 64 << 10

// StackOverflow reports whether the C stack has had no room left, as far as can be
// seen: memory was touched that is not there, within 64 KiB of the stack pointer. A
// SIGBUS there is a file that is mapped beside the stack and has become shorter.
func (c *Crash) StackOverflow() bool {
	return c.Signal == syscall.SIGSEGV && c.Code > 0 && c.Address+near > c.sp && c.Address < c.sp+near
}

// reasons are what si_code says, by asm-generic/siginfo.h of Linux.
var reasons = map[syscall.Signal][]string{
	syscall.SIGSEGV: {1: "nothing is mapped there", "no permission", "bounds are exceeded", "protection key"},
	syscall.SIGBUS:  {1: "bad alignment", "no such memory", "hardware error", "memory is broken"},
	syscall.SIGFPE: {1: "integer division by zero", "integer overflow", "division by zero", "overflow", "underflow",
		"inexact result", "invalid operation", "subscript out of range"},
	syscall.SIGILL: {1: "illegal opcode", "illegal operand", "illegal addressing mode", "illegal trap",
		"privileged opcode", "privileged register", "coprocessor error", "internal stack error"},
}

// siKernel is the code of what the kernel cannot tell more of, such as an address
// that no address can be.
const siKernel = 0x80

func (c *Crash) reason() string {
	known := reasons[c.Signal]
	switch {
	case c.StackOverflow():
		return "stack overflow"
	case c.Signal == syscall.SIGABRT:
		return "abort"
	case c.Code == siKernel:
		return "not told by the kernel"
	case c.Code <= 0:
		return "raised by the code itself"
	case c.Code < len(known):
		return known[c.Code]
	}
	return fmt.Sprintf("code %d", c.Code)
}

func name(s syscall.Signal) string {
	switch s {
	case syscall.SIGSEGV:
		return "SIGSEGV"
	case syscall.SIGBUS:
		return "SIGBUS"
	case syscall.SIGFPE:
		return "SIGFPE"
	case syscall.SIGILL:
		return "SIGILL"
	case syscall.SIGABRT:
		return "SIGABRT"
	}
	return fmt.Sprintf("signal %d", int(s))
}
