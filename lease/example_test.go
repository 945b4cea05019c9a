package lease_test

import (
	"context"
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/lease"
)

// row is a keeper of one process: a row of a database would be one for many.
type row struct{ token lease.Token }

func (r *row) Acquire(context.Context) (lease.Token, error) { r.token++; return r.token, nil }
func (r *row) Release(context.Context, lease.Token) error   { return nil }
func (r *row) Renew(_ context.Context, t lease.Token) (time.Duration, error) {
	if t != r.token {
		return 0, lease.ErrLost
	}
	return 10 * time.Second, nil
}

func ExampleLease_Open() {
	ctx := context.Background()
	l, err := lease.Hold(ctx, lease.Config{Keeper: &row{token: 6}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Release(ctx)

	ledger, _ := lease.NewFence(nil) // the store's side: usually in another process
	term, err := l.Open(ctx, ledger)
	if err != nil {
		fmt.Println(err)
		return
	}
	write := func(ctx context.Context, token lease.Token) error {
		return ledger.Do(ctx, token, func() error {
			fmt.Println("written")
			return nil
		})
	}
	fmt.Println(term.Do(ctx, write))

	ledger.Barrier(ctx, 8) // another holder's
	fmt.Println(term.Do(ctx, write))
	// Output:
	// written
	// <nil>
	// token 7 is stale: the store has heard of 8
}
