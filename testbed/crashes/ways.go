package main

import "syscall"

// way is one way to crash, and what is to become of it.
type way struct {
	name      string
	what      string
	outside   syscall.Signal // is sent from here, instead of asking the server; 0 if it is asked
	contained bool           // by guards
	drains    bool           // and then the program is to end soon
	ends      string         // how it ends the process, where it is not contained
	dump      string         // a regular expression of what the dump says
}

// The Go runtime ends a program by status 2, whatever signal it has met.
const fatal = "exit status 2"

// ways are the seventeen.
var ways = []way{
	{name: "nil", what: "nil dereference", contained: true, ends: fatal, dump: "nil pointer dereference"},
	{name: "index", what: "index out of range", contained: true, ends: fatal, dump: "index out of range"},
	{name: "divide", what: "division by zero", contained: true, ends: fatal, dump: "divide by zero"},
	{name: "assertion", what: "type assertion", contained: true, ends: fatal, dump: "interface conversion"},
	{name: "closed", what: "send on a closed channel", contained: true, ends: fatal, dump: "send on closed channel"},
	{name: "panic", what: "explicit panic", contained: true, ends: fatal, dump: "this cannot be"},
	{name: "library", what: "panic in a library's goroutine", ends: fatal, dump: "nobody waits for this"},
	{name: "mapping", what: "truncated mapping, SIGBUS", contained: true, ends: fatal, dump: "fault at address"},
	{name: "cnull", what: "C: null pointer", contained: true, drains: true, ends: fatal, dump: "SIGSEGV"},
	{name: "cfree", what: "C: double free", contained: true, drains: true, ends: fatal, dump: "SIGABRT"},
	{name: "cabort", what: "C: abort", contained: true, drains: true, ends: fatal, dump: "SIGABRT"},
	{name: "recursion", what: "unbounded recursion", ends: fatal, dump: "stack overflow"},
	{name: "mapwrite", what: "concurrent map writes", ends: fatal, dump: "concurrent map"},
	{name: "memory", what: "out of memory under a limit", ends: fatal, dump: "out of memory|cannot allocate|pthread_create failed"},
	{name: "exit", what: "os.Exit(3)", ends: "exit status 3", dump: "status 3"},
	{name: "kill", what: "SIGKILL from outside", outside: syscall.SIGKILL, ends: "signal: killed", dump: "SIGKILL|killed"},
	{name: "segv", what: "SIGSEGV from outside", outside: syscall.SIGSEGV, ends: fatal, dump: "SIGSEGV"},
}

// setting is what the server runs in.
type setting string

const (
	bare       setting = "bare"     // started again by the harness, at once
	guarded    setting = "guarded"  // so too, with guards
	supervised setting = "lifesign" // with guards, under lifesign run
)
