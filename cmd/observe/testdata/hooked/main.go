// Command hooked stands in for a woven program: its hooks are written by hand.
// It brings goroutines into every state that a look can find, says so, and
// waits for its standard input to end.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/hook"
)

var first = hook.Register(os.Getenv("LAYOUT"), os.Getenv("SITES"))

var (
	mutex sync.Mutex
	rw    sync.RWMutex
	ch    = make(chan int)
)

func main() {
	hook.Lock(first+0, &mutex)
	hook.RLock(first+2, &rw)
	go waitMutex()
	go waitWriter()
	go waitReceive()
	go spin()
	go inSyscall()
	time.Sleep(50 * time.Millisecond)
	go waitReader()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

func waitMutex() { hook.Lock(first+0, &mutex) }

func waitWriter() { hook.RWLock(first+1, &rw) }

func waitReader() { hook.RLock(first+2, &rw) }

func waitReceive() { hook.Recv(first+3, ch) }

func spin() {
	hook.Enter(first + 4)
	for {
		runtime.Gosched()
	}
}

func inSyscall() {
	var p [2]int
	if syscall.Pipe(p[:]) != nil {
		return
	}
	hook.Enter(first + 5)
	syscall.Read(p[0], make([]byte, 1))
}
