//go:build amd64 || arm64

package hook

const haveIdentity = true

// identity returns the address of the running goroutine's g and the word at
// the offset off in it. It is assembly because g is in a register or in
// thread-local storage, which Go code cannot name.
func identity(off uintptr) (gp uintptr, word uint64)
