package etcd

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// word is what an error says of a lease.
type word int

const (
	// silence: it was done or not, it will be better or not. What was granted
	// before still counts.
	silence word = iota

	// gone: etcd does not have the lease and never will again.
	gone

	// hopeless: nothing was done, and asking again changes nothing before somebody
	// changes etcd or what it is asked. For who holds the lease it is as silence.
	hopeless
)

// judge says what an error of etcd, or of the way to it, says of a lease. What it
// does not know is silence: the worst that follows is a wait.
func judge(err error) word {
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return gone
	case errors.Is(err, rpctypes.ErrAuthOldRevision):
		return silence // somebody has just changed users; the next attempt logs in anew
	case errors.Is(err, rpctypes.ErrLeaseTTLTooLarge):
		return hopeless
	}
	code := status.Code(err)
	if known := (rpctypes.EtcdError{}); errors.As(err, &known) {
		code = known.Code()
	}
	switch code {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unimplemented:
		return hopeless
	}
	return silence
}
