package hook

// Deferred is f() where it is deferred: `defer f.Close()` becomes `defer
// lsrt.Deferred(site, f.Close)`. The defer statement evaluates the method value
// as it would have evaluated the call's receiver. It is woven only around
// functions that are known not to call recover, which would find nothing here.
//
//go:noinline
func Deferred[T any](s Site, f func() T) {
	defer Unwind(Here())
	Enter(s)
	f()
	Exit(s)
}

// Deferred1 is Deferred for a function with a parameter.
//
//go:noinline
func Deferred1[A, T any](s Site, f func(A) T, a A) {
	defer Unwind(Here())
	Enter(s)
	f(a)
	Exit(s)
}
