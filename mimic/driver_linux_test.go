package mimic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// saver does what a write-ahead log does, woven.
type saver struct {
	f    *os.File
	n    int64
	site Site
	hang int32 // 1 blocks the sync until stop is closed
	stop chan struct{}
}

func (w *saver) save() {
	b := []byte(fmt.Sprintf("record %d", w.n))
	hook.Enter(w.site + 1)
	hook.Wanted(w.site + 1).Handle(w.f).Bytes(b).Number(w.n).Keep()
	w.f.WriteAt(b, w.n)
	hook.Exit(w.site + 1)
	hook.X1(hook.Into(w.site+2).Keeping(hook.Wanted(w.site+2).Handle(w.f)), w.sync())
	atomic.AddInt64(&w.n, 1)
}

func (w *saver) sync() error {
	if atomic.LoadInt32(&w.hang) == 1 {
		<-w.stop
	}
	return nil
}

// checkSaver is its checker.
func checkSaver(s Site) func(*Pass) {
	return func(p *Pass) {
		defer p.Leave()
		if !p.Enter("(*saver).save", "wal.go:20") {
			return
		}
		p.Write(s + 1)
		p.Sync(s + 2)
		p.Dial(s + 3) // which no pass comes to
	}
}

func temporary(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "wal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestDriverTellsOnePass(t *testing.T) {
	s := base + 100
	w := &saver{f: temporary(t), site: s}
	d := newRig(t, s, checkSaver(s))
	loop(t, s, w.save)
	var last event.Mimic
	for i := 0; i < 5; i++ {
		write := d.until("a write", func(m event.Mimic) bool { return m.Deed == event.DoWrite && m.Pass != last.Pass })
		if write.Path != w.f.Name() || write.FD < 3 || string(write.Data) != fmt.Sprintf("record %d", write.Offset) || write.Site.Line != 102 || write.Region.Line != 101 {
			t.Fatalf("the write is %+v", write)
		}
		if len(write.Chain) != 1 || write.Chain[0] != (event.Frame{Func: "(*saver).save", File: "wal.go", Line: 20}) {
			t.Errorf("the chain is %v", write.Chain)
		}
		last = write
	}
	for i := 0; i < 3; i++ {
		seen := d.second()
		for k, m := range seen {
			if m.Deed == event.DoSync && (k == 0 || seen[k-1].Deed != event.DoWrite || seen[k-1].Pass != m.Pass) {
				t.Errorf("a sync without the write of its pass: %s", deeds(seen))
			}
			if m.Deed == event.DoDial {
				t.Errorf("a dial that no pass comes to: %+v", m)
			}
		}
	}
}

func TestDriverTellsAgainWhatStands(t *testing.T) {
	s := base + 200
	w := &saver{f: temporary(t), site: s, stop: make(chan struct{})}
	d := newRig(t, s, checkSaver(s))
	loop(t, s, w.save)
	end := sync.OnceFunc(func() { atomic.StoreInt32(&w.hang, 0); close(w.stop) })
	t.Cleanup(end)
	d.until("a sync", func(m event.Mimic) bool { return m.Deed == event.DoSync })
	atomic.StoreInt32(&w.hang, 1)
	time.Sleep(50 * time.Millisecond)
	for i := 0; i < 4; i++ {
		d.second() // whatever was captured before
	}
	stuck := d.until("a sync", func(m event.Mimic) bool { return m.Deed == event.DoSync })
	for i := 0; i < 5; i++ {
		again := d.until("the sync again", func(m event.Mimic) bool { return m.Deed == event.DoSync })
		if again.Pass != stuck.Pass {
			t.Errorf("what stands is pass %d, and then %d", stuck.Pass, again.Pass)
		}
	}
	end()
	d.until("another pass", func(m event.Mimic) bool { return m.Deed == event.DoSync && m.Pass != stuck.Pass })
}

func TestDriverSkipsRegionsThatNobodyIsIn(t *testing.T) {
	s := base + 300
	w := &saver{f: temporary(t), site: s}
	d := newRig(t, s, checkSaver(s))
	for i := 0; i < 3; i++ {
		if got := deeds(d.second()); got != "" {
			t.Errorf("nobody is in the region, and its checker makes %s", got)
		}
	}
	if d.trend.skipped < 2 || d.trend.runs != 0 {
		t.Errorf("%d skipped, %d run", d.trend.skipped, d.trend.runs)
	}
	// A request is short: nobody is in it when the driver looks.
	for i := 0; d.trend.runs == 0; i++ {
		if i == 3000 {
			t.Fatal("no request is seen")
		}
		time.Sleep(2 * time.Millisecond) // one in the very tick in which it is armed is left alone
		hook.Begin(s)
		w.save()
		hook.End(s)
		if got := deeds(d.second()); got != "" && !strings.HasPrefix(got, fmt.Sprintf("write@%d sync@%d", 301, 302)) {
			t.Errorf("a request is told as %s", got)
		}
	}
	runs := d.trend.runs
	for i := 0; i < 5; i++ {
		d.second()
	}
	if d.trend.runs > runs {
		t.Errorf("%d runs after the only request", d.trend.runs-runs)
	}
}

func TestDriverSwitchesOffAPanickingChecker(t *testing.T) {
	s := base + 400
	w := &saver{f: temporary(t), site: s}
	var calls int32
	d := newRig(t, s, func(p *Pass) {
		p.Write(s + 1)
		if atomic.AddInt32(&calls, 1) == 2 {
			var none []int
			none[p.visits]++
		}
	}, func(p *Pass) { panic(fmt.Errorf("generated badly")) }, checkSaver(s))
	loop(t, s, w.save)
	var reports []string
	for after, tries := 0, 0; after < 5 && tries < 3000; tries++ {
		for _, m := range d.second() {
			if m.Deed == event.SeeOwn {
				reports = append(reports, m.Err)
			}
		}
		if len(reports) >= 2 {
			after++ // and then no more
		}
		time.Sleep(2 * time.Millisecond)
	}
	want := "panicked: generated badly, panicked: runtime error: index out of range [0] with length 0"
	if got := strings.Join(reports, ", "); got != want {
		t.Errorf("reported %q, want %q", got, want)
	}
	if n := atomic.LoadInt32(&calls); n != 2 {
		t.Errorf("the checker was called %d times", n)
	}
}

// An operation stands in a loop's checker and in two of requests that nobody
// makes: they take nothing away from the loop.
func TestDriverArmsForWhatRuns(t *testing.T) {
	s := base + 500
	w := &saver{f: temporary(t), site: s}
	d := newRig(t, s, checkSaver(s), checkSaver(s), checkSaver(s))
	loop(t, s, w.save)
	d.until("a write", func(m event.Mimic) bool { return m.Deed == event.DoWrite })
	with, passes := 0, map[uint64]bool{}
	for i := 0; i < 10; i++ {
		goesOn(t, w) // the second is the test's, the region's passes take their own time
		for _, m := range d.second() {
			if m.Deed == event.DoWrite && !passes[m.Pass] {
				passes[m.Pass] = true
				with++
			}
		}
	}
	if with < 5 {
		t.Errorf("in ten seconds %d passes were captured", with)
	}
}

// goesOn waits until w has saved some more.
func goesOn(t *testing.T, w *saver) {
	t.Helper()
	seen := atomic.LoadInt64(&w.n)
	for end := time.Now().Add(time.Minute); atomic.LoadInt64(&w.n) < seen+3; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the region has not run for a minute")
		}
	}
}

func TestDriverTellsTheTrend(t *testing.T) {
	s := base + 600
	d := newRig(t, s, checkSaver(s))
	m := d.until("a trend", func(m event.Mimic) bool { return m.Deed == event.SeeTrend })
	n := m.Numbers
	if n["goroutines"] < 2 || n["heap"] <= 0 || n["skipped"] < 5 || n["interval"] < 10e9 {
		t.Errorf("the trend is %v", n)
	}
	if _, ok := n["cost"]; !ok {
		t.Errorf("the trend is %v", n)
	}
}

// What was closed is forgotten, though its goroutine stands in the region.
func TestDriverForgetsWhatIsClosed(t *testing.T) {
	s := base + 1200
	w := &saver{f: temporary(t), site: s, stop: make(chan struct{})}
	d := newRig(t, s, checkSaver(s))
	loop(t, s, w.save)
	t.Cleanup(func() { close(w.stop) })
	d.until("a sync", func(m event.Mimic) bool { return m.Deed == event.DoSync })
	atomic.StoreInt32(&w.hang, 1)
	time.Sleep(50 * time.Millisecond)
	for i := 0; i < 4; i++ {
		d.second()
	}
	d.until("a sync that stands", func(m event.Mimic) bool { return m.Deed == event.DoSync })
	if len(d.regions[0].route.ways) == 0 {
		t.Error("nothing is kept of what stands")
	}
	w.f.Close()
	for i := 0; i < 5; i++ {
		if got := deeds(d.second()); got != "" {
			t.Errorf("of a closed file is told %s", got)
		}
	}
	if n := len(d.regions[0].route.ways); n > 0 {
		t.Errorf("%d ways are left", n)
	}
}
