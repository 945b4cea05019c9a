// Command raft503 is a cluster of three raft nodes that applies log entries.
// The leader's log store then never returns from a write: the leader's main loop
// stands, and as its heartbeats run on other goroutines, nobody elects a new
// one (hashicorp/raft #503, v1.7.3). Without -after the leader's store is a file
// below -dir, on whose file system the fault can be.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

const nodes = 3

func main() {
	begin()
	fast, err := os.MkdirTemp("", "raft503-") // the followers' disk is not the leader's
	if err != nil {
		fail("make a directory", err)
	}
	var addresses []raft.ServerAddress
	var transports []*raft.InmemTransport
	for i := range nodes {
		a, t := raft.NewInmemTransport(raft.ServerAddress(fmt.Sprint("node", i)))
		for j, other := range transports {
			t.Connect(addresses[j], other)
			other.Connect(a, t)
		}
		addresses, transports = append(addresses, a), append(transports, t)
	}
	disk := &store{BoltStore: open(filepath.Join(*dir, "leader.db"))}
	leader := newNode(addresses[0], transports[0], disk)
	for i := 1; i < nodes; i++ {
		newNode(addresses[i], transports[i], open(filepath.Join(fast, fmt.Sprint(i))))
	}
	elect(leader, addresses)
	go work(1, func(int) error { return leader.Apply([]byte("entry"), 0).Error() })
	faultDue()
	disk.hung.Store(true)
	select {}
}

// store is a log store that can be made to hang.
type store struct {
	*raftboltdb.BoltStore
	hung atomic.Bool
}

func (s *store) StoreLogs(logs []*raft.Log) error {
	if s.hung.Load() {
		fault(now())
		select {}
	}
	return s.BoltStore.StoreLogs(logs)
}

func (s *store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

func open(name string) *raftboltdb.BoltStore {
	s, err := raftboltdb.NewBoltStore(name)
	if err != nil {
		fail("open a store", err)
	}
	return s
}

type logStore interface {
	raft.LogStore
	raft.StableStore
}

func newNode(a raft.ServerAddress, t *raft.InmemTransport, s logStore) *raft.Raft {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(a)
	c.Logger = hclog.NewNullLogger()
	r, err := raft.NewRaft(c, machine{}, s, s, raft.NewInmemSnapshotStore(), t)
	if err != nil {
		fail("start a node", err)
	}
	return r
}

// elect makes leader the leader: it begins alone, and the others join it.
func elect(leader *raft.Raft, addresses []raft.ServerAddress) {
	alone := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(addresses[0]), Address: addresses[0]}}}
	if err := leader.BootstrapCluster(alone).Error(); err != nil {
		fail("make a cluster", err)
	}
	for leader.State() != raft.Leader {
		time.Sleep(10 * time.Millisecond)
	}
	for _, a := range addresses[1:] {
		if err := leader.AddVoter(raft.ServerID(a), a, 0, 0).Error(); err != nil {
			fail("add a node", err)
		}
	}
}

// machine is a state machine without a state.
type machine struct{}

func (machine) Apply(*raft.Log) any                 { return nil }
func (machine) Snapshot() (raft.FSMSnapshot, error) { return nil, io.EOF }
func (machine) Restore(io.ReadCloser) error         { return nil }
