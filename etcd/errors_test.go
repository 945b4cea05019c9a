package etcd

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Only one error in all of etcd's ends a lease.
func TestWordsOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want word
	}{
		{rpctypes.ErrLeaseNotFound, gone},
		{rpctypes.ErrNoLeader, silence},
		{rpctypes.ErrNotLeader, silence},
		{rpctypes.ErrLeaderChanged, silence},
		{rpctypes.ErrStopped, silence},
		{rpctypes.ErrTimeout, silence},
		{rpctypes.ErrTimeoutDueToLeaderFail, silence},
		{rpctypes.ErrTimeoutDueToConnectionLost, silence},
		{rpctypes.ErrTimeoutWaitAppliedIndex, silence},
		{rpctypes.ErrUnhealthy, silence},
		{rpctypes.ErrCorrupt, silence},
		{rpctypes.ErrNoSpace, silence},
		{rpctypes.ErrTooManyRequests, silence},
		{rpctypes.ErrInvalidAuthToken, silence},
		{rpctypes.ErrAuthOldRevision, silence},
		{rpctypes.ErrCompacted, silence},
		{rpctypes.ErrFutureRev, silence},
		{rpctypes.ErrAuthFailed, hopeless},
		{rpctypes.ErrPermissionDenied, hopeless},
		{rpctypes.ErrUserEmpty, hopeless},
		{rpctypes.ErrLeaseTTLTooLarge, hopeless},
		{rpctypes.ErrRequestTooLarge, hopeless},
		{context.Canceled, silence},
		{context.DeadlineExceeded, silence},
		{status.Error(codes.Unavailable, "connection refused"), silence},
		{status.Error(codes.DeadlineExceeded, "late"), silence},
		{status.Error(codes.Internal, "a frame was cut"), silence},
		{status.Error(codes.PermissionDenied, "by a proxy"), hopeless},
		{errors.New("something new"), silence},
	} {
		for _, err := range []error{c.err, fmt.Errorf("read the key: %w", c.err)} {
			if got := judge(err); got != c.want {
				t.Errorf("judge(%v) = %d, want %d", err, got, c.want)
			}
		}
	}
}
