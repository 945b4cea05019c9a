package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// healthy starts work that never stands: a server and its client, a pipeline of
// channels, a pool that takes turns under a lock, a cache that waits for a
// condition, and a ticker. All of its goroutines are there from the start. It
// returns how many units have been done.
func healthy() func() int64 {
	var done atomic.Int64
	pipeline(&done)
	pool(&done)
	signals(&done)
	serve(&done)
	return done.Load
}

func pipeline(done *atomic.Int64) {
	in, out := make(chan int, 8), make(chan int)
	go func() {
		for i := 0; ; i++ {
			in <- i
			time.Sleep(time.Millisecond)
		}
	}()
	for range 2 {
		go func() {
			for v := range in {
				out <- v * v
			}
		}()
	}
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		for {
			select {
			case <-out:
				done.Add(1)
			case <-tick.C:
			}
		}
	}()
}

type table struct {
	mu      sync.RWMutex // guards entries
	entries map[int]int
}

func (t *table) put(k int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[k%100]++
}

func (t *table) get(k int) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.entries[k%100]
}

func pool(done *atomic.Int64) {
	t := &table{entries: map[int]int{}}
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				t.put(w + i)
				t.get(i)
				done.Add(1)
				time.Sleep(time.Millisecond)
			}
		}()
	}
}

func signals(done *atomic.Int64) {
	var mu sync.Mutex
	ready := sync.NewCond(&mu)
	stock := 0
	go func() {
		for {
			mu.Lock()
			for stock == 0 {
				ready.Wait()
			}
			stock--
			mu.Unlock()
			done.Add(1)
		}
	}()
	go func() {
		for {
			time.Sleep(2 * time.Millisecond)
			mu.Lock()
			stock++
			mu.Unlock()
			ready.Signal()
		}
	}()
}

func serve(done *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, done.Load()) }))
	go func() {
		for {
			resp, err := http.Get("http://" + l.Addr().String())
			if err != nil {
				panic(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			done.Add(1)
			time.Sleep(2 * time.Millisecond)
		}
	}()
}
