package etcd

import (
	"context"
	"errors"
	"fmt"
	"math"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/lease"
)

// ErrNoBarrier: the fence has not heard of the token yet.
var ErrNoBarrier = errors.New("etcd: no barrier was sent with this token")

// Fence lets transactions happen only with the token that has sent the last barrier.
// It is a lease.Store: lease.Lease.Open sends the barrier. etcd checks in the step in
// which it writes, so a transaction that is under way when a barrier passes is
// either before it or refused.
type Fence struct {
	c        *Cluster
	name     string
	key      string // has the token of the last barrier
	election string // the key of which the token is the create revision; "" if it is not known
}

// Fence returns the fence of that name for tokens of any keeper. It goes by the last
// barrier alone.
func (c *Cluster) Fence(name string) *Fence {
	return &Fence{c: c, name: name, key: c.prefix + "fence/" + name}
}

// Fence returns the fence of that name for the tokens of this election. It refuses
// those of old holders from when the election is not theirs any more, and not only
// from the next one's barrier on.
func (e *Election) Fence(name string) *Fence {
	f := e.c.Fence(name)
	f.election = e.key
	return f
}

// Barrier makes t the token that may write. It returns a *lease.StaleError if the
// fence has heard of a higher one or if the election is not t's any more.
func (f *Fence) Barrier(ctx context.Context, t lease.Token) error {
	if err := inRange(t); err != nil {
		return err
	}
	for {
		resp, err := f.c.client.Get(ctx, f.key)
		if err != nil {
			return fmt.Errorf("read the fence %s: %w", f.name, err)
		}
		seen, err := f.token((*etcdserverpb.RangeResponse)(resp))
		if err != nil {
			return err
		}
		if seen > t {
			return &lease.StaleError{Token: t, Highest: seen}
		}
		var at int64
		if len(resp.Kvs) > 0 {
			at = resp.Kvs[0].ModRevision
		}
		unchanged := clientv3.Compare(clientv3.ModRevision(f.key), "=", at)
		txn, err := f.c.client.Txn(ctx).
			If(append(f.holds(t), unchanged)...).
			Then(clientv3.OpPut(f.key, t.String())).
			Else(f.look()...).
			Commit()
		if err != nil {
			return fmt.Errorf("raise the fence %s: %w", f.name, err)
		}
		if txn.Succeeded {
			return nil
		}
		if err := f.refusal(t, txn.Responses); !errors.Is(err, ErrNoBarrier) {
			return err
		}
		// Another barrier came between.
	}
}

// holds is the condition that t holds the election.
func (f *Fence) holds(t lease.Token) []clientv3.Cmp {
	if f.election == "" {
		return nil
	}
	return []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(f.election), "=", int64(t))}
}

// look asks for what refusal needs.
func (f *Fence) look() []clientv3.Op {
	ops := []clientv3.Op{clientv3.OpGet(f.key)}
	if f.election != "" {
		ops = append(ops, clientv3.OpGet(f.election, clientv3.WithKeysOnly()))
	}
	return ops
}

// refusal says why a transaction with t was refused: a *lease.StaleError, or
// ErrNoBarrier if t may write once it has sent one.
func (f *Fence) refusal(t lease.Token, answers []*etcdserverpb.ResponseOp) error {
	seen, err := f.token(answers[0].GetResponseRange())
	if err != nil {
		return err
	}
	if seen > t {
		return &lease.StaleError{Token: t, Highest: seen}
	}
	if f.election != "" {
		r := answers[1].GetResponseRange()
		if len(r.Kvs) == 0 || lease.Token(r.Kvs[0].CreateRevision) != t {
			return stale(t, r)
		}
	}
	return ErrNoBarrier
}

// stale is the error of t where the election's key is as r says.
func stale(t lease.Token, r *etcdserverpb.RangeResponse) error {
	e := &lease.StaleError{Token: t}
	if len(r.Kvs) > 0 {
		if now := lease.Token(r.Kvs[0].CreateRevision); now > t {
			e.Highest = now
		}
	}
	return e
}

// token reads the fence's key. Without it no barrier was sent yet, which is token 0.
func (f *Fence) token(r *etcdserverpb.RangeResponse) (lease.Token, error) {
	if len(r.Kvs) == 0 {
		return 0, nil
	}
	t, err := lease.ParseToken(string(r.Kvs[0].Value))
	if err != nil {
		return 0, fmt.Errorf("read the fence %s: %w", f.name, err)
	}
	return t, nil
}

// Do does ops in one transaction, if t may write: it has sent the last barrier, and
// holds the election. Otherwise it returns a *lease.StaleError or ErrNoBarrier, and
// nothing was done. After other errors it was done or not, and is not done later
// once a barrier of a higher token has passed. Keys are as they are, without the
// cluster's prefix. An OpGet is a read by the same rule.
func (f *Fence) Do(ctx context.Context, t lease.Token, ops ...clientv3.Op) (*clientv3.TxnResponse, error) {
	return f.If(ctx, t, nil, ops, nil)
}

// If is Do for a transaction with conditions of its own. The response is that of this
// transaction, without what the fence adds.
func (f *Fence) If(ctx context.Context, t lease.Token, cmps []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	if err := inRange(t); err != nil {
		return nil, err
	}
	may := append(f.holds(t), clientv3.Compare(clientv3.Value(f.key), "=", t.String()))
	resp, err := f.c.client.Txn(ctx).
		If(may...).
		Then(clientv3.OpTxn(cmps, then, otherwise)).
		Else(f.look()...).
		Commit()
	if err != nil {
		return nil, fmt.Errorf("write with token %d behind the fence %s: %w", uint64(t), f.name, err)
	}
	if !resp.Succeeded {
		return nil, f.refusal(t, resp.Responses)
	}
	inner := resp.Responses[0].GetResponseTxn()
	inner.Header = resp.Header
	return (*clientv3.TxnResponse)(inner), nil
}

// inRange refuses what no revision can be.
func inRange(t lease.Token) error {
	if t == 0 || t > math.MaxInt64 {
		return fmt.Errorf("token %d is not between 1 and %d", uint64(t), int64(math.MaxInt64))
	}
	return nil
}
