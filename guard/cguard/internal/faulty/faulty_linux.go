//go:build cgo && (amd64 || arm64)

package faulty

// #include "faulty.h"
import "C"

import (
	"os"
	"os/signal"
	"runtime/cgo"
	"syscall"
	"unsafe"
)

// Fault is a C function of one argument.
type Fault = unsafe.Pointer

// The functions. Those that are not said to do anything else crash.
var (
	Nothing  Fault = C.faulty_nothing // returns
	Null     Fault = C.faulty_null
	Wild     Fault = C.faulty_wild     // at an address that cannot be one
	Nowhere  Fault = C.faulty_nowhere  // jumps to 0
	Readonly Fault = C.faulty_readonly // writes a constant
	Bus      Fault = C.faulty_bus      // reads a mapping that has shrunk; its argument is where to put its address, for Unmap
	Divide   Fault = C.faulty_divide
	Illegal  Fault = C.faulty_illegal
	Abort    Fault = C.faulty_abort
	Overflow Fault = C.faulty_overflow // of the stack
	Free     Fault = C.faulty_free     // twice
	Smash    Fault = C.faulty_smash    // with its stack overwritten
	Raise    Fault = C.faulty_raise    // sends SIGSEGV to itself
	Blocked  Fault = C.faulty_blocked  // with signals blocked

	Spin        Fault = C.faulty_spin         // calls Ready, and never returns
	Back        Fault = C.faulty_back         // calls the func() whose cgo.Handle its argument points to
	BackNull    Fault = C.faulty_back_null    // the same, and crashes then
	OtherThread Fault = C.faulty_other_thread // another thread sends SIGSEGV

	Locked         Fault = C.faulty_locked          // with a lock held, see Busy
	Thread         Fault = C.faulty_thread          // as Back, by a thread that C has made
	Fork           Fault = C.faulty_fork            // a child crashes, whose wait status is put into the int32 that its argument points to
	CrashingThread Fault = C.faulty_crashing_thread // a thread that C has made crashes
)

// Bare calls f without a guard.
func Bare(f Fault, arg unsafe.Pointer) { C.faulty_call((*[0]byte)(f), arg) }

// Unmap gives back what Bus has mapped.
func Unmap(p unsafe.Pointer) { C.faulty_unmap(p) }

// Busy reports whether somebody holds the lock of Locked.
func Busy() bool { return C.faulty_busy() != 0 }

// Ready is called by Spin.
var Ready = func() {}

//export faultyReady
func faultyReady() { Ready() }

//export faultyBack
func faultyBack(h C.uintptr_t) { cgo.Handle(h).Value().(func())() }

// Handler returns the address of the handler of sig.
func Handler(sig syscall.Signal) uintptr { return uintptr(C.faulty_handler(C.int(sig))) }

// Early is where signals come that this package has asked for before cguard was
// initialized, if the environment has FAULTY_NOTIFY; and EarlyHandler is who handled
// SIGABRT then.
var (
	Early        = make(chan os.Signal, 16)
	EarlyHandler = Handler(syscall.SIGABRT)
)

func init() {
	if os.Getenv("FAULTY_NOTIFY") != "" {
		signal.Notify(Early, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL)
	}
}
