package hook

import (
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// alone runs f in a goroutine of its own and waits for its end.
func alone(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func expect(t testing.TB, want string) {
	t.Helper()
	if got := told(mine(t)); got != want {
		t.Errorf("page says %q, want %q", got, want)
	}
}

func TestHooksAreOn(t *testing.T) {
	if !haveIdentity {
		t.Fatal("no identity on " + runtime.GOARCH)
	}
	if s := vitals.Header.State; s != page.StateOn {
		t.Fatalf("state %d", s)
	}
}

func TestLocksAreHeldUntilReleased(t *testing.T) {
	alone(func() {
		var m sync.Mutex
		var rw sync.RWMutex
		Lock(siteLock, &m)
		expect(t, "+lock")
		RLock(siteRLock, &rw)
		RLock(siteRLock, &rw)
		expect(t, "+lock +rlock +rlock")
		Unlock(&m)
		expect(t, "+rlock +rlock")
		RUnlock(&rw)
		RUnlock(&rw)
		RWLock(siteRWLock, &rw)
		if TryRLock(siteRLock, &rw) || RWTryLock(siteRWLock, &rw) {
			t.Error("a lock was given twice")
		}
		expect(t, "+rwlock")
		RWUnlock(&rw)
		if !TryLock(siteLock, &m) || !TryRLock(siteRLock, &rw) {
			t.Error("a free lock was refused")
		}
		expect(t, "+lock +rlock")
		Unlock(&m)
		RUnlock(&rw)
		expect(t, "")
	})
}

func TestWaitForLockIsInFlight(t *testing.T) {
	var m sync.Mutex
	Lock(siteLock, &m)
	id := make(chan uint64, 1)
	done := make(chan bool)
	go func() {
		id <- number()
		Lock(siteLock, &m)
		expect(t, "+lock")
		Unlock(&m)
		close(done)
	}()
	waitFor(t, <-id, "lock")
	Unlock(&m)
	<-done
}

// waitFor waits until the page says want of goroutine id.
func waitFor(t testing.TB, id uint64, want string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		got := told(goroutine(t, id))
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("page says %q of goroutine %d for 30 s, want %q", got, id, want)
		}
	}
}

func TestLockers(t *testing.T) {
	alone(func() {
		var m sync.Mutex
		var rw sync.RWMutex
		for _, test := range []struct {
			l    sync.Locker
			want string
		}{
			{&m, "+lock"}, {&rw, "+rwlock"}, {rw.RLocker(), "+rlock"}, {ownLocker{}, ""},
		} {
			LockerLock(siteLocker, test.l)
			expect(t, test.want)
			LockerUnlock(test.l)
			expect(t, "")
			LockerLockFunc(siteLocker, test.l)()
			LockerUnlockFunc(test.l)()
			expect(t, "")
		}
	})
}

type ownLocker struct{}

func (ownLocker) Lock()   {}
func (ownLocker) Unlock() {}

func TestMethodValues(t *testing.T) {
	alone(func() {
		var m sync.Mutex
		var rw sync.RWMutex
		for _, test := range []struct {
			lock, unlock func()
			want         string
		}{
			{LockFunc(siteLock, &m), UnlockFunc(&m), "+lock"},
			{RWLockFunc(siteRWLock, &rw), RWUnlockFunc(&rw), "+rwlock"},
			{RLockFunc(siteRLock, &rw), RUnlockFunc(&rw), "+rlock"},
		} {
			expect(t, "")
			test.lock()
			expect(t, test.want)
			test.unlock()
			expect(t, "")
		}
	})
}

func TestCondWaitDoesNotHoldItsLock(t *testing.T) {
	var m sync.Mutex
	d := sync.NewCond(&m)
	id := make(chan uint64, 1)
	done := make(chan bool)
	go func() {
		Lock(siteLock, &m)
		id <- number()
		CondWait(siteCall, d)
		expect(t, "+lock")
		Unlock(&m)
		expect(t, "")
		close(done)
	}()
	waitFor(t, <-id, "call")
	d.Signal()
	<-done
}

func TestReleaseByAnotherIsForeign(t *testing.T) {
	var m sync.Mutex
	Lock(siteLock, &m)
	alone(func() { Unlock(&m) })
	var r page.Reading
	if err := reader.Read(&r); err != nil {
		t.Fatal(err)
	}
	if !r.Foreign[uint64(addr(&m))] {
		t.Error("the lock is not among those released by another")
	}
	Lock(siteLock, &m)
	Unlock(&m)
	Unwind(0)
	release(self(), addr(&m)) // what the foreign release has left behind
}

func TestHolderThatEndsLeavesAnOrphan(t *testing.T) {
	var m sync.Mutex
	var id uint64
	alone(func() { id = number(); Lock(siteLock, &m) })
	orphan := func() bool {
		var r page.Reading
		if err := reader.Read(&r); err != nil {
			t.Fatal(err)
		}
		for _, o := range r.Orphans {
			if o.Record.Object == uint64(addr(&m)) && o.Goroutine == id {
				return true
			}
		}
		return false
	}
	// The orphan is noted when the g is used again and calls a hook.
	for i := 0; !orphan(); i++ {
		if i == 10000 {
			t.Fatal("no orphan although 10000 goroutines came after its holder")
		}
		alone(func() { Enter(siteCall); Exit(siteCall) })
	}
	alone(func() { Unlock(&m) })
	if orphan() {
		t.Error("the orphan stays although its lock was released")
	}
}

func TestChannels(t *testing.T) {
	ch := make(chan int)
	id := make(chan uint64, 2)
	go func() {
		id <- number()
		To(siteSend, ch).Send(7)
		To(siteSend, ch).Send(8)
		close(ch)
	}()
	waitFor(t, <-id, "send")
	alone(func() {
		if got := Recv(siteRecv, ch); got != 7 {
			t.Errorf("received %d, want 7", got)
		}
		sum := 0
		for v, ok, c := RangeOver(siteRecv, ch); ok; v, ok = RecvOK(siteRecv, c) {
			sum += v
		}
		if sum != 8 {
			t.Errorf("received %d, want 8", sum)
		}
		expect(t, "")
	})
	back := make(chan error)
	go func() { id <- number(); Recv(siteRecv, back) }()
	waitFor(t, <-id, "receive")
	To(siteSend, back).Send(nil)
}

func TestRegionsCount(t *testing.T) {
	alone(func() {
		Begin(siteRegion)
		for i := 0; i < 3; i++ {
			Mark(siteRegion)
			Begin(siteInner)
			Mark(siteInner)
			if i == 1 {
				continue // leaves the inner region without its End
			}
			End(siteInner)
		}
		expect(t, " [1×3]")
		Begin(siteInner)
		expect(t, " [1×3] [2×0]")
		End(siteInner)
		End(siteRegion)
		expect(t, "")
	})
}

func TestPanicLeavesNoRecord(t *testing.T) {
	fail := func(how func()) func() {
		return func() {
			defer Unwind(Here())
			Begin(siteRegion)
			Mark(siteRegion)
			Enter(siteCall)
			how()
			Exit(siteCall)
			End(siteRegion)
		}
	}
	for name, how := range map[string]func(){
		"panic":       func() { panic("x") },
		"return":      func() {},
		"nested":      func() { Enter(siteOther); panic("x") },
		"nil mutex":   func() { Lock(siteLock, nil) },
		"nil rwmutex": func() { RLock(siteRLock, nil) },
		"nil cond":    func() { CondWait(siteCall, nil) },
		"full": func() {
			for i := 0; i < 3*page.Records; i++ {
				Enter(siteOther)
			}
			panic("x")
		},
	} {
		if racing && name == "nil rwmutex" {
			continue // before it panics, the plain one has told the race detector to look away
		}
		t.Run(name, func(t *testing.T) {
			alone(func() {
				var m sync.Mutex
				Lock(siteLock, &m)
				func() {
					defer func() { recover() }()
					fail(how)()
				}()
				expect(t, "+lock")
				Unlock(&m)
				expect(t, "")
			})
		})
	}
}

func TestSendOnChannelClosedMeanwhileLeavesNoRecord(t *testing.T) {
	if racing {
		return // the race detector rightly reports the close beside a send
	}
	alone(func() {
		ch := make(chan int)
		id := number()
		go func() { waitFor(t, id, "send"); close(ch) }()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			To(siteSend, ch).Send(1)
		}()
		expect(t, "")
	})
}

func TestGoexitLeavesNoRecord(t *testing.T) {
	var id uint64
	alone(func() {
		defer func() { expect(t, "") }()
		defer Unwind(Here())
		id = number()
		Begin(siteRegion)
		Enter(siteCall)
		runtime.Goexit()
	})
	if got := told(goroutine(t, id)); got != "" {
		t.Errorf("page says %q of a goroutine that has ended", got)
	}
}

func TestUnwindKeepsLocks(t *testing.T) {
	alone(func() {
		var a, b sync.Mutex
		func() {
			defer Unwind(Here())
			Lock(siteLock, &a)
			Enter(siteCall)
			Lock(siteLock, &b)
		}()
		expect(t, "+lock +lock")
		Unlock(&a)
		Unlock(&b)
		expect(t, "")
	})
}

func TestMoreRecordsThanACellHolds(t *testing.T) {
	alone(func() {
		locks := make([]sync.Mutex, page.Records+5)
		for i := range locks {
			Lock(siteLock, &locks[i])
		}
		if g := mine(t); len(g.Records) != page.Records || !g.Lost {
			t.Errorf("%d records, lost %v", len(g.Records), g.Lost)
		}
		for i := range locks {
			Unlock(&locks[i])
		}
		expect(t, "")
	})
}

// TestCellIsWhatCachedFinds holds the assembly to the Go code.
func TestCellIsWhatCachedFinds(t *testing.T) {
	var wg sync.WaitGroup
	for i := 0; i < 500; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, when := range []string{"before", "after"} {
				if got, want := cell(), cached(identity()); got != want {
					t.Errorf("%s its first hook: cell gives %p, cached %p", when, got, want)
				}
				self()
				runtime.Gosched()
			}
		}()
	}
	wg.Wait()
}

// TestManyGoroutines checks that each goroutine has a cell of its own while
// many come and go.
func TestManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for i := 0; i < 2000; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var m sync.Mutex
			for k := 0; k < 20; k++ {
				Lock(siteLock, &m)
				runtime.Gosched()
				c := self()
				if c == nil || c.ID != number() || records(c) != 1 {
					t.Errorf("goroutine %d finds the cell of another", number())
				}
				Unlock(&m)
			}
		}()
	}
	wg.Wait()
	if n := vitals.Header.CellsLost; n != 0 {
		t.Errorf("%d goroutines lost", n)
	}
}

func TestRegisterRefusesForeignLayout(t *testing.T) {
	for name, layout := range map[string]string{
		"empty":      "",
		"other arch": "go1.26.8 vax g.goid=152",
		"no goid":    "go1.26.8 " + runtime.GOARCH,
		"beyond g":   "go1.26.8 " + runtime.GOARCH + " g.goid=4096",
		"unaligned":  "go1.26.8 " + runtime.GOARCH + " g.goid=151",
		"wrong":      "go1.26.8 " + runtime.GOARCH + " g.goid=8",
	} {
		off := offsetOfGoid(layout)
		if off != 0 && off <= maxGoidAt && off%8 == 0 && wordOfG(off) == number() {
			t.Errorf("%s: layout accepted", name)
		}
	}
}

func TestTableFullLosesSitesOnly(t *testing.T) {
	alone(func() {
		saved := vitals.Header.SiteBytes
		vitals.Header.SiteBytes = uint64(len(vitals.Sites)) - 10
		s := addRows(string(page.AppendSite(nil, event.Site{Kind: event.Call, File: "too_long_for_the_rest.go"})))
		vitals.Header.SiteBytes = saved
		Enter(s)
		if g := mine(t); len(g.Records) != 0 {
			t.Errorf("a record at a site without a row is told: %v", g.Records)
		}
		Exit(s)
		vitals.Header.SitesLost = 0
	})
}

func TestSiteWithoutAByteIsDoneNowhere(t *testing.T) {
	alone(func() {
		before := *finished
		for _, s := range []Site{noRow, noRow + 1, page.DoneCap} {
			Enter(s)
			Exit(s)
		}
		if *finished != before {
			t.Error("a site is done that nothing was done at")
		}
	})
}

// TestOccurrencesAreCounted checks that a goroutine which does things is seen to,
// also when its cell is full, and that the count of occurrences may wrap.
func TestOccurrencesAreCounted(t *testing.T) {
	alone(func() {
		c := self()
		for _, start := range []uint64{c.Count, 1<<64 - 4*page.Occurrence} {
			c.Count = start
			Enter(siteCall)
			p := Here()
			for i := 0; i < 2*page.Records; i++ {
				before := mine(t).Seq
				Enter(siteOther)
				if after := mine(t).Seq; after == before {
					t.Fatalf("operation %d leaves the count at %d", i, after)
				}
			}
			Unwind(p)
			expect(t, "call")
			Exit(siteCall)
			expect(t, "")
		}
	})
}

// TestCellsAreProbed checks what becomes of a goroutine whose g hashes to a cell
// that another has, and of one that finds no cell within reach.
func TestCellsAreProbed(t *testing.T) {
	g := uintptr(page.CellCap/2) << cellDrop
	for n := uintptr(0); n < probes; n++ {
		if cellAt(place(g, n)).G != 0 {
			g, n = g+1<<cellDrop, 0
		}
	}
	defer func() {
		for n := uintptr(0); n < probes; n++ {
			c := cellAt(place(g, n))
			c.G, c.ID = 0, 0
		}
	}()
	listed := vitals.Header.CellCount
	for n := uintptr(0); n < probes; n++ {
		id := uint64(1e9 + n)
		c := find(g+n, id)
		if want := cellAt(place(g, n)); c != want || c.ID != id || find(g+n, id) != c {
			t.Fatalf("goroutine %d has cell %p, want %p", n, c, want)
		}
		if at := vitals.Order[listed+uint64(n)]; at != uint32(place(g, n))+1 {
			t.Errorf("goroutine %d is listed at cell %d", n, at)
		}
	}
	if got := cached(g, 1e9); got != cellAt(place(g, 0)) {
		t.Errorf("the first goroutine's cell is %p", got)
	}
	if got := cached(g, 1e9+1); got != nil {
		t.Errorf("a goroutine is given the cell of another, %p", got)
	}
	for n := uintptr(0); n < page.CellCap; n += page.CellCap / 64 {
		if c := cached(n<<cellDrop, 0); c != nil {
			t.Errorf("where goroutines cannot be told apart all have cell %p", c)
		}
	}
	if c := find(g+probes, 2e9); c != nil || vitals.Header.CellsLost != 1 {
		t.Errorf("one too many has cell %p, %d are lost", c, vitals.Header.CellsLost)
	}
	vitals.Header.CellCount, vitals.Header.CellsLost = listed, 0
}

// TestEverybodyFindsACell places as many gs as the page is said to hold, in a row
// and scattered over a large heap, as the allocator lays them out: 18 in 8 KB.
func TestEverybodyFindsACell(t *testing.T) {
	const goroutines, row, span = 65536, 18, 8192
	random := rand.New(rand.NewSource(1))
	for name, next := range map[string]func(i int) uintptr{
		"in a row":  func(i int) uintptr { return uintptr(i) },
		"scattered": func(int) uintptr { return uintptr(random.Intn(1 << 20)) },
	} {
		taken, spans, away := make([]bool, page.CellCap), map[uintptr]bool{}, 0
		for i := 0; i < goroutines; i += row {
			at := next(i / row)
			for spans[at] {
				at = next(i / row)
			}
			spans[at] = true
			for k := uintptr(0); k < row; k++ {
				g, n := 0xc000000000+at*span+k*448, uintptr(0)
				for n < probes && taken[place(g, n)] {
					n++
				}
				if n == probes {
					t.Fatalf("%s: goroutine %d finds no cell", name, i)
				}
				if n > 0 {
					away++
				}
				taken[place(g, n)] = true
			}
		}
		if away > goroutines/2 {
			t.Errorf("%s: %d of %d have not the cell they hash to", name, away, goroutines)
		}
	}
}

func TestPageWithoutCells(t *testing.T) {
	v := &page.View{Header: new(page.Header)}
	if c := cellsOf(v); c == nil || maskOf(v) != 0 || c.ID != 0 {
		t.Error("hooks would look for a cell where there is none")
	}
	if len(doneOf(v)) != page.DoneCap {
		t.Error("hooks would note beyond the table of what is done")
	}
}
