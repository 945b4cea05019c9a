//go:build !go1.23 || !linux

package hook

// keepCrash does nothing: the runtime writes to standard error alone.
func keepCrash(fd int) bool { return false }
