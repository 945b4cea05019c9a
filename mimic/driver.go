package mimic

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
)

// wanted is a pass that is asked for: a *hook.Pass.
type wanted interface {
	Captures() (list []*hook.Capture, over bool)
	Disarm()
}

// region is one with a checker.
type region struct {
	checker
	sites []Site
	owns  int // functions of the author's in it, which need no pass

	armed  wanted // nil if nothing is asked for
	taken  int    // captures of it that were taken over
	number uint64 // of the pass that is asked for
	route  route
	off    bool // its checker has panicked
}

// driver gives checkers their turns and writes what they come to into the page.
// All of it belongs to one goroutine.
type driver struct {
	view     *page.View
	registry *registry
	schedule *schedule
	calls    *calls
	trend    trend

	regions []*region
	version uint64        // of the registry, when regions were taken from it
	of      map[Site]Site // a region whose checker has the operation
	running map[Site]int  // goroutines in each region, as of this wake
	passes  uint64
	failed  []hook.Failure

	// Of the run that is under way.
	now    int64
	region *region
	way    *way
	given  map[Site]capture
	wrote  int
	ended  int // operations on what was closed
}

var starting sync.Once

// start has the driver begin, if anybody reads what it writes. It begins a second
// later, when packages have been initialised, and from a timer, so that an init
// function that counts goroutines counts none of these.
func start() {
	if hook.MimicsWanted() {
		starting.Do(func() {
			time.AfterFunc(time.Second, func() { newDriver(hook.Vitals(), &registered).loop() })
		})
	}
}

func newDriver(v *page.View, r *registry) *driver {
	now := clock.Monotonic()
	return &driver{
		view: v, registry: r, schedule: newSchedule(usual, uint64(now)), calls: newCalls(),
		trend: trend{at: now, lacking: map[lack]int64{}}, of: map[Site]Site{}, running: map[Site]int{},
	}
}

// loop ends only if something is wrong with the driver itself: then it ends, and
// the program goes on.
func (d *driver) loop() {
	defer func() {
		if v := recover(); v != nil {
			d.end(panicked(v))
		}
	}()
	for {
		now, used := clock.Monotonic(), cpuTime()
		d.wake(now)
		d.account(clock.Monotonic()-now, used)
		if d.schedule.aside(now) && d.calls.until() == 0 {
			d.stepAside()
			continue
		}
		d.sleep()
	}
}

// wake does what is due.
func (d *driver) wake(now int64) {
	d.now = now
	d.refresh()
	for s := range d.running {
		delete(d.running, s)
	}
	d.schedule.begin(now, hook.Survey(d.running))
	for _, t := range d.calls.poll(now) {
		d.write(t.region, t.site, t.mimic)
	}
	d.relay()
	for at := now; ; {
		i, ok := d.schedule.next(now)
		if !ok {
			break
		}
		d.wrote = 0
		d.turn(i)
		after := clock.Monotonic()
		d.schedule.used(after-at, d.wrote)
		at = after
	}
	if d.trend.due(now) && len(d.regions) > 0 {
		d.trend.hangs = int64(d.calls.hanging())
		d.trend.refused, d.calls.refused = int64(d.calls.refused), 0
		s := d.regions[0].checker.region
		d.write(s, s, d.trend.take(now))
	}
}

// account corrects what the turns of a wake have cost, by the clock. If that was
// much, the process may have been stopped in it: then it cannot have used more of
// the processor than the whole process has.
func (d *driver) account(wall int64, used int64) {
	if wall > second/10000 && used >= 0 {
		if more := cpuTime() - used; more >= 0 && more < wall {
			d.schedule.used(more-wall, 0)
			wall = more
		}
	}
	d.trend.cost += wall + d.schedule.pace.each
}

// sleep waits until somebody is due, a call has ended, or an operation of the
// program's has failed: that is told at once, for it may be the last thing that the
// program does.
func (d *driver) sleep() {
	at := d.schedule.wake()
	if until := d.calls.until(); until != 0 && until < at {
		at = until
	}
	t := time.NewTimer(time.Duration(at - clock.Monotonic()))
	select {
	case <-t.C:
	case <-d.calls.bell:
		t.Stop()
	case <-hook.HaveFailed():
		t.Stop()
		time.Sleep(time.Duration(d.schedule.woke + pause - clock.Monotonic()))
	}
}

// stepAside arms everything and waits for it without a timer.
func (d *driver) stepAside() {
	for _, g := range d.regions {
		d.collect(g)
		d.arm(g, true)
	}
	hook.Await()
	d.schedule.resume(clock.Monotonic())
}

// refresh takes over what has been registered since.
func (d *driver) refresh() {
	r := d.registry
	r.mu.Lock()
	version, checkers := r.version, r.checkers
	r.mu.Unlock()
	if version == d.version {
		return
	}
	d.version = version
	for _, c := range checkers[len(d.regions):] {
		d.regions = append(d.regions, &region{checker: c})
	}
	for _, g := range d.regions {
		d.guard(g, func() {
			g.sites, g.owns = r.sites(g.checker)
			for _, s := range g.sites {
				d.of[s] = g.checker.region
			}
		})
	}
	d.schedule.add(d.now, len(d.regions))
}

// guard calls f, which goes through g's checker. If it panics, that is the last
// time.
func (d *driver) guard(g *region, f func()) {
	defer func() {
		if v := recover(); v != nil {
			g.off = true
			if g.armed != nil {
				g.armed.Disarm()
				g.armed = nil
			}
			d.trend.panics++
			m := nobody(event.SeeOwn)
			m.Err = panicked(v)
			m.Chain = []event.Frame{{Func: g.name}}
			d.write(g.checker.region, g.checker.region, m)
		}
	}()
	f()
}

// turn is that of the i-th region.
func (d *driver) turn(i int) {
	g := d.regions[i]
	if g.off {
		return
	}
	fresh := d.collect(g)
	runs := fresh || d.running[g.checker.region] > 0 // somebody is in it, or has been
	var ways []*way
	if runs {
		ways = g.route.take(d.now)
	}
	if len(ways) == 0 && g.owns > 0 && (runs || len(g.sites) == 0) {
		ways = append(ways, &way{})
	}
	if len(ways) == 0 {
		d.trend.skipped++
	}
	for _, w := range ways {
		d.run(g, w)
	}
	d.arm(g, false)
}

// collect takes over what has been captured of the pass that was asked for, and
// reports whether there is anything new. What is incomplete is taken too: the
// operation that came last may be one that does not return.
func (d *driver) collect(g *region) (fresh bool) {
	if g.armed == nil {
		return false
	}
	list, over := g.armed.Captures()
	if len(list) > g.taken {
		given := make([]capture, len(list))
		for i, c := range list {
			given[i] = c
		}
		g.route.put(g.number, given, d.now)
		g.taken, fresh = len(list), true
	}
	if over {
		g.armed = nil
	}
	return fresh
}

// arm asks for the next pass of g, unless one that was asked for is still to come,
// or has begun and anew is false.
func (d *driver) arm(g *region, anew bool) {
	if g.off || len(g.sites) == 0 || g.armed != nil && (g.taken == 0 || !anew) {
		return
	}
	g.armed, g.taken = nil, 0
	if p := hook.Arm(g.checker.region, g.sites); p != nil {
		d.passes++
		g.armed, g.number = p, d.passes
	}
}

// run goes through g's checker with the captures of w.
func (d *driver) run(g *region, w *way) {
	d.trend.runs++
	d.region, d.way, d.given = g, w, map[Site]capture{}
	for _, c := range w.given {
		d.given[c.Site()] = c
	}
	wrote := d.wrote
	d.ended = 0
	d.guard(g, func() { g.check(&Pass{look: d, find: d.registry.find}) })
	w.gone = d.ended > 0 && d.wrote == wrote
	d.region, d.way, d.given = nil, nil, nil
}

// mimic writes what the run under way has come to at s.
func (d *driver) mimic(p *Pass, s Site, m event.Mimic) {
	t := d.tell(p, s, m)
	d.write(t.region, t.site, t.mimic)
}

// tell completes m with what is known of the run under way.
func (d *driver) tell(p *Pass, s Site, m event.Mimic) told {
	m.Chain = append([]event.Frame(nil), p.chain...)
	m.Pass = d.way.pass
	return told{d.region.checker.region, s, m}
}

func (d *driver) write(region, site Site, m event.Mimic) {
	m.At = clock.Monotonic()
	d.view.Mimic(uint32(region), uint32(site), m)
	d.wrote++
}

// see implements looker.
func (d *driver) see(p *Pass, s Site, deed event.Deed) {
	c := d.given[s]
	if c == nil {
		return
	}
	list, why := fill(deed, c)
	if why != lacksNothing {
		d.trend.lacking[why]++
		if why == isClosed || why == isCollected {
			d.ended++
		}
		return
	}
	for _, m := range list {
		d.mimic(p, s, m)
	}
}

// own implements looker.
func (d *driver) own(p *Pass, s Site, check func(context.Context) error) {
	if check == nil {
		return
	}
	d.calls.begin(ownKey(s), d.now, d.tell(p, s, nobody(event.SeeOwn)), func(ctx context.Context) (a answer) {
		if err := check(ctx); err != nil {
			a.err = err.Error()
		}
		return a
	})
}

// ownKey and poolKey are what calls are known by.
type (
	ownKey  Site
	poolKey uintptr // the pool's address, which stays its own while a call has it
)

// pool implements looker.
func (d *driver) pool(p *Pass, s Site, stats PoolStats, ping PoolPing) {
	c := d.given[s]
	if c == nil {
		return
	}
	handle := c.Value()
	v := reflect.ValueOf(handle)
	if handle == nil || v.Kind() != reflect.Ptr || v.Pointer() == 0 {
		d.trend.lacking[isCollected]++
		return
	}
	d.calls.begin(poolKey(v.Pointer()), d.now, d.tell(p, s, nobody(event.SeePool)), func(ctx context.Context) (a answer) {
		a.numbers = map[string]int64{}
		if ping != nil {
			if err := ping(ctx, handle); err != nil {
				a.err = err.Error()
			}
		}
		if stats != nil {
			n := a.numbers
			n["open"], n["inuse"], n["max"], n["waits"] = stats(handle)
		}
		return a
	})
}

// failureKey is what the relaying of failures is known by in calls: one at a time,
// which may hang in an Error method.
type failureKey struct{}

// relay has what the program's operations returned as errors told.
func (d *driver) relay() {
	if d.calls.running[failureKey{}] != nil {
		return // hook keeps the last of each site, and how many there were
	}
	if d.failed = hook.Failures(d.failed[:0]); len(d.failed) == 0 {
		return
	}
	of := map[Site]Site{}
	for _, f := range d.failed {
		of[f.Site] = f.Site
		if g, ok := d.of[f.Site]; ok {
			of[f.Site] = g
		}
	}
	list := append([]hook.Failure(nil), d.failed...)
	for i := range d.failed {
		d.failed[i].Err = nil
	}
	d.calls.begin(failureKey{}, d.now, told{}, relaying(list, func(s Site) Site { return of[s] }))
}

// end reports that the driver has ended, and leaves nothing armed.
func (d *driver) end(why string) {
	defer func() { recover() }() // whatever it is, it is not the program's affair
	for _, g := range d.regions {
		if g.armed != nil {
			g.armed.Disarm()
		}
	}
	if len(d.regions) > 0 {
		m := nobody(event.SeeOwn)
		m.Err = "the driver of mimics has ended: " + why
		s := d.regions[0].checker.region
		d.write(s, s, m)
	}
}
