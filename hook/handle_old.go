//go:build !go1.25

package hook

// handle is nothing where there are no weak pointers to be had: mimics then do
// without what operations are done with.
type handle struct{}

//go:noinline
func weakly(v any) handle { return handle{} }

func (handle) value() any { return nil }
