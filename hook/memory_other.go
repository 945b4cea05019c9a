//go:build !(aix || darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris)

package hook

func unmap(mem []byte) {}

func closePage(fd int) {}

func mapPage(fd int) []byte { return nil }

func ownMemory(size int) []byte { return nil }
