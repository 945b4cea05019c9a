//go:build cgo && (amd64 || arm64)

package cguard

/*
#cgo LDFLAGS: -Wl,--wrap=crosscall2 -rdynamic -ldl
#include "cguard.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// broken says why no call is guarded, nil if they are. It is set once, by init.
var broken error

func init() {
	switch errno := C.cguard_install(); {
	case errno != 0:
		broken = fmt.Errorf("install a handler of signals: %w", syscall.Errno(errno))
	case C.cguard_probe() == 0:
		broken = errors.New("calls of C into Go are not noticed: the linker has not kept -Wl,--wrap=crosscall2")
	}
}

// lifesignCguardProbe is called back by C, for the name that it needs there it is
// not to be called by anybody else.
//
//export lifesignCguardProbe
func lifesignCguardProbe() C.int { return C.cguard_suspended() }

func available() error {
	if broken != nil {
		return broken
	}
	if sig := syscall.Signal(C.cguard_installed()); sig != 0 {
		return fmt.Errorf("another handler of %s is in place", name(sig))
	}
	return nil
}

func call(fn, arg unsafe.Pointer) *Crash {
	k := C.cguard_call((*[0]byte)(fn), arg)
	if k == nil {
		return nil
	}
	return read(k)
}

// read makes a Crash of a record, and gives that back.
func read(k *C.struct_cguard_crash) *Crash {
	c := &Crash{
		Signal: syscall.Signal(k.signal), Code: int(k.code), Address: uintptr(k.address),
		At: time.Now(), sp: uintptr(k.sp),
	}
	for i := range k.frames[:k.depth] {
		f := &k.frames[i]
		c.Stack = append(c.Stack, Frame{
			PC: uintptr(f.pc), Offset: uintptr(f.offset),
			Symbol: C.GoString(&f.symbol[0]), Object: C.GoString(&f.object[0]),
		})
	}
	C.cguard_release(k)
	return c
}
