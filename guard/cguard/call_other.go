//go:build !(cgo && linux && (amd64 || arm64))

package cguard

import (
	"errors"
	"unsafe"
)

var broken = errors.New("this build has no guarded calls: they need cgo, Linux, and amd64 or arm64")

func available() error { return broken }

func call(fn, arg unsafe.Pointer) *Crash { return nil }
