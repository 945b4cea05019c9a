// Command hooked stands in for a woven program: its hooks are written by hand.
// It brings goroutines into every state that a look can find, says so, and
// waits for its standard input to end.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
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
	full  = make(chan int, 3)
	group sync.WaitGroup
	cond  = sync.NewCond(new(sync.Mutex))
)

func main() {
	hook.Reach("who can serve whom")
	hook.Lock(first+0, &mutex)
	hook.RLock(first+2, &rw)
	group.Add(3)
	for i := 0; i < cap(full); i++ {
		full <- i
	}
	for _, f := range []func(){
		waitMutex, waitWriter, waitReceive, spin, inSyscall, waitSend, waitSend, waitSelect, waitGroup, waitCond,
	} {
		go f()
	}
	if name := os.Getenv("FSYNC"); name != "" {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			panic(err)
		}
		f.Write([]byte("x"))
		f.Sync() // this one is answered
		go fsync(f)
	}
	crowd, _ := strconv.Atoi(os.Getenv("CROWD"))
	for i := 0; i < crowd; i++ {
		go unwoven()
	}
	time.Sleep(50 * time.Millisecond)
	go waitReader()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

func waitMutex() { hook.Lock(first+0, &mutex) }

func waitWriter() { hook.RWLock(first+1, &rw) }

func waitReader() { hook.RLock(first+2, &rw) }

func waitReceive() { hook.Recv(first+3, ch) }

func waitSend() { hook.To(first+6, full).Send(1) }

func waitSelect() {
	hook.Enter(first + 7)
	select {
	case <-ch:
	case full <- 2:
	}
}

func waitGroup() { hook.WGWait(first+8, &group) }

func waitCond() {
	cond.L.Lock()
	hook.CondWait(first+9, cond)
}

var never = make(chan int)

// unwoven waits where nothing has noted it.
func unwoven() { <-never }

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

func fsync(f *os.File) {
	block := make([]byte, 64<<10)
	for {
		f.WriteAt(block, 0)
		hook.Enter(first + 10)
		f.Sync()
		hook.Exit(first + 10)
	}
}
