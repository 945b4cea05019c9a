package pause

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// continued counts SIGCONT, which is what ends a stop: of the stop itself nobody in
// the process can be told.
type continued struct {
	n     int64 // atomic
	came  chan os.Signal
	ended chan struct{}
}

func openContinued() *continued {
	c := &continued{came: make(chan os.Signal, 8), ended: make(chan struct{})}
	signal.Notify(c.came, syscall.SIGCONT)
	go func() {
		defer close(c.ended)
		for range c.came {
			atomic.AddInt64(&c.n, 1)
		}
	}()
	return c
}

func (c *continued) count() int64 { return atomic.LoadInt64(&c.n) }

func (c *continued) close() {
	signal.Stop(c.came)
	close(c.came)
	<-c.ended
}
