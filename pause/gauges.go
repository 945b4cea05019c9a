package pause

import (
	"os"

	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// gauges reads everything of this process.
type gauges struct {
	kernel    *proc.Gauges
	gauge     proc.Gauge
	runtime   *ownRuntime
	continued *continued
}

func openGauges(signal bool) *gauges {
	g := &gauges{kernel: proc.Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid()}.Gauges(), runtime: newOwnRuntime()}
	if signal {
		g.continued = openContinued()
	}
	return g
}

// read fills in r, whose buffer is used again.
func (g *gauges) read(r *Reading) {
	threads := r.Threads[:0]
	*r = Nothing()
	g.kernel.Read(&g.gauge)
	k := &g.gauge
	r.RanNS, r.ThrottledNS, r.FrozenNS, r.Notices = k.RanNS, k.ThrottledNS, k.FrozenNS, k.Notices
	r.Faults, r.AllFaults, r.ReadBytes, r.SwapIns, r.IONS, r.StealNS = k.Faults, k.AllFaults, k.ReadBytes, k.SwapIns, k.IONS, k.StealNS
	r.Threads = g.threads(threads)
	g.runtime.read(r)
	if g.continued != nil {
		r.Continued = g.continued.count()
	}
	r.Mono, r.Boot = clock.Monotonic(), clock.Boot()
}

// threads adds what was read of the threads to the list.
func (g *gauges) threads(list []Thread) []Thread {
	for _, t := range g.gauge.Threads {
		if t.Err == "" {
			list = append(list, Thread{t.ID, t.WaitedNS})
		}
	}
	return list
}

// readThreads brings the threads up to date, if they are few. What they wait on a busy
// machine differs so much that it must be read shortly before a gap.
func (g *gauges) readThreads(r *Reading) {
	if len(r.Threads) > fewThreads {
		return
	}
	g.gauge.Threads = g.kernel.Threads(g.gauge.Threads)
	r.Threads, r.ThreadsAt = g.threads(r.Threads[:0]), clock.Monotonic()
}

// fewThreads is how many threads are read at every tick: a microsecond each.
const fewThreads = 32

// readLate brings up to date what may show late: signals, notices, waiting for I/O
// and the runtime's.
func (g *gauges) readLate(r *Reading) {
	r.Notices, r.IONS = g.kernel.Late()
	g.runtime.read(r)
	if g.continued != nil {
		r.Continued = g.continued.count()
	}
}

func (g *gauges) close() {
	g.kernel.Close()
	if g.continued != nil {
		g.continued.close()
	}
}
