package etcd

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// pulse sends renewals, one at a time, on a stream that it keeps: with
// authentication a new stream is a new login, which costs the server a password
// hash. etcd's own KeepAliveOnce opens one each time, and tries again without a pause
// while etcd is down; when to try again is here the lease's to say.
type pulse struct {
	c *Cluster

	mu     sync.Mutex // held for a whole request; guards what follows
	stream etcdserverpb.Lease_LeaseKeepAliveClient
	end    context.CancelFunc // of stream; nil without one
}

// keepAlive sends one renewal and returns how long the lease lasts from when etcd saw
// it. If the stream from before has broken meanwhile, it is sent once more on another.
func (p *pulse) keepAlive(ctx context.Context, id clientv3.LeaseID) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.end != nil
	ttl, err := p.ask(ctx, id)
	if err != nil && kept && ctx.Err() == nil {
		ttl, err = p.ask(ctx, id)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("keep lease %x alive: %w", int64(id), clientv3.ContextError(ctx, err))
	case ttl <= 0: // that is how etcd says it on this stream
		return 0, fmt.Errorf("keep lease %x alive: %w", int64(id), rpctypes.ErrLeaseNotFound)
	}
	return time.Duration(ttl) * time.Second, nil
}

// ask sends and receives. A stream on which that fails or takes too long is given up:
// what comes on it later would be taken for the next answer. The caller holds p.mu.
func (p *pulse) ask(ctx context.Context, id clientv3.LeaseID) (ttl int64, err error) {
	if p.end == nil {
		if err := p.open(ctx); err != nil {
			return 0, err
		}
	}
	stop := context.AfterFunc(ctx, p.end)
	defer func() {
		if !stop() || err != nil {
			p.hangUp()
		}
	}()
	// Why something was not sent is what receiving says.
	if err := p.stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(id)}); err != nil {
		if _, e := p.stream.Recv(); e != nil {
			err = e
		}
		return 0, err
	}
	resp, err := p.stream.Recv()
	if err != nil {
		return 0, err
	}
	return resp.TTL, nil
}

// open opens a stream, which outlives ctx if that has not ended before. It ends with
// the client, or when the member that has it has no leader. The caller holds p.mu.
func (p *pulse) open(ctx context.Context) error {
	long, end := context.WithCancel(clientv3.WithRequireLeader(p.c.client.Ctx()))
	stop := context.AfterFunc(ctx, end)
	stream, err := etcdserverpb.NewLeaseClient(p.c.client.ActiveConnection()).LeaseKeepAlive(long)
	if err != nil || !stop() {
		end()
		if err == nil {
			err = ctx.Err()
		}
		return err
	}
	p.stream, p.end = stream, end
	return nil
}

// hangUp ends the stream. The caller holds p.mu.
func (p *pulse) hangUp() {
	if p.end != nil {
		p.end()
		p.stream, p.end = nil, nil
	}
}

// rest ends the stream until it is needed again.
func (p *pulse) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangUp()
}
