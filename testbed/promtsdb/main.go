// Command promtsdb appends samples to Prometheus's time series database, whose
// time passes fast enough for it to cut and compact blocks all the while.
package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	writers = 2
	series  = 100
	step    = 1000 // milliseconds between the samples of a series
)

func main() {
	begin()
	o := tsdb.DefaultOptions()
	o.MinBlockDuration, o.MaxBlockDuration = 100*step, 900*step
	o.RetentionDuration = 3000 * step
	o.WALSegmentSize = 256 << 10
	db, err := tsdb.Open(*dir, log.NewNopLogger(), nil, o, nil)
	if err != nil {
		fail("open the database", err)
	}
	clock := newClock(writers)
	for w := range writers {
		go work(writers, func(i int) error { return add(db, w, clock.tick()) })
	}
	select {}
}

// add appends one sample to each of a writer's series.
func add(db *tsdb.DB, writer int, at int64) error {
	a := db.Appender(context.Background())
	for s := range series {
		l := labels.FromStrings(labels.MetricName, "metric", "writer", fmt.Sprint(writer), "series", fmt.Sprint(s))
		if _, err := a.Append(0, l, at, float64(s)); err != nil {
			_ = a.Rollback()
			return err
		}
	}
	return a.Commit()
}

// clock keeps the writers at the same time: the database takes no samples that
// are much older than its newest.
type clock struct {
	mu      sync.Mutex // guards what follows
	writers int
	waiting int
	now     int64
	next    *sync.Cond
}

func newClock(writers int) *clock {
	c := &clock{writers: writers}
	c.next = sync.NewCond(&c.mu)
	return c
}

// tick waits until every writer is here, and returns the new time.
func (c *clock) tick() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting++; c.waiting == c.writers {
		c.waiting = 0
		c.now += step
		c.next.Broadcast()
		return c.now
	}
	for now := c.now; c.now == now; {
		c.next.Wait()
	}
	return c.now
}
