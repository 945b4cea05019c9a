package observe

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
)

//go:noinline
func parkOuter(c chan int) int { return parkBetween(c) + 1 }

func parkBetween(c chan int) int { return parkInner(c) + 1 }

func parkInner(c chan int) int { return parkReally(c) + 1 }

//go:noinline
func parkReally(c chan int) int { return <-c }

// A program looks at itself by the same code, with no help but its own runtime's
// and without reading its executable.
func TestLooksAtItself(t *testing.T) {
	text, err := runtimeLayout()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := page.ParseLayout(text)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := look.NewLayout(parsed)
	if err != nil {
		t.Fatal(err)
	}
	mem := look.Process(os.Getpid())
	l := look.New(mem, layout, look.OwnSymbols{})
	data, err := look.Data("/proc", os.Getpid(), mem)
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.FindAll(0, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := make(chan int)
	defer close(c)
	go parkOuter(c)
	const pkg = "github.com/lifesign-go/lifesign/cmd/observe."
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		census := l.Census(all)
		n, found := stands(census, pkg+"parkReally")
		if n == 1 && found.Status == event.Waiting {
			checkParked(t, found, pkg)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d are parked; %s", n, census.Err)
		}
	}
}

// checkParked checks the stack of parkOuter: of the functions that the compiler
// may have put into it, the innermost and the outermost are known.
func checkParked(t *testing.T, found event.Look, pkg string) {
	t.Helper()
	var got []string
	for _, f := range found.Stack {
		if strings.HasPrefix(f.Func, pkg+"park") && f.Func != pkg+"parkBetween" {
			got = append(got, f.Func)
		}
	}
	if len(got) != 3 || got[1] != pkg+"parkInner" || got[2] != pkg+"parkOuter" {
		t.Errorf("%q in %+v", got, found.Stack)
	}
	if found.Reason != "chan receive" || found.Object == 0 {
		t.Errorf("%+v", found)
	}
}
