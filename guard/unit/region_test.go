package unit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/page"
)

// The sites that the functions below are woven with, by hand.
var sites = []event.Site{
	{Kind: event.Region, Func: "worker"},
	{Kind: event.Region, Func: "connection", PerRequest: true},
	{Kind: event.Request, Func: "handler"},
	{Kind: event.Loop, Func: "again"},
	{Kind: event.Lock, Func: "locking", Object: "unit.mu"},
}

const (
	inWorker hook.Site = iota
	inConnection
	inHandler
	inAgain
	atLock
)

// TestMain switches hooks on. No source was analysed, so where the goroutine's number
// is in the runtime's structure is found by trying: a wrong place is refused.
func TestMain(m *testing.M) {
	var table []byte
	for _, s := range sites {
		s.Package, s.File, s.Line = "github.com/lifesign-go/lifesign/guard/unit", "region_test.go", 10
		table = page.AppendSite(table, s)
	}
	found := make(chan bool)
	var numbers sync.WaitGroup
	for i := 0; i < 100; i++ { // so that the number is no common one
		numbers.Add(1)
		go numbers.Done()
	}
	numbers.Wait()
	go func() {
		first := hook.Register("", string(table))
		for off := 8; off < 256 && !hook.On(); off += 8 {
			hook.Register(fmt.Sprintf("%s %s g.goid=%d", runtime.Version(), runtime.GOARCH, off), "")
		}
		found <- hook.On() && first == 0
	}()
	if !<-found {
		fmt.Fprintln(os.Stderr, "hooks cannot be switched on")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// loop is a woven function with a loop at s. With end the loop comes to its end
// before f is called, otherwise f is called in it.
func loop(s hook.Site, end bool, f func()) {
	defer hook.Unwind(hook.Here())
	hook.Begin(s)
	for i := 0; i < 3; i++ {
		hook.Mark(s)
		if !end {
			f()
			return
		}
	}
	hook.End(s)
	f()
}

func worker(end bool, f func()) { loop(inWorker, end, f) }
func connection(f func())       { loop(inConnection, false, f) }
func handler(f func())          { loop(inHandler, false, f) }
func again(f func())            { loop(inAgain, false, f) }

var mu sync.Mutex

func locking() {
	hook.Lock(atLock, &mu)
	panic("with a lock")
}

func TestCrashesOfRegionsEscalate(t *testing.T) {
	boom := func() { panic("boom") }
	for name, test := range map[string]struct {
		unit func()
		want string // in why, "" if it is contained
	}{
		"nothing":                        {boom, ""},
		"region":                         {func() { worker(false, boom) }, "in the region worker at region_test.go:10"},
		"region in a loop":               {func() { again(func() { worker(false, boom) }) }, "in the region worker"},
		"loop":                           {func() { again(boom) }, ""},
		"region that has ended":          {func() { worker(true, boom) }, ""},
		"region left before":             {func() { worker(false, func() {}); boom() }, ""},
		"another one after a region":     {func() { worker(false, func() {}); again(boom) }, ""},
		"region of a connection":         {func() { connection(boom) }, ""},
		"region in a request":            {func() { handler(func() { worker(false, boom) }) }, ""},
		"region, deep":                   {func() { worker(false, func() { recursive(2*depth, boom) }) }, "in the region worker"},
		"region of which a panic is cut": {func() { worker(false, func() { caught(boom) }) }, ""},
		"lock":                           {locking, "left unit.mu at region_test.go:10 locked"},
	} {
		t.Run(name, func(t *testing.T) {
			contained(t, Config{})
			err := Do(context.Background(), func(context.Context) error { test.unit(); return nil })
			var c *Crash
			if !errors.As(err, &c) && name != "region of which a panic is cut" {
				t.Fatalf("no crash: %v", err)
			}
			why, draining := Draining()
			if draining != (test.want != "") || !strings.Contains(why, test.want) {
				t.Errorf("draining %v: %q, want %q", draining, why, test.want)
			}
			if name == "lock" {
				hook.Unlock(&mu)
			}
		})
	}
}

// A unit in a region is what regions are for.
func TestUnitsInRegionsAreContained(t *testing.T) {
	contained(t, Config{})
	worker(false, func() {
		Do(context.Background(), func(context.Context) error { panic("boom") })
	})
	if why, draining := Draining(); draining {
		t.Error(why)
	}
}

func TestGoOfARegionEscalates(t *testing.T) {
	contained(t, Config{})
	done := make(chan error)
	Go(context.Background(), func(context.Context) error { worker(false, func() { panic("boom") }); return nil }, func(err error) { done <- err })
	<-done
	if why, draining := Draining(); !draining || !strings.Contains(why, "region worker") {
		t.Errorf("draining %v: %q", draining, why)
	}
}

func recursive(n int, f func()) {
	if n > 0 {
		recursive(n-1, f)
		return
	}
	f()
}

func caught(f func()) {
	defer func() { _ = recover() }()
	f()
}
