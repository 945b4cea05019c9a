// Command etcd is one etcd server with clients in the same process that put
// keys while others watch them.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

const (
	writers  = 4
	watchers = 8
)

// Of a cluster; without them the server is alone.
var (
	member = flag.Int("member", 0, "which member of a cluster this is")
	peer   = flag.String("peer", "", "the address to listen at for the other members")
	peers  = flag.String("peers", "", "where the members reach each other, addresses in order with commas between them")
	idle   = flag.Bool("idle", false, "be without clients")
)

func main() {
	begin()
	e, err := embed.StartEtcd(configuration())
	if err != nil {
		fail("start etcd", err)
	}
	<-e.Server.ReadyNotify()
	if *idle {
		select {}
	}
	var watched atomic.Int64
	for range watchers {
		go watch(connect(e), &watched)
	}
	for w := range writers {
		client := connect(e)
		go work(writers, func(i int) error {
			put(client, fmt.Sprintf("key/%d/%d", w, i%1000))
			return nil
		})
	}
	select {}
}

func configuration() *embed.Config {
	c := embed.NewConfig()
	c.Dir = *dir
	c.LogLevel = "panic"
	c.AutoCompactionMode = "revision"
	c.AutoCompactionRetention = "10000"
	// Unix sockets below the directory of the store would be on its file system.
	any := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	c.ListenClientUrls, c.ListenPeerUrls = []url.URL{any}, []url.URL{any}
	if *peers != "" {
		join(c)
	}
	return c
}

// join makes c that of a member of a cluster.
func join(c *embed.Config) {
	var all []string
	for i, at := range strings.Split(*peers, ",") {
		u := url.URL{Scheme: "http", Host: at}
		all = append(all, fmt.Sprintf("member%d=%s", i, u.String()))
		if i == *member {
			c.Name, c.AdvertisePeerUrls = fmt.Sprint("member", i), []url.URL{u}
		}
	}
	c.ListenPeerUrls = []url.URL{{Scheme: "http", Host: *peer}}
	c.InitialCluster = strings.Join(all, ",")
}

// connect returns a client that speaks gRPC over loopback.
func connect(e *embed.Etcd) *clientv3.Client {
	if len(e.Clients) == 0 {
		return v3client.New(e.Server)
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{e.Clients[0].Addr().String()}})
	if err != nil {
		fail("connect to etcd", err)
	}
	return c
}

// put tries again until it is done: a server whose disk hangs times requests out.
func put(c *clientv3.Client, key string) {
	for {
		if _, err := c.Put(context.Background(), key, "value"); err == nil {
			return
		}
	}
}

func watch(c *clientv3.Client, watched *atomic.Int64) {
	for r := range c.Watch(context.Background(), "key/", clientv3.WithPrefix()) {
		watched.Add(int64(len(r.Events)))
	}
}
