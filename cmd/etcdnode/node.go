package etcdnode

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"go.etcd.io/etcd/server/v3/embed"
)

// Config says what node it is. Dir and Client must be given.
type Config struct {
	Dir    string // its data; made with mode 0700 if it is not there
	Client string // address, host:port, to listen at for clients

	// Of a cluster. Without Members the node is alone.
	Name    string
	Members map[string]string // the members' peer addresses, host:port, by name

	Quota    int64 // bytes of data that it takes; 0 for etcd's own 2 GiB
	HashCost uint  // of passwords, as bcrypt counts; 0 for etcd's own 10

	// Files for TLS with clients; "" for none. With Authority clients need a
	// certificate that is signed by it.
	Certificate, Key, Authority string
}

// Node is a node that runs.
type Node struct {
	config Config
	etcd   *embed.Etcd
}

// Start starts a node and waits until it serves: until its cluster has a quorum. If
// ctx ends before, the node is stopped.
func Start(ctx context.Context, c Config) (*Node, error) {
	ec, err := c.embed()
	if err != nil {
		return nil, err
	}
	e, err := embed.StartEtcd(ec)
	if err != nil {
		return nil, fmt.Errorf("start a node of etcd in %s: %w", c.Dir, err)
	}
	n := &Node{config: c, etcd: e}
	select {
	case <-e.Server.ReadyNotify():
		return n, nil
	case err := <-e.Err():
		n.Stop()
		return nil, fmt.Errorf("start a node of etcd in %s: %w", c.Dir, err)
	case <-e.Server.StopNotify():
		n.Stop()
		return nil, fmt.Errorf("start a node of etcd in %s: it has stopped", c.Dir)
	case <-ctx.Done():
		n.Stop()
		return nil, fmt.Errorf("wait for a node of etcd in %s: %w", c.Dir, ctx.Err())
	}
}

// embed is the configuration in etcd's terms.
func (c Config) embed() (*embed.Config, error) {
	if c.Dir == "" || c.Client == "" {
		return nil, errors.New("a node of etcd needs a directory and an address for its clients")
	}
	ec := embed.NewConfig()
	ec.Dir, ec.LogLevel, ec.QuotaBackendBytes = c.Dir, "panic", c.Quota
	if c.HashCost != 0 {
		ec.BcryptCost = c.HashCost
	}
	at := url.URL{Scheme: "http", Host: c.Client}
	if c.Certificate != "" {
		at.Scheme = "https"
		ec.ClientTLSInfo.CertFile, ec.ClientTLSInfo.KeyFile = c.Certificate, c.Key
		ec.ClientTLSInfo.TrustedCAFile, ec.ClientTLSInfo.ClientCertAuth = c.Authority, c.Authority != ""
	}
	ec.ListenClientUrls, ec.AdvertiseClientUrls = []url.URL{at}, []url.URL{at}
	if len(c.Members) == 0 {
		// Nobody is to come: any port of this machine does.
		peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
		ec.ListenPeerUrls, ec.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		ec.InitialCluster = ec.InitialClusterFromName(ec.Name)
		return ec, nil
	}
	peer := url.URL{Scheme: "http", Host: c.Members[c.Name]}
	if peer.Host == "" {
		return nil, fmt.Errorf("the node %q is none of its own cluster's members", c.Name)
	}
	ec.Name = c.Name
	ec.ListenPeerUrls, ec.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	var all []string
	for name, host := range c.Members {
		all = append(all, name+"=http://"+host)
	}
	sort.Strings(all)
	ec.InitialCluster = strings.Join(all, ",")
	return ec, nil
}

// Endpoint is where clients reach the node.
func (n *Node) Endpoint() string {
	scheme := "http://"
	if n.config.Certificate != "" {
		scheme = "https://"
	}
	return scheme + n.etcd.Clients[0].Addr().String()
}

// Err returns a channel with what the node has stopped for.
func (n *Node) Err() <-chan error { return n.etcd.Err() }

// Stop stops the node and waits for its end.
func (n *Node) Stop() { n.etcd.Close() }
