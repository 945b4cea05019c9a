package etcdnode_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/cmd/etcdnode"
	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// long is a lease that no fault of these tests outlasts, short one that each does.
const (
	long  = 60 * time.Second
	short = 3 * time.Second
)

// write writes by the term, until an answer comes that is one of the lease's.
func (h *holder) write(t *testing.T, key, value string) error {
	t.Helper()
	return h.term.Do(bounded(t), func(ctx context.Context, token lease.Token) error {
		_, err := h.fence.Do(ctx, token, clientv3.OpPut(key, value))
		return err
	})
}

func (h *holder) mustWrite(t *testing.T, key, value string) {
	t.Helper()
	var err error
	until(t, "a write by the holder is done", func() bool {
		err = h.write(t, key, value)
		return err == nil || h.gone()
	})
	if err != nil {
		t.Fatalf("the holder's write: %v", err)
	}
}

func TestHolderAfterHolder(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	ctx := bounded(t)
	first := hold(t, election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: long, Value: "a"}))
	first.mustWrite(t, "account", "1")

	e := election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: long, Value: "b"})
	got := holdLater(t, e)
	time.Sleep(time.Second) // in which it must not get what the first one has
	if h, err := e.Holder(ctx); err != nil || h.Token != first.token || h.Value != "a" {
		t.Errorf("the holder is %+v, %v, want token %d of a", h, err, first.token)
	}
	first.mustWrite(t, "account", "1b")
	if err := first.l.Release(ctx); err != nil {
		t.Fatal(err)
	}
	second := got()
	if second.token <= first.token {
		t.Errorf("token %d after %d: they must grow", second.token, first.token)
	}
	second.mustWrite(t, "account", "2")

	// What the first one has still under way is refused, whatever it thinks.
	_, err := first.fence.Do(ctx, first.token, clientv3.OpPut("account", "3"))
	var stale *lease.StaleError
	if !errors.As(err, &stale) || stale.Highest != second.token {
		t.Errorf("a write with the old token: %v, want a StaleError by %d", err, second.token)
	}
	if err := first.fence.Barrier(ctx, first.token); !errors.Is(err, lease.ErrStale) {
		t.Errorf("a barrier of the old token: %v, want ErrStale", err)
	}
	if err := first.SetValue(ctx, first.token, "c"); !errors.Is(err, lease.ErrStale) {
		t.Errorf("the old holder's new value: %v, want ErrStale", err)
	}
	if err := second.SetValue(ctx, second.token, "d"); err != nil {
		t.Error(err)
	}
	if h, err := e.Holder(ctx); err != nil || h != (etcd.Holder{Token: second.token, Value: "d"}) {
		t.Errorf("the holder is %+v, %v, want token %d of d", h, err, second.token)
	}
	resp, err := second.fence.Do(ctx, second.token, clientv3.OpGet("account"))
	if err != nil || string(resp.Responses[0].GetResponseRange().Kvs[0].Value) != "2" {
		t.Errorf("the account is %v, %v, want 2", resp, err)
	}
}

// Between two holders the old one's token is refused although no barrier was sent yet,
// and so is the new one's.
func TestNothingIsWrittenWithoutBarrier(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	ctx := bounded(t)
	c := dial(t, r.endpoints())
	first := hold(t, election(t, c, etcd.ElectionConfig{TTL: long}))
	first.mustWrite(t, "account", "1")
	if err := first.l.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := first.fence.Do(ctx, first.token, clientv3.OpPut("account", "2")); !errors.Is(err, lease.ErrStale) {
		t.Errorf("a write when nobody holds the election: %v, want ErrStale", err)
	}
	e := election(t, c, etcd.ElectionConfig{TTL: long})
	token, err := e.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fence := e.Fence("ledger")
	if _, err := fence.Do(ctx, token, clientv3.OpPut("account", "3")); !errors.Is(err, etcd.ErrNoBarrier) {
		t.Errorf("a write without a barrier: %v, want ErrNoBarrier", err)
	}

	// A fence that knows no election goes by barriers alone: the old one still writes.
	plain := c.Fence("ledger")
	if _, err := plain.Do(ctx, first.token, clientv3.OpPut("account", "4")); err != nil {
		t.Errorf("a write of the last barrier's token: %v", err)
	}
	if err := plain.Barrier(ctx, token); err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Do(ctx, first.token, clientv3.OpPut("account", "5")); !errors.Is(err, lease.ErrStale) {
		t.Errorf("a write after the barrier: %v, want ErrStale", err)
	}
	got, err := fence.If(ctx, token, []clientv3.Cmp{clientv3.Compare(clientv3.Value("account"), "=", "4")},
		[]clientv3.Op{clientv3.OpPut("account", "6")}, []clientv3.Op{clientv3.OpGet("account")})
	if err != nil || !got.Succeeded {
		t.Errorf("a transaction with a condition: %+v, %v", got, err)
	}
}

// Somebody takes the key or the lease away by hand.
func TestTakenAwayIsLostForGood(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	ctx := bounded(t)
	c := dial(t, r.endpoints())
	for _, take := range []func(h *holder) error{
		func(h *holder) error {
			_, err := c.Client().Delete(ctx, etcd.DefaultPrefix+"election/ledger")
			return err
		},
		func(h *holder) error {
			resp, err := c.Client().Get(ctx, etcd.DefaultPrefix+"election/ledger")
			if err != nil {
				return err
			}
			_, err = c.Client().Revoke(ctx, clientv3.LeaseID(resp.Kvs[0].Lease))
			return err
		},
	} {
		h := hold(t, election(t, c, etcd.ElectionConfig{TTL: short}))
		if err := take(h); err != nil {
			t.Fatal(err)
		}
		until(t, "the lease is gone", h.gone)
		h.is(t, lease.Lost)
		again := hold(t, h.Election)
		if again.token <= h.token {
			t.Errorf("token %d after %d: they must grow", again.token, h.token)
		}
		if err := again.l.Release(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// etcd stands for longer than the lease lasts.
func TestSlowEtcdLosesTheLease(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	h := hold(t, election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: short}))
	r.nodes[0].stop()
	h.is(t, lease.Lost)
	if h.gone() {
		t.Errorf("the lease is gone for good although nobody has said so: it was %v", h.path)
	}
	if err := h.write(t, "account", "1"); !errors.Is(err, lease.ErrLost) {
		t.Errorf("work on a lost lease: %v, want ErrLost", err)
	}
	r.nodes[0].signal(syscall.SIGCONT)
	// Whether etcd ends it or hears of the renewal first, it is one or the other.
	until(t, "the lease is held again or gone", func() bool { return h.gone() || h.l.State() == lease.Held })
	if !h.gone() {
		h.mustWrite(t, "account", "2")
	}
}

// etcd stands for less than the lease lasts, and is killed and started anew.
func TestShortFaultsKeepTheLease(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	h := hold(t, election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: long}))
	r.nodes[0].stop()
	time.Sleep(2 * time.Second)
	r.nodes[0].signal(syscall.SIGCONT)
	h.mustWrite(t, "account", "1")

	r.kill(0)
	r.start(0)
	h.mustWrite(t, "account", "2")

	r.wires[0].Delay(100 * time.Millisecond)
	h.mustWrite(t, "account", "3")
	if now, err := h.Holder(bounded(t)); err != nil || now.Token != h.token {
		t.Errorf("the holder is %+v, %v, want token %d still", now, err, h.token)
	}
}
