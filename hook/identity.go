//go:build amd64 || arm64

package hook

const haveIdentity = true

// identity returns the address of the running goroutine's g and the word at
// goidAt in it. It is assembly because g is in a register or in thread-local
// storage, which Go code cannot name; and it reads goidAt itself because an
// argument would go through the stack, which costs as much as all the rest.
func identity() (gp uintptr, id uint64)

// wordOfG returns the word at the offset off in the running goroutine's g.
func wordOfG(off uintptr) uint64
