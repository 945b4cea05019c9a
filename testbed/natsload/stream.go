package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lifesign-go/lifesign/testbed/internal/histogram"
)

// streamWorkers makes the stream, fills it with what the getters shall get and
// returns the publishers and the getters.
func streamWorkers(c config, s *session, t *tally) ([]worker, error) {
	if err := makeStream(c, s); err != nil {
		return nil, err
	}
	var workers []worker
	for range c.publishers {
		w, err := publisher(c, s, t)
		if err != nil {
			return nil, err
		}
		workers = append(workers, w)
	}
	for range c.getters {
		w, err := getter(c, s, t)
		if err != nil {
			return nil, err
		}
		workers = append(workers, w)
	}
	return workers, nil
}

func makeStream(c config, s *session) error {
	nc, err := s.dial()
	if err != nil {
		return err
	}
	js, err := nc.JetStream(nats.MaxWait(setup))
	if err != nil {
		return err
	}
	_, err = js.AddStream(&nats.StreamConfig{
		Name: c.stream, Subjects: []string{c.subject}, Storage: nats.FileStorage,
		AllowDirect: true, MaxBytes: c.maxBytes,
	})
	if err != nil {
		return fmt.Errorf("add stream %s: %w", c.stream, err)
	}
	for range c.preload {
		if _, err := js.PublishAsync(c.subject, make([]byte, c.size)); err != nil {
			return fmt.Errorf("fill stream %s: %w", c.stream, err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-time.After(setup):
		return fmt.Errorf("fill stream %s: no acknowledgement within %v", c.stream, setup)
	}
}

// publisher publishes and waits for each acknowledgement.
func publisher(c config, s *session, t *tally) (worker, error) {
	nc, err := s.dial()
	if err != nil {
		return nil, err
	}
	js, err := nc.JetStream(nats.MaxWait(ackWait))
	if err != nil {
		return nil, err
	}
	payload := make([]byte, c.size)
	return func(ctx context.Context, h *histogram.H) {
		pace(ctx, float64(c.rate)/float64(c.publishers), func(due int64) {
			if _, err := js.Publish(c.subject, payload); err != nil {
				t.failed.Add(1)
				return
			}
			t.ack(due, h)
		})
	}, nil
}

// getter asks for a batch of old messages every millisecond and only counts
// what comes back.
func getter(c config, s *session, t *tally) (worker, error) {
	nc, err := s.dial()
	if err != nil {
		return nil, err
	}
	inbox := nats.NewInbox()
	if _, err := nc.Subscribe(inbox, func(*nats.Msg) { t.replies.Add(1) }); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", inbox, err)
	}
	subject := "$JS.API.DIRECT.GET." + c.stream
	request := fmt.Appendf(nil, `{"seq":1,"batch":%d}`, c.batch)
	return func(ctx context.Context, _ *histogram.H) {
		select {
		case <-ctx.Done():
		case <-time.After(c.getsAfter):
		}
		for ctx.Err() == nil {
			// An error means a reconnection under way, which the next round repeats.
			if nc.PublishRequest(subject, inbox, request) == nil && nc.FlushTimeout(ackWait) == nil {
				t.gets.Add(1)
			}
			time.Sleep(gap)
		}
	}, nil
}
