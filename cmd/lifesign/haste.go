package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	gometrics "runtime/metrics"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/cmd/weave"
)

// hasteLimit is how much memory the process may take before garbage is
// collected, while haste lasts. What loading and analysing makes is mostly kept
// until it is done: etcd with all it depends on makes 3.2 GB, of which 1 GB is in
// use at the end. At the default GOGC a fifth of the CPU time goes into finding
// that out again and again; up to this limit, there are two collections.
const hasteLimit = 2200 << 20

// haste lets the process take memory rather than time, until end. Who has set
// GOGC or GOMEMLIMIT has decided otherwise.
type haste struct {
	mu             sync.Mutex // guards ended and the settings of the collector
	ended          bool
	percent        int // as they were
	before, within int64
}

// mark is an object that a collection finds to be of no use.
type mark struct{ _ *mark }

func beginHaste() *haste {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return &haste{ended: true}
	}
	h := &haste{within: min(hasteLimit, machineMemory()/2)}
	h.percent = debug.SetGCPercent(-1)
	h.before = debug.SetMemoryLimit(h.within)
	h.watch()
	return h
}

// watch has the limit looked at after each collection. A limit that is near to
// what is in use would have the collector run all the time.
func (h *haste) watch() {
	runtime.SetFinalizer(new(mark), func(*mark) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.ended {
			return
		}
		if w := roomFor(liveHeap()); w > h.within {
			h.within = w
			debug.SetMemoryLimit(w)
		}
		h.watch()
	})
}

// roomFor returns the least limit for a heap with so much in use: collections
// are then about as frequent as at GOGC=100.
func roomFor(live int64) int64 { return 2 * live }

// step ends haste when a build has analysed, and gives the memory back:
// compilers and the program run next.
func (h *haste) step(s weave.Step) {
	if s.Phase == weave.Generate && !s.Done {
		h.end()
		debug.FreeOSMemory()
	}
}

// end restores the settings that were. It may be called again.
func (h *haste) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return
	}
	h.ended = true
	debug.SetGCPercent(h.percent)
	debug.SetMemoryLimit(h.before)
}

// liveHeap returns how many bytes the last collection found in use.
func liveHeap() int64 {
	sample := []gometrics.Sample{{Name: "/gc/heap/live:bytes"}}
	gometrics.Read(sample)
	if sample[0].Value.Kind() != gometrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// machineMemory returns how much memory there is for the process: the
// machine's, or what its container allows.
func machineMemory() int64 {
	total := int64(math.MaxInt64)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			total = min(total, n)
		}
	}
	return total
}
