package etcd_test

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// It needs a cluster, so it is compiled and not run.
func Example() {
	ctx := context.Background()
	cluster, err := etcd.Dial(etcd.Config{Endpoints: []string{"http://127.0.0.1:2379"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Close()
	election, err := cluster.Election(etcd.ElectionConfig{Name: "ledger", State: "ledger.lease"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer election.Close()
	l, err := election.Hold(ctx, lease.Config{}) // waits until it is ours
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Release(ctx)
	fence := election.Fence("ledger")
	term, err := l.Open(ctx, fence) // the barrier
	if err != nil {
		fmt.Println(err)
		return
	}
	err = term.Do(ctx, func(ctx context.Context, token lease.Token) error {
		_, err := fence.Do(ctx, token, clientv3.OpPut("account/7", "12"))
		return err
	})
	fmt.Println(err)
}
