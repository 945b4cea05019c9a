// Command gospin computes for ever.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

var sum int

func main() {
	runtime.LockOSThread()
	fmt.Printf("main %d\nspin %d\nready 0\n", os.Getpid(), syscall.Gettid())
	outer()
}

//go:noinline
func outer() {
	for {
		inner()
	}
}

//go:noinline
func inner() {
	for i := 0; i < 1e6; i++ {
		sum += i
	}
}
