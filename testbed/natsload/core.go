package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lifesign-go/lifesign/testbed/internal/histogram"
)

const (
	stampSize = 8     // a core message begins with the time it was due
	window    = 16384 // messages under way at most, so that throughput is what arrives
	breath    = 50 * time.Microsecond
)

// coreWorkers returns publishers to a plain subject, and the subscriber that
// counts what arrives and how long it took.
func coreWorkers(c config, s *session, t *tally) ([]worker, error) {
	nc, err := s.dial()
	if err != nil {
		return nil, err
	}
	sub, err := nc.SubscribeSync(c.subject)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", c.subject, err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil { // window is the limit
		return nil, err
	}
	if err := nc.FlushTimeout(setup); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", c.subject, err)
	}
	workers := []worker{func(ctx context.Context, h *histogram.H) {
		for {
			m, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				return // the load is over
			}
			t.ack(int64(binary.LittleEndian.Uint64(m.Data)), h)
		}
	}}
	var sent atomic.Int64
	for range c.publishers {
		nc, err := s.dial()
		if err != nil {
			return nil, err
		}
		workers = append(workers, corePublisher(c, nc, t, &sent))
	}
	return workers, nil
}

func corePublisher(c config, nc *nats.Conn, t *tally, sent *atomic.Int64) worker {
	payload := make([]byte, c.size)
	return func(ctx context.Context, _ *histogram.H) {
		pace(ctx, float64(c.rate)/float64(c.publishers), func(due int64) {
			for sent.Load()-t.acked.Load() > window && ctx.Err() == nil {
				time.Sleep(breath)
			}
			binary.LittleEndian.PutUint64(payload, uint64(due))
			if err := nc.Publish(c.subject, payload); err != nil {
				t.failed.Add(1)
				return
			}
			sent.Add(1)
		})
	}
}
