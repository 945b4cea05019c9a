// Package etcd keeps leases in etcd: who holds one, with which token, and who is
// there. It uses etcd's own client; the rules of a lease are package lease's.
//
//	cluster, err := etcd.Dial(etcd.Config{Endpoints: []string{"https://10.0.0.1:2379", …}, TLS: …})
//	election, err := cluster.Election(etcd.ElectionConfig{Name: "ledger", State: "/var/lib/ledger/lease"})
//	fence := election.Fence("ledger")
//	l, err := election.Hold(ctx, lease.Config{})                // waits until it is ours
//	term, err := l.Open(ctx, fence)                             // the barrier
//	err = term.Do(ctx, func(ctx context.Context, token lease.Token) error {
//		_, err := fence.Do(ctx, token, clientv3.OpPut("account/7", "12"))
//		return err
//	})
//
// # Election
//
// An election is one key that lives by a lease of etcd's. Who creates it holds it,
// and the token is the key's create revision, which grows with each holder: etcd's
// revisions do, unless a cluster is restored from an older backup. Then restore it
// with --bump-revision and --mark-compacted, or fences refuse the new tokens as stale.
//
// A renewal is two requests: keep the lease alive, and then read, from a quorum, that
// the key is still this holder's. It counts from before the first one was sent.
//
// The lease's id is in a file (ElectionConfig.State), so that an agent that was
// killed alone goes on with the same lease and token. One process uses the file at a
// time. Without a file, who follows waits until the lease has run out.
//
// # What the lease becomes when etcd is in trouble
//
// An error of etcd is either a word about the lease or no word at all. Only the first
// ends it at once; after the second the time that was granted runs on, and ends.
//
//	what happens                                  the lease
//	etcd answers that it does not know the lease, lost, for good
//	  or that the key is gone or another's
//	no leader, leader changed, no quorum, etcd    held until the margin, doubtful in it, lost after
//	  stopped, slow, cut off or overloaded          it; held again, with the same token, if etcd
//	                                                answers in time and still has the lease
//	etcd restarted, a new leader                  held: etcd gives every lease its whole time anew
//	etcd full (no space)                          held: renewals need none. Nobody becomes holder,
//	                                                no barrier passes and nothing is written
//	permission or password taken away             as when it does not answer
//	only answers are lost, one way                as when it does not answer; etcd keeps the lease
//	                                                from others until the connection is given up,
//	                                                which takes 13 s
//	a corrupt member                              as when it does not answer
//
// Acquire waits as long as that can change by itself, and tells Trouble what it waits
// for. It returns an error where only somebody can change it: a wrong password, no
// permission, a state file that cannot be written.
//
// # Guarantees
//
// Every type here may be used by any number of goroutines. Renewals do not go through
// consensus in etcd, and its clocks may stop as others do: what closes the window is
// the fence, whose transactions etcd checks in the step in which it makes them.
package etcd
