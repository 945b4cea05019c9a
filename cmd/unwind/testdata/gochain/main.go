// Command gochain blocks in a system call below calls that are known.
package main

import (
	"fmt"
	"runtime"
	"syscall"
)

// The thread whose number is told is the one that blocks.
func init() { runtime.LockOSThread() }

func main() { outer(1) }

//go:noinline
func outer(n int) int { return middle(n+1) + n }

//go:noinline
func middle(n int) int {
	var keep [64]byte
	keep[n] = byte(inner(n)) // at inner
	return int(keep[n&3])
}

func putIn(fd int, b []byte) int {
	n, _ := syscall.Read(fd, b) // at read
	return n
}

//go:noinline
func inner(n int) int {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	fmt.Println(syscall.Gettid())
	return putIn(fds[0], make([]byte, n))
}
