package cguard

import (
	"strings"
	"syscall"
	"testing"
)

// What is near the stack pointer is the stack's end, unless it is a file's.
func TestStackOverflow(t *testing.T) {
	const sp = 0x7f00_0000_0000
	for _, tt := range []struct {
		crash Crash
		want  string // in the error
	}{
		{Crash{Signal: syscall.SIGSEGV, Code: 2, Address: sp - 8, sp: sp}, "SIGSEGV (stack overflow)"},
		{Crash{Signal: syscall.SIGSEGV, Code: 1, Address: sp + 4096, sp: sp}, "SIGSEGV (stack overflow)"},
		{Crash{Signal: syscall.SIGSEGV, Code: 1, Address: sp - 1<<20, sp: sp}, "SIGSEGV (nothing is mapped there)"},
		{Crash{Signal: syscall.SIGSEGV, Code: 0, Address: sp, sp: sp}, "SIGSEGV (raised by the code itself)"},
		{Crash{Signal: syscall.SIGBUS, Code: 2, Address: sp - 8, sp: sp}, "SIGBUS (no such memory)"},
		{Crash{Signal: syscall.SIGABRT, Code: -6, sp: sp}, "SIGABRT (abort)"},
	} {
		c := tt.crash
		if got := c.Error(); !strings.Contains(got, tt.want) || c.StackOverflow() != strings.Contains(got, "overflow") {
			t.Errorf("%+v: %s, want %s", c, got, tt.want)
		}
	}
}
