//go:build !amd64

package hook

import "sync/atomic"

// publish makes v visible to the agent, after all stores that came before.
func publish(p *uint64, v uint64) { atomic.StoreUint64(p, v) }
