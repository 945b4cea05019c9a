//go:build !amd64 && !arm64

package hook

const haveIdentity = false

func identity(off uintptr) (gp uintptr, word uint64) { return 0, 0 }
