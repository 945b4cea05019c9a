package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/lease"
)

// MinTTL is the shortest lease. etcd itself makes leases at least as long as one and
// a half of its election time-outs, which is 2 s by default.
const MinTTL = 2 * time.Second

const defaultTTL = 10 * time.Second

// ElectionConfig says what is campaigned for. Only Name must be given.
type ElectionConfig struct {
	Name  string        // which election
	TTL   time.Duration // how long the lease lasts, whole seconds; default 10 s, at least MinTTL
	Value string        // what others see of the holder, such as its address

	// State is a file in which the lease's id is kept, so that a process that is
	// started anew goes on with it. "" for none. Its directory must be there.
	State string

	// Trouble is called by Acquire with why it has to try again. nil if nobody
	// wants to know.
	Trouble func(error)
}

// Election is a key that one holds at a time. It is a lease.Keeper.
type Election struct {
	c      *Cluster
	config ElectionConfig
	key    string
	pulse  pulse

	mu    sync.Mutex // guards what follows
	state *stateFile // nil before the first Acquire, and without a file
	id    clientv3.LeaseID
	token lease.Token // that Acquire returned last, 0 if it was given back
	last  lease.Token // the largest that Acquire returned
	blind bool        // the last renewal kept the lease alive and could not read the key
}

// Election returns the election of that name. It sends nothing.
func (c *Cluster) Election(config ElectionConfig) (*Election, error) {
	return c.election("election/", config)
}

func (c *Cluster) election(below string, config ElectionConfig) (*Election, error) {
	if config.TTL == 0 {
		config.TTL = defaultTTL
	}
	switch {
	case config.Name == "":
		return nil, errors.New("an election without a name")
	case config.TTL < MinTTL || config.TTL%time.Second != 0:
		return nil, fmt.Errorf("the lease of %s lasts %v, want whole seconds, %v or more", config.Name, config.TTL, MinTTL)
	}
	return &Election{c: c, config: config, key: c.prefix + below + config.Name, pulse: pulse{c: c}}, nil
}

// Hold is lease.Hold with this keeper. Terms.TTL may be left out.
func (e *Election) Hold(ctx context.Context, c lease.Config) (*lease.Lease, error) {
	c.Keeper = e
	if c.Terms.TTL == 0 {
		c.Terms.TTL = e.config.TTL
	}
	return lease.Hold(ctx, c)
}

// Acquire waits until the key is ours. The token is its create revision. A process
// that was started anew gets the token that it had, if the lease is still alive and
// was not given back.
func (e *Election) Acquire(ctx context.Context) (lease.Token, error) {
	if err := e.resume(); err != nil {
		return 0, err
	}
	var last error
	for wait := firstWait; ; {
		t, err := e.attempt(ctx)
		switch {
		case err == nil && t != 0:
			return t, nil
		case ctx.Err() != nil:
			if last == nil {
				last = errors.New("another has it")
			}
			return 0, fmt.Errorf("campaign for %s: %w: %v", e.config.Name, ctx.Err(), last)
		case err == nil:
			wait, last = firstWait, nil
			continue
		case errors.As(err, new(*stateError)) || judge(err) == hopeless:
			return 0, fmt.Errorf("campaign for %s: %w", e.config.Name, err)
		}
		last = e.c.why(ctx, err)
		if e.config.Trouble != nil {
			e.config.Trouble(last)
		}
		wait = rest(ctx, wait)
	}
}

// After an error the next attempt is later each time, and not at the same time as
// others'.
const (
	firstWait = 50 * time.Millisecond
	mostWait  = time.Second
)

// rest waits for about wait and returns how long to wait the next time.
func rest(ctx context.Context, wait time.Duration) time.Duration {
	select {
	case <-ctx.Done():
	case <-time.After(wait/2 + rand.N(wait)):
	}
	return min(2*wait, mostWait)
}

// stateError is one of the state file: waiting does not mend it.
type stateError struct{ error }

func (e *stateError) Unwrap() error { return e.error }

// resume reads the state file, once.
func (e *Election) resume() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.config.State == "" || e.state != nil {
		return nil
	}
	s, err := openState(e.config.State)
	if err != nil {
		return err
	}
	id, err := s.load(e.key)
	if err != nil {
		s.close()
		return err
	}
	e.state, e.id = s, id
	return nil
}

// attempt looks once and does what follows. It returns 0 if it is worth looking
// again at once.
func (e *Election) attempt(ctx context.Context) (lease.Token, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kv, rev, err := e.read(ctx)
	switch {
	case err != nil:
		return 0, err
	case kv == nil:
		return e.win(ctx)
	case clientv3.LeaseID(kv.Lease) == e.id && e.id != 0:
		if t := lease.Token(kv.CreateRevision); t > e.last {
			e.token, e.last = t, t
			return t, nil
		}
		// An earlier term of our own. Nobody has waited for the end of its work,
		// so its time is left to run out. A new lease is for the next term.
		e.id, e.token = 0, 0
	}
	e.mu.Unlock()
	defer e.mu.Lock()
	return 0, e.away(ctx, rev)
}

// request bounds one request, so that a campaign asks another member when one does
// not answer.
func (e *Election) request(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(e.config.TTL/2, mostRequest))
}

const mostRequest = 10 * time.Second

// read reads the key from a quorum, and returns the revision at which it was so.
// Without the key, kv is nil.
func (e *Election) read(ctx context.Context) (kv *mvccpb.KeyValue, rev int64, err error) {
	ctx, cancel := e.request(ctx)
	defer cancel()
	resp, err := e.c.client.Get(ctx, e.key)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", e.key, err)
	}
	if len(resp.Kvs) > 0 {
		kv = resp.Kvs[0]
	}
	return kv, resp.Header.Revision, nil
}

// win creates the key, if nobody has it. If the answer is lost the next look at the
// key tells. The caller holds e.mu.
func (e *Election) win(ctx context.Context) (lease.Token, error) {
	ctx, cancel := e.request(ctx)
	defer cancel()
	if e.id == 0 {
		id, err := e.c.grant(ctx, e.config.TTL)
		if err != nil {
			return 0, err
		}
		// It is on disk before anything lives by it.
		if e.state != nil {
			if err := e.state.save(e.key, id); err != nil {
				e.c.revoke(ctx, id)
				return 0, &stateError{err}
			}
		}
		e.id = id
	}
	resp, err := e.c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(e.key), "=", 0)).
		Then(clientv3.OpPut(e.key, e.config.Value, clientv3.WithLease(e.id))).
		Commit()
	switch {
	case err != nil && judge(err) == gone:
		e.id = 0 // it has run out while another was the holder
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("create %s: %w", e.key, err)
	case !resp.Succeeded:
		return 0, nil
	}
	t := lease.Token(resp.Header.Revision)
	e.token, e.last = t, t
	return t, nil
}

// away waits until the key is deleted after revision rev. It returns nil also when
// that is no longer known, after a compaction, and from time to time: who looks
// again needs no watch that never fails.
func (e *Election) away(ctx context.Context, rev int64) error {
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), e.config.TTL+rand.N(e.config.TTL))
	defer cancel()
	for resp := range e.c.client.Watch(ctx, e.key, clientv3.WithRev(rev+1), clientv3.WithFilterPut()) {
		if err := resp.Err(); err != nil && resp.CompactRevision == 0 {
			return fmt.Errorf("watch %s: %w", e.key, err)
		}
		if resp.CompactRevision != 0 || len(resp.Events) > 0 {
			return nil
		}
	}
	return nil
}

// current returns the lease by which t is held, 0 if it is not.
func (e *Election) current(t lease.Token) clientv3.LeaseID {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t == 0 || t != e.token {
		return 0
	}
	return e.id
}

// Renew keeps the lease alive and then makes sure that the key is still t's. When that
// could not be read the last time, it is read first: who cannot know that it holds the
// lease must not keep it from others.
func (e *Election) Renew(ctx context.Context, t lease.Token) (time.Duration, error) {
	id := e.current(t)
	if id == 0 {
		return 0, fmt.Errorf("renew %s: %w", e.config.Name, lease.ErrLost)
	}
	fail := func(err error) (time.Duration, error) {
		if errors.Is(err, lease.ErrLost) {
			e.pulse.rest()
		}
		if judge(err) == gone {
			e.pulse.rest()
			return 0, fmt.Errorf("renew %s: %w: %v", e.config.Name, lease.ErrLost, err)
		}
		return 0, fmt.Errorf("renew %s: %w", e.config.Name, err)
	}
	if e.see(nil) {
		if err := e.check(ctx, t, id); err != nil {
			return fail(err)
		}
	}
	ttl, err := e.pulse.keepAlive(ctx, id)
	if err != nil {
		return fail(err)
	}
	err = e.check(ctx, t, id)
	blind := err != nil && !errors.Is(err, lease.ErrLost)
	e.see(&blind)
	if err != nil {
		return fail(err)
	}
	return ttl, nil
}

// see returns whether the last renewal was blind, and notes whether this one is.
func (e *Election) see(now *bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.blind
	if now != nil {
		e.blind = *now
	}
	return was
}

// check reads that the key is t's and lives by lease id. That it is not is ErrLost.
func (e *Election) check(ctx context.Context, t lease.Token, id clientv3.LeaseID) error {
	kv, _, err := e.read(ctx)
	switch {
	case err != nil:
		return err
	case kv == nil:
		return fmt.Errorf("%w: nobody holds it", lease.ErrLost)
	case lease.Token(kv.CreateRevision) != t || clientv3.LeaseID(kv.Lease) != id:
		return fmt.Errorf("%w: token %d holds it", lease.ErrLost, kv.CreateRevision)
	}
	return nil
}

// Release gives the lease up, if t has it. From then on it is not gone on with: if
// etcd does not answer, it runs out.
func (e *Election) Release(ctx context.Context, t lease.Token) error {
	e.pulse.rest()
	e.mu.Lock()
	defer e.mu.Unlock()
	if t == 0 || t != e.token {
		return nil
	}
	id := e.id
	e.id, e.token = 0, 0
	var forgotten error
	if e.state != nil {
		forgotten = e.state.save(e.key, 0)
	}
	if err := e.c.revoke(ctx, id); err != nil {
		return errors.Join(err, forgotten)
	}
	return nil // that the file has a lease that is gone does no harm
}

// Close lets another process use the state file. It gives no lease back.
func (e *Election) Close() error {
	e.pulse.rest()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == nil {
		return nil
	}
	s := e.state
	e.state, e.id, e.token = nil, 0, 0
	return s.close()
}

// Holder is who holds an election.
type Holder struct {
	Token lease.Token // 0 if nobody does
	Value string
}

// Holder returns who held it at some time while this was asked.
func (e *Election) Holder(ctx context.Context) (Holder, error) {
	kv, _, err := e.read(ctx)
	if err != nil || kv == nil {
		return Holder{}, err
	}
	return Holder{Token: lease.Token(kv.CreateRevision), Value: string(kv.Value)}, nil
}

// SetValue changes what others see of the holder. It returns a *lease.StaleError if
// t does not hold the election any more.
func (e *Election) SetValue(ctx context.Context, t lease.Token, value string) error {
	resp, err := e.c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(e.key), "=", int64(t))).
		Then(clientv3.OpPut(e.key, value, clientv3.WithIgnoreLease())).
		Else(clientv3.OpGet(e.key, clientv3.WithKeysOnly())).
		Commit()
	if err != nil {
		return fmt.Errorf("write %s: %w", e.key, err)
	}
	if !resp.Succeeded {
		return stale(t, resp.Responses[0].GetResponseRange())
	}
	return nil
}
