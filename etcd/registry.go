package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/lease"
)

// Member is who is in a group.
type Member struct {
	Name  string
	Value string      // what it says of itself, such as its address
	Token lease.Token // grows with each time that somebody joins by this name
}

// Registry says who is in a group: names with values that live by leases. A name is
// one member's at a time, and is an election of its own.
type Registry struct {
	c     *Cluster
	group string
	below string // beneath the cluster's prefix
}

// Registry returns the registry of a group.
func (c *Cluster) Registry(group string) *Registry {
	return &Registry{c: c, group: group, below: "member/" + url.PathEscape(group) + "/"}
}

// Member returns the membership by the name of config, as a keeper of leases. It
// sends nothing.
func (r *Registry) Member(config ElectionConfig) (*Election, error) {
	return r.c.election(r.below, config)
}

// leaveTime bounds the last request of Join.
const leaveTime = 2 * time.Second

// Join is in the group until ctx ends, also again when the lease was lost, and
// leaves then. It waits while another has the name, and returns ctx's error, or that
// for which it cannot be in the group.
func (r *Registry) Join(ctx context.Context, config ElectionConfig) error {
	e, err := r.Member(config)
	if err != nil {
		return err
	}
	defer e.Close()
	for {
		l, err := e.Hold(ctx, lease.Config{})
		if err != nil {
			return fmt.Errorf("join %s: %w", r.group, err)
		}
		select {
		case <-l.Gone():
		case <-ctx.Done():
		}
		if ctx.Err() == nil {
			continue
		}
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
		defer cancel()
		if err := l.Release(leave); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("leave %s: %w", r.group, err))
		}
		return ctx.Err()
	}
}

// List returns the members, sorted by name, as they were at some time while this was
// asked.
func (r *Registry) List(ctx context.Context) ([]Member, error) {
	ms, _, err := r.list(ctx)
	return ms, err
}

func (r *Registry) list(ctx context.Context) ([]Member, int64, error) {
	prefix := r.c.prefix + r.below
	resp, err := r.c.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, 0, fmt.Errorf("list the members of %s: %w", r.group, err)
	}
	ms := make([]Member, 0, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		ms = append(ms, Member{
			Name:  strings.TrimPrefix(string(kv.Key), prefix),
			Value: string(kv.Value),
			Token: lease.Token(kv.CreateRevision),
		})
	}
	return ms, resp.Header.Revision, nil
}

// relist is how often Watch lists although its watch has said nothing.
const relist = 30 * time.Second

// Watch calls changed with the members, and again after changes, on its own
// goroutine, until ctx ends, and returns ctx's error. Changes that come fast are told
// together. When a watch breaks, by a compaction, without a leader or with the
// connection, the members are listed anew, so that nothing is missed for good.
// While etcd does not answer, changed is not called; trouble is, if it is not nil.
// An error that waiting does not mend (no permission) is returned.
func (r *Registry) Watch(ctx context.Context, changed func([]Member), trouble func(error)) error {
	var told []Member
	first := true
	for wait := firstWait; ; {
		ms, rev, err := r.list(ctx)
		if err == nil {
			if first || !equal(ms, told) {
				first, told = false, ms
				changed(ms)
			}
			wait = firstWait
			err = r.await(ctx, rev)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			continue
		case judge(err) == hopeless:
			return err
		}
		if trouble != nil {
			trouble(err)
		}
		wait = rest(ctx, wait)
	}
}

// await waits for a change after rev, or for a reason to list anew.
func (r *Registry) await(ctx context.Context, rev int64) error {
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), relist)
	defer cancel()
	prefix := r.c.prefix + r.below
	for resp := range r.c.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(rev+1)) {
		if err := resp.Err(); err != nil && resp.CompactRevision == 0 {
			return fmt.Errorf("watch the members of %s: %w", r.group, err)
		}
		if resp.CompactRevision != 0 || len(resp.Events) > 0 {
			return nil
		}
	}
	return nil
}

func equal(a, b []Member) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
