package hook

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// The sites of the tests, in the order of their rows.
const (
	siteRegion Site = iota
	siteInner
	siteLock
	siteRWLock
	siteRLock
	siteLocker
	siteSend
	siteRecv
	siteCall
	siteOther
	siteGroup
)

var testKinds = []event.Kind{event.Region, event.Region, event.Lock, event.RWLock, event.RLock, event.Locker, event.Send, event.Receive, event.Call, event.Call, event.WaitGroup}

var reader *page.Reader

// TestMain gives the hooks a page that the tests can read, and a layout found
// by looking, as no source was analysed.
func TestMain(m *testing.M) {
	mem := ownMemory(page.Size)
	if mem == nil {
		fmt.Fprintln(os.Stderr, "no memory for a page")
		os.Exit(2)
	}
	err := page.Format(mem, 1e7)
	if err == nil {
		vitals, err = page.Open(mem)
	}
	coarse, finished = &vitals.Header.Clock, doneOf(vitals)
	cells, cellMask = cellsOf(vitals), maskOf(vitals)
	if err == nil {
		reader, err = page.NewReader(mem)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var table []byte
	for i, k := range testKinds {
		table = page.AppendSite(table, event.Site{Kind: k, Package: "p", File: "f.go", Line: i + 1, Func: "f"})
	}
	if first := Register(fmt.Sprintf("%s %s g.goid=%d", runtime.Version(), runtime.GOARCH, findGoid()), string(table)); first != 0 {
		fmt.Fprintln(os.Stderr, "first site is", first)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// findGoid returns the offset at which every one of a few goroutines has its
// number in g.
func findGoid() uintptr {
	fits := map[uintptr]int{}
	const tries = 5
	for i := 0; i < tries; i++ {
		done := make(chan bool)
		go func() {
			for off := uintptr(0); off < maxGoidAt; off += 8 {
				if wordOfG(off) == number() {
					fits[off]++
				}
			}
			close(done)
		}()
		<-done
	}
	for off, n := range fits {
		if n == tries {
			return off
		}
	}
	return 0
}

// mine returns what the page says of the running goroutine.
func mine(t testing.TB) event.Goroutine {
	t.Helper()
	return goroutine(t, number())
}

func goroutine(t testing.TB, id uint64) event.Goroutine {
	t.Helper()
	var r page.Reading
	if err := reader.Read(&r); err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Goroutines {
		if g.ID == id {
			return g
		}
	}
	return event.Goroutine{ID: id}
}

// told renders records for comparison: "+lock" is held, "lock" in flight.
func told(g event.Goroutine) string {
	s := ""
	for i, r := range g.Records {
		if i > 0 {
			s += " "
		}
		if r.Held {
			s += "+"
		}
		s += string(r.Site.Kind)
	}
	for _, m := range g.Regions {
		s += fmt.Sprintf(" [%d×%d]", m.Site.Line, m.Count)
	}
	return s
}
