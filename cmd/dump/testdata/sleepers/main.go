// Command sleepers has as many goroutines as it is told wait for a lock.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

type server struct{ mu sync.Mutex }

func (s *server) handle(n int) {
	s.mu.Lock()
	fmt.Println(n)
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	s := &server{}
	s.mu.Lock()
	for i := 0; i < n; i++ {
		go s.handle(i)
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println(os.Getpid())
	time.Sleep(time.Hour)
}
