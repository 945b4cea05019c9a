package mimic

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// database is a pool of connections as database/sql has one.
type database struct {
	mu    sync.Mutex
	inUse int64
	hang  chan struct{}
}

func (db *database) stats() int64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.inUse
}

func statsOf(handle any) (open, inUse, max, waits int64) { return 9, handle.(*database).stats(), 10, 2 }

func pingOf(ctx context.Context, handle any) error {
	db := handle.(*database)
	select {
	case <-db.hang:
		return nil
	default:
	}
	<-db.hang // whatever the context says
	return errors.New("it hung")
}

func TestDriverAsksPools(t *testing.T) {
	s := base + 900
	db := &database{inUse: 7, hang: make(chan struct{})}
	check := func(p *Pass) { p.Pool(s+1, statsOf, pingOf) }
	d := newRig(t, s, check, check) // two checkers that use the same pool
	loop(t, s, func() {
		hook.Enter(s + 1)
		hook.Wanted(s + 1).Handle(db).Keep()
		hook.Exit(s + 1)
	})
	m := d.until("a ping that hangs", func(m event.Mimic) bool { return m.Deed == event.SeePool })
	if !strings.HasPrefix(m.Err, "hangs: ") || m.Site.Line != 902 {
		t.Errorf("it is %+v", m)
	}
	for i := 0; i < 10; i++ {
		for _, m := range d.second() {
			if m.Deed == event.SeePool {
				t.Errorf("while it hangs there is another: %+v", m)
			}
		}
	}
	if len(d.calls.running) != 1 || d.calls.hanging() != 1 {
		t.Errorf("%d pings run, %d hang", len(d.calls.running), d.calls.hanging())
	}
	close(db.hang)
	m = d.until("its end", func(m event.Mimic) bool { return m.Deed == event.SeePool })
	if m.Err != "it hung" {
		t.Errorf("at its end it is %+v", m)
	}
	m = d.until("a ping that works", func(m event.Mimic) bool { return m.Deed == event.SeePool })
	if n := m.Numbers; m.Err != "" || n["open"] != 9 || n["inuse"] != 7 || n["max"] != 10 || n["waits"] != 2 {
		t.Errorf("it is %+v", m)
	}
}

// A checker of the author's alone needs no pass.
func TestDriverCallsFunctionsOfTheAuthors(t *testing.T) {
	s := base + 1000
	d := newRig(t, s, func(p *Pass) {
		defer p.Leave()
		if p.Enter("checkDisk", "disk.go:3") {
			p.Own(s, func(context.Context) error { return errors.New("disk is full") })
			p.Own(s+1, func(context.Context) error { panic("oh") })
		}
	})
	var panics int
	d.until("a failing check", func(m event.Mimic) bool {
		if m.Err == "panicked: oh" {
			panics++
		}
		return m.Deed == event.SeeOwn && m.Err == "disk is full" && len(m.Chain) == 1
	})
	for i := 0; i < 10; i++ {
		for _, m := range d.second() {
			if m.Err == "panicked: oh" {
				panics++
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	d.until("another", func(m event.Mimic) bool { return m.Err == "disk is full" })
	if panics != 1 {
		t.Errorf("a panic was told %d times", panics)
	}
}

func TestDriverRelaysFailures(t *testing.T) {
	s := base + 1100
	w := &saver{f: temporary(t), site: s}
	d := newRig(t, s, checkSaver(s))
	d.second()
	missing := pathError(t)
	for i := 0; i < 5; i++ {
		hook.Failed(s+2, missing)
		hook.Failed(s+50, context.Canceled)
	}
	m := d.until("a failure", func(m event.Mimic) bool { return m.Deed == event.SeeFailure })
	if m.Err != missing.Error() || m.Numbers["count"] != 5 || m.Site.Line != 1103 || m.Region.Line != 1101 {
		t.Errorf("it is %+v", m)
	}
	if got := deeds(d.second()); got != "" {
		t.Errorf("and then %s", got)
	}
	hook.Failed(s+50, errors.New("of no checker"))
	m = d.until("another", func(m event.Mimic) bool { return m.Deed == event.SeeFailure })
	if m.Site.Line != 1151 || m.Region.Line != 1151 {
		t.Errorf("of no checker: %+v", m)
	}
	_ = w
}
