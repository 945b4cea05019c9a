package hook

// publish makes v visible to the agent, after all stores that came before. On
// amd64 an aligned store is atomic and stores are seen in program order, and
// the compiler does not reorder them either (it keeps memory operations in
// one chain); the fence of atomic.StoreUint64 would double a hook's cost. The
// runtime's own internal/runtime/atomic.StoreRel64 is the same plain store.
func publish(p *uint64, v uint64) { *p = v }
