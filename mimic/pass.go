package mimic

import (
	"context"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Pass is one run of a checker over what one pass of its region gave the
// operations in it. A method for an operation does nothing if this pass has not
// come to it, and no method blocks.
//
// Generated code uses it as a reduced function's only argument:
//
//	func lsWALSync(p *lsmm.Pass) {
//		defer p.Leave()
//		if !p.Enter("(*WAL).sync", "wal.go:850") {
//			return
//		}
//		p.Sync(lsbase + 14) // fileutil.Fdatasync, wal.go:853
//	}
//
// Whether it returns at once where Enter says false is a matter of time only:
// what was visited before is not done twice.
type Pass struct {
	look    looker                   // nil while sites are only collected
	find    func(string) func(*Pass) // a reduced function of another package
	sites   []Site                   // of operations that it has come to
	owns    int                      // functions of the author's that it has come to
	chain   []event.Frame            // outermost first
	visited map[string]bool          // reduced functions, by name and place
	again   int                      // how many functions of the chain had been visited before
	visits  int
}

// looker takes what a pass comes to.
type looker interface {
	// see has the operation at s seen as d.
	see(p *Pass, s Site, d event.Deed)
	own(p *Pass, s Site, check func(context.Context) error)
	pool(p *Pass, s Site, stats PoolStats, ping PoolPing)
}

// PoolStats reads the counters of the pool that handle is: connections open, in
// use and allowed, 0 if there is no limit, and how often one had to be waited
// for.
type PoolStats = func(handle any) (open, inUse, max, waits int64)

// PoolPing makes a round trip by a connection of the pool that handle is.
type PoolPing = func(ctx context.Context, handle any) error

// Bounds of a run: reduced functions are few and do not call each other in
// circles. Beyond, something is wrong with the generated code, and the checker
// is switched off.
const (
	maxDepth  = 200
	maxVisits = 100_000
)

// Enter notes that the reduced function of fn begins, which is at place:
// "(*WAL).sync", "wal.go:850". It reports whether there is anything left to do in
// it: a function is visited once a run. Either way Leave must be called, once.
func (p *Pass) Enter(fn, place string) bool {
	p.visits++
	if len(p.chain) >= maxDepth || p.visits > maxVisits {
		panic("mimic: the reduced functions call each other without an end, at " + fn)
	}
	f := event.Frame{Func: fn, File: place}
	if i := strings.LastIndexByte(place, ':'); i >= 0 {
		if n, err := strconv.Atoi(place[i+1:]); err == nil {
			f.File, f.Line = place[:i], n
		}
	}
	p.chain = append(p.chain, f)
	key := fn + "\n" + place
	if p.again > 0 || p.visited[key] {
		p.again++
		return false
	}
	if p.visited == nil {
		p.visited = map[string]bool{}
	}
	p.visited[key] = true
	return true
}

// Leave notes that the reduced function that was entered last has ended.
func (p *Pass) Leave() {
	if len(p.chain) == 0 {
		return
	}
	p.chain = p.chain[:len(p.chain)-1]
	if p.again > 0 {
		p.again--
	}
}

// Far goes through a reduced function of another package, by the name it has
// registered with. One that is not in the program is passed over.
func (p *Pass) Far(name string) {
	if p.again > 0 || p.find == nil {
		return
	}
	if f := p.find(name); f != nil {
		f(p)
	}
}

// Write is for an operation that writes to a file, at an offset or not.
func (p *Pass) Write(s Site) { p.do(s, event.DoWrite) }

// Sync is for one that makes a file durable.
func (p *Pass) Sync(s Site) { p.do(s, event.DoSync) }

// Read is for one that reads from a file.
func (p *Pass) Read(s Site) { p.do(s, event.DoRead) }

// Truncate is for one that gives a file its size.
func (p *Pass) Truncate(s Site) { p.do(s, event.DoTruncate) }

// Open is for one that opens a file by its path.
func (p *Pass) Open(s Site) { p.do(s, event.DoOpen) }

// Directory is for one that changes the entries of a directory: it creates,
// renames or removes what is at a path.
func (p *Pass) Directory(s Site) { p.do(s, event.DoDirectory) }

// Dial is for one that connects to an address.
func (p *Pass) Dial(s Site) { p.do(s, event.DoDial) }

// Handshake is for one that connects to an address and speaks TLS.
func (p *Pass) Handshake(s Site) { p.do(s, event.DoHandshake) }

// Connection is for one that reads from or writes to a connection.
func (p *Pass) Connection(s Site) { p.do(s, event.SeeConnection) }

// Listener is for one that accepts connections.
func (p *Pass) Listener(s Site) { p.do(s, event.SeeListener) }

// Own is for a check of the author's own, which no operation is needed for. It is
// called on a goroutine of its own, with a context that ends at its deadline.
func (p *Pass) Own(s Site, check func(context.Context) error) {
	if p.again > 0 {
		return
	}
	p.owns++
	if p.look != nil {
		p.look.own(p, s, check)
	}
}

// Pool is for one that uses a pool of database connections, its handle. stats and
// ping are called on a goroutine of their own.
func (p *Pass) Pool(s Site, stats PoolStats, ping PoolPing) {
	if p.comesTo(s) {
		p.look.pool(p, s, stats, ping)
	}
}

func (p *Pass) do(s Site, d event.Deed) {
	if p.comesTo(s) {
		p.look.see(p, s, d)
	}
}

// comesTo notes the operation at s and reports whether it is to be looked at.
func (p *Pass) comesTo(s Site) bool {
	if p.again > 0 {
		return false
	}
	p.sites = append(p.sites, s)
	return p.look != nil
}
