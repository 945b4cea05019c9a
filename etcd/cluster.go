package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// DefaultPrefix is before every key of this package, if no other is given.
const DefaultPrefix = "lifesign/"

const (
	// dialTimeout bounds the first login, which is a password hash in a server that
	// may be busy.
	dialTimeout = 30 * time.Second

	// retries are the client's own, 25 ms apart at least. It has 100, and says of what
	// it met nothing when time is over meanwhile; here who asks is to know.
	retries = 10

	whyTimeout = time.Second

	// A connection on which nothing comes back is given up after pingEvery and
	// pingTimeout, or, where not even the kernel of the other side answers, after
	// pingTimeout alone. gRPC pings no more often than every 10 s.
	pingEvery   = 10 * time.Second
	pingTimeout = 3 * time.Second
)

// Config says how a cluster is reached. Only Endpoints must be given.
type Config struct {
	Endpoints []string    // URLs of the members, all that there are
	TLS       *tls.Config // nil for none; with a certificate for who is known by one
	User      string      // "" without authentication
	Password  string

	// Prefix is before every key of this package; DefaultPrefix if it is empty.
	// Groups that must know nothing of each other have different ones.
	Prefix string
}

// Cluster is an etcd cluster as a client sees it.
type Cluster struct {
	client *clientv3.Client
	prefix string
	own    bool // client is closed with the cluster
}

// Dial makes a client. It does not wait for the cluster, unless there is a user:
// then it logs in, and returns an error after 30 s without an answer.
func Dial(c Config) (*Cluster, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            c.Endpoints,
		TLS:                  c.TLS,
		Username:             c.User,
		Password:             c.Password,
		DialTimeout:          dialTimeout,
		MaxUnaryRetries:      retries,
		DialKeepAliveTime:    pingEvery,
		DialKeepAliveTimeout: pingTimeout,
		Logger:               zap.NewNop(), // what matters is in the errors
	})
	if err != nil {
		return nil, fmt.Errorf("make a client of etcd at %q: %w", c.Endpoints, err)
	}
	cluster := New(client, c.Prefix)
	cluster.own = true
	return cluster, nil
}

// New uses a client that the program has. Close does not close it. With an empty
// prefix it is DefaultPrefix.
func New(client *clientv3.Client, prefix string) *Cluster {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return &Cluster{client: client, prefix: prefix}
}

// Client returns etcd's client, for what is not this package's to do.
func (c *Cluster) Client() *clientv3.Client { return c.client }

// Close ends what is under way and gives no lease back.
func (c *Cluster) Close() error {
	if !c.own {
		return nil
	}
	if err := c.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close the client of etcd: %w", err)
	}
	return nil
}

// why adds to an error of time that is over what is in the way, if it is the
// connection. etcd's client waits for one and does not say for what.
func (c *Cluster) why(ctx context.Context, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, whyTimeout)
	defer cancel()
	// The stub fails at once where there is no connection.
	kv := etcdserverpb.NewKVClient(c.client.ActiveConnection())
	_, e := kv.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte(c.prefix), Serializable: true})
	if status.Code(e) != codes.Unavailable {
		return err
	}
	return fmt.Errorf("%w: %v", err, e)
}

// grant makes a lease that lasts at least ttl.
func (c *Cluster) grant(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	resp, err := c.client.Grant(ctx, int64(ttl/time.Second))
	if err != nil {
		return 0, fmt.Errorf("grant a lease: %w", err)
	}
	return resp.ID, nil
}

// revoke ends a lease and with it its keys. That there is none any more is no error.
func (c *Cluster) revoke(ctx context.Context, id clientv3.LeaseID) error {
	if _, err := c.client.Revoke(ctx, id); err != nil && judge(err) != gone {
		return fmt.Errorf("revoke lease %x: %w", int64(id), err)
	}
	return nil
}
