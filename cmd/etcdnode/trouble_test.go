package etcdnode_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/cmd/etcdnode"
	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// troubles is what a campaign had to wait for.
type troubles struct {
	sync.Mutex
	errs []error
}

func (tr *troubles) add(err error) {
	tr.Lock()
	defer tr.Unlock()
	tr.errs = append(tr.errs, err)
}

func (tr *troubles) has(ok func(error) bool) bool {
	tr.Lock()
	defer tr.Unlock()
	for _, err := range tr.errs {
		if ok(err) {
			return true
		}
	}
	return false
}

// The holder is cut off, in each way, and another takes over meanwhile.
func TestPartition(t *testing.T) {
	for name, cut := range map[string]func(*wire, bool){
		"connections end":       (*wire).Cut,
		"nothing comes through": (*wire).Deaf,
		"answers are lost":      (*wire).Mute,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, etcdnode.Config{})
			old := hold(t, election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: short}))
			cut(r.wires[0], true)
			old.is(t, lease.Lost)
			if old.gone() {
				t.Errorf("the lease is gone for good although nobody could say so: it was %v", old.path)
			}
			next := hold(t, election(t, dial(t, r.direct()), etcd.ElectionConfig{TTL: long}))
			next.mustWrite(t, "account", "1")
			cut(r.wires[0], false)
			until(t, "the old holder finds out", old.gone)
			if _, err := old.fence.Do(bounded(t), old.token, clientv3.OpPut("account", "2")); !errors.Is(err, lease.ErrStale) {
				t.Errorf("the old holder's write: %v, want ErrStale", err)
			}
			next.mustWrite(t, "account", "3")
		})
	}
}

// Of three nodes the leader dies, then another one, and then one comes back.
func TestLeaderAndQuorumLost(t *testing.T) {
	r := newRig(t, 3, etcdnode.Config{})
	c := dial(t, r.endpoints())
	h := hold(t, election(t, c, etcd.ElectionConfig{TTL: 20 * time.Second}))
	leader := -1
	for i, e := range r.endpoints() {
		s, err := c.Client().Status(bounded(t), e)
		if err != nil {
			t.Fatal(err)
		}
		if s.Leader == s.Header.MemberId {
			leader = i
		}
	}
	if leader < 0 {
		t.Fatal("no node says that it is the leader")
	}
	r.kill(leader)
	h.mustWrite(t, "account", "1")

	r.kill((leader + 1) % 3)
	h.is(t, lease.Lost)
	if h.gone() {
		t.Errorf("the lease is gone for good although nobody could say so: it was %v", h.path)
	}
	r.start(leader)
	h.mustWrite(t, "account", "2") // by the same token: a new leader gives leases their whole time
}

// etcd is full: who holds the lease keeps it, nobody gets one, nothing is written.
func TestFullEtcd(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{Quota: 4 << 20})
	ctx := bounded(t)
	c := dial(t, r.endpoints())
	h := hold(t, election(t, c, etcd.ElectionConfig{TTL: short}))
	fill := strings.Repeat("x", 512<<10)
	until(t, "etcd is full", func() bool {
		_, err := c.Client().Put(ctx, "fill", fill)
		return errors.Is(err, rpctypes.ErrNoSpace)
	})
	time.Sleep(2 * short) // it is renewed again and again meanwhile
	h.is(t, lease.Held)
	if h.gone() {
		t.Fatalf("the lease is gone: it was %v", h.path)
	}
	if err := h.write(t, "account", "1"); !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Errorf("a write into a full etcd: %v, want no space", err)
	}

	var waits troubles
	e := election(t, c, etcd.ElectionConfig{TTL: long, Trouble: waits.add})
	got := holdLater(t, e)
	if err := h.l.Release(ctx); err != nil {
		t.Errorf("give the lease back to a full etcd: %v", err)
	}
	until(t, "the campaign says that etcd is full", func() bool {
		return waits.has(func(err error) bool { return errors.Is(err, rpctypes.ErrNoSpace) })
	})
	if now, err := e.Holder(ctx); err != nil || now.Token != 0 {
		t.Errorf("the holder is %+v, %v, want nobody", now, err)
	}
	makeRoom(t, c.Client(), r.endpoints()[0])
	got().mustWrite(t, "account", "2")
}

// makeRoom does what an operator does when etcd is full.
func makeRoom(t *testing.T, c *clientv3.Client, endpoint string) {
	t.Helper()
	ctx := bounded(t)
	resp, err := c.Delete(ctx, "fill")
	if err == nil {
		_, err = c.Compact(ctx, resp.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err == nil {
		_, err = c.Defragment(ctx, endpoint)
	}
	if err == nil {
		_, err = c.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What a campaign watches for is compacted away while it is cut off. It would look
// again by itself only long after this test's patience.
func TestCompactionUnderTheWatch(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	ctx := bounded(t)
	c := dial(t, r.direct())
	h := hold(t, election(t, c, etcd.ElectionConfig{TTL: long}))
	e := election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: 10 * patience})
	got := holdLater(t, e)
	time.Sleep(time.Second) // it watches by now, or else the test shows less
	r.wires[0].Cut(true)
	if err := h.l.Release(ctx); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Client().Put(ctx, "other", "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client().Compact(ctx, resp.Header.Revision); err != nil {
		t.Fatal(err)
	}
	r.wires[0].Cut(false)
	if next := got(); next.token <= h.token {
		t.Errorf("token %d after %d: they must grow", next.token, h.token)
	}
}

// Campaigns go on through a restart of etcd, and would look again by themselves only
// long after this test's patience.
func TestCampaignOutlivesRestart(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	h := hold(t, election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: long}))
	got := holdLater(t, election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: 10 * patience}))
	time.Sleep(time.Second) // it watches by now, or else the test shows less
	r.kill(0)
	r.start(0)
	h.mustWrite(t, "account", "1")
	if err := h.l.Release(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if next := got(); next.token <= h.token {
		t.Errorf("token %d after %d: they must grow", next.token, h.token)
	}
}

// The members of a group, through a restart and a compaction.
func TestRegistry(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	ctx := bounded(t)
	members := dial(t, r.direct()).Registry("ledger/a")
	watched := dial(t, r.endpoints()).Registry("ledger/a")
	var mu sync.Mutex
	seen := ""
	go watched.Watch(ctx, func(ms []etcd.Member) {
		mu.Lock()
		defer mu.Unlock()
		seen = names(ms)
	}, nil)
	sees := func(want string) {
		t.Helper()
		until(t, "the members are "+want, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return seen == want
		})
	}
	join(t, members, "a")
	leave := join(t, members, "b")
	sees("a=at a b=at b")
	leave()
	sees("a=at a")

	r.wires[0].Cut(true)
	join(t, members, "c")
	client := dial(t, r.direct()).Client()
	until(t, "c is there", func() bool {
		ms, err := members.List(ctx)
		return err == nil && names(ms) == "a=at a c=at c"
	})
	resp, err := client.Put(ctx, "other", "1")
	if err == nil {
		_, err = client.Compact(ctx, resp.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.wires[0].Cut(false)
	sees("a=at a c=at c")

	r.kill(0)
	r.start(0)
	join(t, members, "d")
	sees("a=at a c=at c d=at d")

	// One whose lease was ended by hand joins again.
	ms, err := members.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Delete(ctx, etcd.DefaultPrefix+"member/ledger%2Fa/d"); err != nil {
		t.Fatal(err)
	}
	until(t, "d is back", func() bool {
		now, err := members.List(ctx)
		return err == nil && len(now) == 3 && now[2].Token > ms[2].Token
	})
}

func names(ms []etcd.Member) string {
	var all []string
	for _, m := range ms {
		all = append(all, m.Name+"="+m.Value)
	}
	return strings.Join(all, " ")
}
