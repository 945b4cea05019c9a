package etcdnode_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/cmd/etcdnode"
	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// agent is what a child needs to hold the lease.
type agent struct {
	Endpoints []string
	State     string
	TTL       time.Duration
}

func (a agent) start(t *testing.T) *process {
	t.Helper()
	arg, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, "agent", string(arg))
}

// playAgent holds the lease until it is ended, and says its token.
func playAgent(arg string) {
	err := func() error {
		var a agent
		if err := json.Unmarshal([]byte(arg), &a); err != nil {
			return err
		}
		c, err := etcd.Dial(etcd.Config{Endpoints: a.Endpoints})
		if err != nil {
			return err
		}
		e, err := c.Election(etcd.ElectionConfig{Name: "ledger", TTL: a.TTL, State: a.State})
		if err != nil {
			return err
		}
		l, err := e.Hold(context.Background(), lease.Config{})
		if err != nil {
			return err
		}
		term, err := l.Open(context.Background(), e.Fence("ledger"))
		if err != nil {
			return err
		}
		for {
			err := term.Do(context.Background(), func(_ context.Context, token lease.Token) error {
				say("held %v", token)
				return nil
			})
			if err == nil {
				<-l.Gone()
				return errors.New("the lease is gone")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	say("error %v", err)
}

// An agent that was killed alone goes on with its lease and token, although the lease
// would last for longer than this test's patience.
func TestKilledAgentGoesOn(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	a := agent{Endpoints: r.endpoints(), State: filepath.Join(t.TempDir(), "lease"), TTL: 10 * patience}
	first := a.start(t)
	token := first.line("held")

	// While it lives nobody else goes on with its lease.
	second := a.start(t)
	if got := second.line("error"); !strings.Contains(got, "another process has it") {
		t.Errorf("a second agent with the same file says %q", got)
	}
	for range 3 {
		first.kill()
		first = a.start(t)
		if got := first.line("held"); got != token {
			t.Fatalf("the agent that goes on has token %s, want %s", got, token)
		}
	}

	// One that is stopped is none that was killed.
	first.stop()
	third := a.start(t)
	if got := third.line("error"); !strings.Contains(got, "another process has it") {
		t.Errorf("an agent beside a stopped one says %q", got)
	}
	first.signal(syscall.SIGCONT)
	first.kill()

	// A lease that has run out meanwhile is not gone on with.
	ctx, c := bounded(t), dial(t, r.endpoints()).Client()
	resp, err := c.Get(ctx, etcd.DefaultPrefix+"election/ledger")
	if err != nil || len(resp.Kvs) != 1 {
		t.Fatalf("the election's key: %v, %v", resp, err)
	}
	if _, err := c.Revoke(ctx, clientv3.LeaseID(resp.Kvs[0].Lease)); err != nil {
		t.Fatal(err)
	}
	if got := a.start(t).line("held"); got <= token {
		t.Errorf("after the lease has run out the token is %s, want more than %s", got, token)
	}
}

// What was given back is not gone on with, even if etcd did not hear of it.
func TestReleasedIsNotGoneOnWith(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	state := filepath.Join(t.TempDir(), "lease")
	e := election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: short, State: state})
	ctx := bounded(t)
	token, err := e.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r.wires[0].Cut(true)
	little, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := e.Release(little, token); err == nil {
		t.Error("a lease was given back through a wire that is cut")
	}
	r.wires[0].Cut(false)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := election(t, dial(t, r.endpoints()), etcd.ElectionConfig{TTL: short, State: state})
	next, err := again.Acquire(ctx)
	if err != nil || next <= token {
		t.Errorf("the next token is %d, %v, want more than %d", next, err, token)
	}
}

// A state file that cannot be written makes nobody the holder.
func TestSickStateDirectory(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{})
	c := dial(t, r.endpoints())
	e := election(t, c, etcd.ElectionConfig{TTL: long, State: filepath.Join(t.TempDir(), "none", "lease")})
	if token, err := e.Acquire(bounded(t)); err == nil {
		t.Errorf("token %d was given without a state file", token)
	}
	if h, err := e.Holder(bounded(t)); err != nil || h.Token != 0 {
		t.Errorf("the holder is %+v, %v, want nobody", h, err)
	}
}
