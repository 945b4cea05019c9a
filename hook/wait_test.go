package hook

import (
	"sync"
	"testing"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

func TestCallInAnExpression(t *testing.T) {
	alone(func() {
		n := 1 + X1(Into(siteOther), func() int { expect(t, "call"); return 41 }())
		if n != 42 {
			t.Errorf("the sum is %d", n)
		}
		expect(t, "")
		func() {
			defer func() { recover() }()
			defer Unwind(Here())
			X1(Into(siteOther), func() int { panic("no result") }())
		}()
		expect(t, "")
	})
}

func TestWaitForGroupIsInFlight(t *testing.T) {
	var w sync.WaitGroup
	w.Add(1)
	id, done := make(chan uint64, 1), make(chan bool)
	vitals.Done[siteGroup] = 0
	go func() {
		id <- number()
		WGWait(siteGroup, &w)
		expect(t, "")
		close(done)
	}()
	waiter := <-id
	waitFor(t, waiter, "waitgroup")
	if r := goroutine(t, waiter).Records[0]; r.Done || r.Object != uint64(uintptr(unsafe.Pointer(&w))) {
		t.Errorf("record %+v, want one of the group that was never done", r)
	}
	w.Done()
	<-done
	if vitals.Done[siteGroup] == 0 {
		t.Error("the wait has ended and its site does not say so")
	}
}

func TestWaitOnNothingPanicsAsThePlainOne(t *testing.T) {
	if racing {
		return // before it panics, the plain one has told the race detector to look away
	}
	alone(func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
			expect(t, "")
		}()
		WGWait(siteGroup, nil)
	})
}

func TestDeclaredRowsFollowTheWovenOnes(t *testing.T) {
	before := vitals.Header.SiteCount
	row := string(page.AppendSite(nil, event.Site{Kind: event.Worker, Func: "ingest"}))
	if s := Declare(row); uint64(s) != before {
		t.Errorf("row %d, want %d", s, before)
	}
	if vitals.Header.State != page.StateOn {
		t.Error("a declaration has switched the hooks off")
	}
	if Goroutine() != number() {
		t.Errorf("this is goroutine %d, not %d", number(), Goroutine())
	}
}

func TestReachIsToldByAddress(t *testing.T) {
	const table = "a table"
	Reach(table)
	h := vitals.Header
	if got := *(*string)(unsafe.Pointer(&[2]uintptr{uintptr(h.ReachAt), uintptr(h.ReachSize)})); got != table {
		t.Errorf("there is %q", got)
	}
}

func TestWhatIsExpectedIsTold(t *testing.T) {
	Expect(3)
	defer Expect(0)
	if _, expected := vitals.Packages(); expected != 3 {
		t.Errorf("%d packages are expected, want 3", expected)
	}
	before, _ := vitals.Packages()
	Register("", "")
	if after, _ := vitals.Packages(); after != before+1 {
		t.Errorf("%d packages are registered after %d", after, before)
	}
}
