package main

import (
	"os"
	"time"
)

// ways are the ways to crash, by name. A way is told whether it is guarded.
var ways = map[string]func(guarded bool) error{
	"nil":       dereference,
	"index":     index,
	"divide":    divide,
	"assertion": assertion,
	"closed":    closed,
	"panic":     func(bool) error { panic("this cannot be") },
	"library":   library,
	"mapping":   mapping,
	"recursion": func(bool) error { return deeper(0) },
	"mapwrite":  mapWrite,
	"memory":    memory,
	"exit":      func(bool) error { os.Exit(3); return nil },
}

// What the compiler must not know.
var (
	none *struct{ field int }
	list []int
	zero int
	box  interface{} = "text"
	kept [][]byte
)

func dereference(bool) error { none.field++; return nil }

func index(bool) error { list[3]++; return nil }

func divide(bool) error { zero = 1 / zero; return nil }

func assertion(bool) error { zero = box.(int); return nil }

func closed(bool) error {
	c := make(chan int, 1)
	close(c)
	c <- 1
	return nil
}

// library has a goroutine panic that the standard library has started.
func library(bool) error {
	time.AfterFunc(0, func() { panic("nobody waits for this") })
	select {}
}

func deeper(n int) error {
	if n < 0 {
		return nil // which never happens
	}
	if err := deeper(n + 1); err != nil {
		return err
	}
	return deeper(n + 2)
}

// mapWrite has goroutines write to a map at once.
func mapWrite(bool) error {
	m := map[int]int{}
	for i := 0; i < 4; i++ {
		go func() {
			for n := 0; ; n++ {
				m[n%64] = n
			}
		}()
	}
	select {}
}
