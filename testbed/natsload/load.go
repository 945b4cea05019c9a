package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lifesign-go/lifesign/testbed/internal/histogram"
	"github.com/lifesign-go/lifesign/testbed/internal/mono"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

const (
	ackWait = 2 * time.Second        // for one publish
	setup   = 10 * time.Second       // for making the stream
	gap     = time.Millisecond       // between two batched gets of one client
	grain   = 20 * time.Millisecond  // how exactly a standstill is timed
	ending  = 500 * time.Millisecond // for workers that stand in the server to give up
)

// run connects, begins the load and tells of it until it is over. It returns
// an error only if the load could not begin or not be told of: that the server
// stands still under it is a result.
func run(ctx context.Context, c config, tell func(report.Line) error) error {
	var t tally
	s := &session{url: c.url}
	defer s.close()
	prepare := streamWorkers
	if c.target == "core" {
		prepare = coreWorkers
	}
	workers, err := prepare(c, s, &t)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, c.duration)
	defer cancel()
	if err := tell(t.line(report.Ready)); err != nil {
		return err
	}
	start := mono.Now()
	t.begin(start)
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() {
			var h histogram.H
			w(ctx, &h)
			t.merge(&h)
		})
	}
	if err := watch(ctx, c, &t, tell); err != nil {
		return err
	}
	took := mono.Since(start)
	waitAtMost(&wg, ackWait+ending)
	return tell(t.total(took))
}

// watch tells of progress and standstills until ctx ends.
func watch(ctx context.Context, c config, t *tally, tell func(report.Line) error) error {
	tick := time.NewTicker(grain)
	defer tick.Stop()
	still := standstill{limit: c.stall}
	var told int64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		l := t.line(report.Progress)
		event := still.step(l)
		if event == "" && mono.Since(told) < c.progress {
			continue
		}
		if event != "" {
			l.Event = event
		} else {
			told = l.At
		}
		if err := tell(l); err != nil {
			return err
		}
	}
}

// waitAtMost waits for wg, but not for a worker that a stuck server keeps.
func waitAtMost(wg *sync.WaitGroup, d time.Duration) {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// worker runs until ctx ends and adds its latencies to h.
type worker func(ctx context.Context, h *histogram.H)

// session is the connections of one load.
type session struct {
	url   string
	conns []*nats.Conn
}

// dial opens a connection. Every worker has its own, so that the load itself
// has no lock that all of them share.
func (s *session) dial() (*nats.Conn, error) {
	nc, err := nats.Connect(s.url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.url, err)
	}
	s.conns = append(s.conns, nc)
	return nc, nil
}

func (s *session) close() {
	for _, nc := range s.conns {
		nc.Close()
	}
}

// pace calls f once a publish until ctx ends. With a rate the calls come at
// fixed times, and due is when this one should have been: a server that stops
// for a second is charged with every publish that was due in it.
func pace(ctx context.Context, perSecond float64, f func(due int64)) {
	if perSecond <= 0 {
		for ctx.Err() == nil {
			f(mono.Now())
		}
		return
	}
	interval := float64(time.Second) / perSecond
	start := mono.Now()
	for i := 0; ctx.Err() == nil; i++ {
		due := start + int64(float64(i)*interval)
		if early := due - mono.Now(); early > 0 {
			time.Sleep(time.Duration(early))
		}
		f(due)
	}
}
