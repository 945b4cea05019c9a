// Package etcdnode runs a node of etcd inside of this process: one that is alone, for
// one machine and for trying things out, or a member of a cluster. Package etcd, the
// client's side, is tested here with such nodes, so that programs which use it do
// not get the server into their module graph.
//
// A node that is alone survives what its process and its disk survive, and no more.
package etcdnode
