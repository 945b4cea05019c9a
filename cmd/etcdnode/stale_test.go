package etcdnode_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/lifesign-go/lifesign/cmd/etcdnode"
	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// writer is a child that writes once, and stops itself in the worst place: after it
// has looked whether it is the holder, and before it writes.
type writer struct {
	Endpoint, Way string
}

func playWriter(arg string) {
	var w writer
	if err := json.Unmarshal([]byte(arg), &w); err != nil {
		say("error %v", err)
		return
	}
	ways := map[string]func(string) error{"check, then work": writeNaively, "etcd's Election": writeByElection, "lease and fence": writeFenced}
	if err := ways[w.Way](w.Endpoint); err != nil {
		say("refused %v", err)
		return
	}
	say("accepted")
}

// fallAsleep stops this process until it is continued. The signal may stop another
// thread first, and this one goes on for a moment: hence it waits.
func fallAsleep() {
	awake := make(chan os.Signal, 1)
	signal.Notify(awake, syscall.SIGCONT)
	say("sleeping")
	syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-awake
}

// writeNaively is the loop of the textbook: the lease's end by the clock, then work.
func writeNaively(endpoint string) error {
	ctx := context.Background()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	if err != nil {
		return err
	}
	s, err := concurrency.NewSession(c, concurrency.WithTTL(int(short/time.Second)))
	if err != nil {
		return err
	}
	if err := concurrency.NewElection(s, "textbook").Campaign(ctx, "old"); err != nil {
		return err
	}
	end := time.Now().Add(short)
	if time.Now().After(end) {
		return lease.ErrLost
	}
	fallAsleep()
	_, err = c.Put(ctx, "account", "old")
	return err
}

// writeByElection asks etcd itself who the leader is, and whether the session lives.
func writeByElection(endpoint string) error {
	ctx := context.Background()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	if err != nil {
		return err
	}
	s, err := concurrency.NewSession(c, concurrency.WithTTL(int(short/time.Second)))
	if err != nil {
		return err
	}
	e := concurrency.NewElection(s, "textbook")
	if err := e.Campaign(ctx, "old"); err != nil {
		return err
	}
	leader, err := e.Leader(ctx)
	if err != nil || string(leader.Kvs[0].Key) != e.Key() {
		return fmt.Errorf("not the leader: %v", err)
	}
	select {
	case <-s.Done():
		return lease.ErrLost
	default:
	}
	fallAsleep()
	_, err = c.Put(ctx, "account", "old")
	return err
}

func writeFenced(endpoint string) error {
	ctx := context.Background()
	c, err := etcd.Dial(etcd.Config{Endpoints: []string{endpoint}})
	if err != nil {
		return err
	}
	e, err := c.Election(etcd.ElectionConfig{Name: "ledger", TTL: short})
	if err != nil {
		return err
	}
	l, err := e.Hold(ctx, lease.Config{})
	if err != nil {
		return err
	}
	fence := e.Fence("ledger")
	term, err := l.Open(ctx, fence)
	if err != nil {
		return err
	}
	return term.Do(ctx, func(_ context.Context, token lease.Token) error {
		fallAsleep()
		_, err := fence.Do(context.Background(), token, clientv3.OpPut("account", "old"))
		return err
	})
}

// Who was replaced while it slept writes when it wakes up. Only the fence keeps it out,
// whether or not the next holder has written meanwhile.
func TestStaleWrites(t *testing.T) {
	for _, c := range []struct {
		way  string
		want int // of 2
	}{
		{"check, then work", 2},
		{"etcd's Election", 2},
		{"lease and fence", 0},
	} {
		t.Run(c.way, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, etcdnode.Config{})
			stale := 0
			for _, first := range []bool{true, false} {
				if sleeper(t, r, c.way, first) {
					stale++
				}
			}
			t.Logf("%s: %d of 2 stale writes accepted", c.way, stale)
			if stale != c.want {
				t.Errorf("%s: %d of 2 stale writes were accepted, want %d", c.way, stale, c.want)
			}
		})
	}
}

// sleeper runs one round, and reports whether the old holder's write was accepted.
// The next holder writes before the old one wakes up, or only after.
func sleeper(t *testing.T, r *rig, way string, first bool) bool {
	t.Helper()
	ctx := bounded(t)
	arg, err := json.Marshal(writer{Endpoint: r.direct()[0], Way: way})
	if err != nil {
		t.Fatal(err)
	}
	var p *process
	until(t, "a writer falls asleep as the holder", func() bool {
		p = start(t, "writer", string(arg))
		return <-p.lines == "sleeping" // on a busy machine it may have lost the lease before
	})
	write, release := successor(t, r, way)
	if first {
		write()
	}
	p.signal(syscall.SIGCONT)
	said := ""
	until(t, "the old holder has written or was refused", func() bool {
		select {
		case said = <-p.lines:
		default:
		}
		return said != ""
	})
	resp, err := dial(t, r.direct()).Client().Get(ctx, "account")
	if err != nil {
		t.Fatal(err)
	}
	accepted := said == "accepted"
	if wrote := len(resp.Kvs) > 0 && string(resp.Kvs[0].Value) == "old"; wrote != accepted {
		t.Errorf("the old holder says %q, and etcd has %v", said, resp.Kvs)
	}
	write()
	release()
	return accepted
}

// successor takes over by the same way and returns how it writes and ends.
func successor(t *testing.T, r *rig, way string) (write, release func()) {
	t.Helper()
	ctx := bounded(t)
	c := dial(t, r.direct())
	if way == "lease and fence" {
		h := hold(t, election(t, c, etcd.ElectionConfig{TTL: long}))
		return func() { h.mustWrite(t, "account", "new") }, func() {
			if err := h.l.Release(ctx); err != nil {
				t.Error(err)
			}
		}
	}
	s, err := concurrency.NewSession(c.Client(), concurrency.WithTTL(int(long/time.Second)))
	if err == nil {
		err = concurrency.NewElection(s, "textbook").Campaign(ctx, "new")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := c.Client().Put(ctx, "account", "new"); err != nil {
			t.Error(err)
		}
	}, func() { s.Close() }
}
