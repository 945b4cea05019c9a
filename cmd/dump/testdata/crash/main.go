// Command crash ends in the way that it is told. With GOTRACEBACK=all and -trimpath it
// has written internal/dump/testdata/crashes.
package main

/*
#include <stdlib.h>
static void crash(int *p) { *p = 1; }
static void outer(void) { crash((int*)8); }
static void doAbort(void) { abort(); }
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	_ "github.com/lifesign-go/lifesign/hook" // which sends the runtime's last words to the agent
)

type thing struct{ a, b int }

type server struct{ m map[string]int }

func (s *server) handle(n int, name string) { s.m[name] = n }

func deep(n int, b [64]byte) int { return deep(n+1, b) + int(b[n%64]) }

func wait() {
	var mu sync.Mutex
	mu.Lock()
	go mu.Lock()
	go func() { <-make(chan int) }()
	go func() { select {} }()
	go func() { time.Sleep(time.Hour) }()
	time.Sleep(20 * time.Millisecond)
}

func main() {
	wait()
	switch os.Args[1] {
	case "panic":
		panic(fmt.Errorf("wrapped: %w", errors.New("it is broken")))
	case "nilmap":
		(&server{}).handle(3, "x")
	case "nil":
		var s *server
		go func() { fmt.Println(s.m["x"]) }()
		time.Sleep(time.Second)
	case "fatal":
		var mu sync.Mutex
		mu.Unlock()
	case "maps":
		m := map[int]int{}
		for i := 0; i < 4; i++ {
			go func() {
				for k := 0; ; k++ {
					m[k%10] = k
				}
			}()
		}
		time.Sleep(10 * time.Second)
	case "segv":
		C.outer()
	case "abort":
		C.doAbort()
	case "overflow":
		debug.SetMaxStack(64 << 20) // a gigabyte takes seconds
		deep(0, [64]byte{})
	case "again":
		defer func() {
			r := recover()
			defer panic(fmt.Sprint("second after ", r))
		}()
		defer func() { panic("in between\nof two lines") }()
		panic(thing{1, 2})
	case "quit":
		syscall.Kill(os.Getpid(), syscall.SIGQUIT)
		time.Sleep(time.Second)
	case "killsegv":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Second)
	case "exit":
		os.Exit(3)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Second)
	case "many":
		n, _ := strconv.Atoi(os.Args[2])
		for i := 0; i < n; i++ {
			go func() { select {} }()
		}
		time.Sleep(100 * time.Millisecond)
		panic("with many goroutines")
	case "oom":
		var all [][]byte
		for {
			b := make([]byte, 1<<40)
			all = append(all, b)
		}
	}
}
