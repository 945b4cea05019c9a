package observe

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/sample"
)

// A process samples itself as an agent would: its records, looks, words and a
// census, with the runtime as symbols and no symbol table.
func TestOwnProcess(t *testing.T) {
	layout, err := runtimeLayout()
	if err != nil {
		t.Fatal(err)
	}
	site := hook.Register(layout, string(page.AppendSite(nil, event.Site{Kind: event.Lock, File: "own_test.go", Line: 1, Func: "stand", Object: "mu"})))
	var mu sync.Mutex
	mu.Lock()
	done := make(chan struct{})
	go func() { standOwn(site, &mu); close(done) }()
	defer func() { mu.Unlock(); <-done }()

	s := sample.New(sample.Source{
		Page: page.NewViewReader(hook.Vitals()), Own: true,
		Symbols: func(int, uint64) (look.Symbols, uint64, error) { return look.OwnSymbols{}, 0, nil },
	})
	var standing event.Goroutine
	waitFor(t, func() bool {
		for _, g := range take(t, s, Wanted{}).Goroutines {
			if len(g.Records) == 1 && !g.Records[0].Held {
				standing = g
			}
		}
		return standing.ID != 0
	})
	lock := standing.Records[0].Object
	waitFor(t, func() bool {
		got := take(t, s, Wanted{Look: []uint64{standing.ID}, Words: []uint64{lock}, Census: true})
		l, w := got.Looks[standing.ID], got.Words[lock]
		if l.Err != "" || w.Err != "" || got.Census.Err != "" {
			t.Fatalf("look %q, word %q, census %q", l.Err, w.Err, got.Census.Err)
		}
		counted, _ := stands(got.Census, "github.com/lifesign-go/lifesign/cmd/observe.standOwn")
		return l.Status == event.Waiting && l.Reason == "sync.Mutex.Lock" && has(l.Stack, "standOwn") && w.Writer == event.Holding && counted == 1
	})
	if p := take(t, s, Wanted{}).Process; p.Paused != "" || p.Unknown != "" {
		t.Errorf("process %+v", p)
	}
}

//go:noinline
func standOwn(site hook.Site, mu *sync.Mutex) { hook.Lock(site, mu); hook.Unlock(mu) }

func has(stack []event.Frame, fn string) bool {
	for _, f := range stack {
		if strings.HasSuffix(f.Func, "."+fn) {
			return true
		}
	}
	return false
}

// waitFor waits for what another goroutine does.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for 30 s")
		}
	}
}
