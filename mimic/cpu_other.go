//go:build !(aix || darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris)

package mimic

// cpuTime returns that it is not known how much processor time was used.
func cpuTime() int64 { return -1 }
