package hook

import "unsafe"

// An operation on a channel is tried first: only one that has to wait is worth
// a note. A try followed by the operation proper is the operation proper, for
// whoever succeeds at either has done it once.
//
// Here as with locks, a hook that waits is never inlined: its return address
// is how a look at the goroutine finds the line in the program.

// Sender is a channel about to be sent to.
type Sender[T any] struct {
	ch   chan<- T
	site Site
}

// To and Send are ch <- v in two halves, so that v is converted to the
// channel's element type as the plain statement converts it.
func To[T any](s Site, ch chan<- T) Sender[T] { return Sender[T]{ch, s} }

// Send is ch <- v.
//
//go:noinline
func (x Sender[T]) Send(v T) {
	select {
	case x.ch <- v:
		return
	default:
	}
	if c := self(); c != nil {
		defer Unwind(Here()) // a send panics if the channel is closed meanwhile
		push(c, x.site, *(*uintptr)(unsafe.Pointer(&x.ch)))
	}
	x.ch <- v
	finish(x.site)
}

// Recv is <-ch.
//
//go:noinline
func Recv[T any](s Site, ch <-chan T) T {
	v, _ := RecvOK(s, ch)
	return v
}

// RecvOK is v, ok := <-ch.
//
//go:noinline
func RecvOK[T any](s Site, ch <-chan T) (T, bool) {
	select {
	case v, ok := <-ch:
		return v, ok
	default:
	}
	c := self()
	if c == nil {
		v, ok := <-ch
		return v, ok
	}
	push(c, s, *(*uintptr)(unsafe.Pointer(&ch)))
	v, ok := <-ch // cannot panic
	drop(c, s)
	return v, ok
}

// RangeOver is the first step of a range over ch, which it evaluates once. The
// loop's further steps are RecvOK.
//
//go:noinline
func RangeOver[T any](s Site, ch <-chan T) (T, bool, <-chan T) {
	v, ok := RecvOK(s, ch)
	return v, ok, ch
}
