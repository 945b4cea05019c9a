//go:build cgo && (amd64 || arm64)

package main

// #include "faults.h"
import "C"

import (
	"unsafe"

	"github.com/lifesign-go/lifesign/guard/cguard"
)

func init() {
	for name, f := range map[string]unsafe.Pointer{"cnull": C.fault_null, "cfree": C.fault_free, "cabort": C.fault_abort} {
		f := f
		ways[name] = func(guarded bool) error {
			if guarded {
				return cguard.Call(f, nil)
			}
			C.fault_call((*[0]byte)(f), nil)
			return nil
		}
	}
}
