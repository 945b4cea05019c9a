package grpc

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lifesign-go/lifesign/guard"
)

// What clients get.
var (
	errCrashed  = status.Error(codes.Internal, "internal error")
	errDraining = status.Error(codes.Unavailable, "the server is draining")
)

// Guard returns the options that make each call of a server a unit of work. Give them
// first: what interceptors do that come before is not in the unit.
func Guard() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(Unary), grpc.ChainStreamInterceptor(Stream)}
}

// Unary makes a call with one request and one response a unit of work. It is a
// grpc.UnaryServerInterceptor.
func Unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var resp any
	err := do(ctx, func(ctx context.Context) (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	if err != nil {
		resp = nil
	}
	return resp, err
}

// Stream makes a call with a stream of requests or responses a unit of work. It is a
// grpc.StreamServerInterceptor.
func Stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return do(stream.Context(), func(ctx context.Context) error {
		return handler(srv, &guarded{stream, ctx})
	})
}

// do calls f as a unit of work, unless the program is draining.
func do(ctx context.Context, f func(ctx context.Context) error) error {
	if _, draining := guard.Draining(); draining {
		return errDraining
	}
	err := guard.Do(ctx, f)
	var crash *guard.Crash
	if errors.As(err, &crash) {
		return errCrashed
	}
	return err
}

// guarded is a stream whose context is that of its unit.
type guarded struct {
	grpc.ServerStream
	ctx context.Context
}

func (g *guarded) Context() context.Context { return g.ctx }
