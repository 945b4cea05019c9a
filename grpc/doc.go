// Package grpc has interceptors for gRPC servers, by which each call is a unit of work
// of package guard: its panic ends the call, with status Internal, and neither the
// server nor other calls on the connection.
//
//	import lifesign "github.com/lifesign-go/lifesign/grpc"
//
//	server := grpc.NewServer(lifesign.Guard()...)
//
// Each call's context is that of its unit: guard.Commit refuses to keep what a call
// holds that has crashed. Once crashes have escalated (guard.Draining), new calls get
// status Unavailable, which clients may try elsewhere; those that have begun go on.
//
// What the status tells a client is one of two fixed texts. The crash itself is told
// as guard.Config says.
//
// The functions may be called by any number of goroutines. A call costs a unit of work
// more, some 30 ns, and a stream a wrapper beside.
package grpc
