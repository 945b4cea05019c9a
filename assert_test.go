package lifesign

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

type finding = event.Finding

func TestAssertTellsOnceAndStandsUntilItHolds(t *testing.T) {
	heard := listen(t)
	before := CountsNow()
	for i := 0; i < 1000; i++ {
		if Assert("balance", false, "%d is negative", -5) {
			t.Fatal("Assert(false) returned true")
		}
	}
	s := Current()
	if len(s.Complaints) != 1 {
		t.Fatalf("complaints %v", s.Complaints)
	}
	f := s.Complaints[0]
	if f.Verdict != event.Wrong || f.Class != event.Proven || f.What != "the assertion balance does not hold: -5 is negative" {
		t.Errorf("finding %+v", f)
	}
	site := f.Place.Site
	if !strings.HasSuffix(site.File, "assert_test.go") || site.Line == 0 || site.Func != "TestAssertTellsOnceAndStandsUntilItHolds" || !strings.HasSuffix(site.Package, "lifesign") {
		t.Errorf("place %+v", site)
	}
	now := CountsNow()
	if now.Violations-before.Violations != 1000 || now.Violated != 1 {
		t.Errorf("counts %+v", now)
	}
	Assert("another", true, "")
	if len(Current().Complaints) != 1 {
		t.Error("an assertion that holds has taken back another's complaint")
	}
	if !Assert("balance", true, "") || len(Current().Complaints) != 0 || CountsNow().Violated != 0 {
		t.Errorf("it holds again, and there is still %v", Current().Complaints)
	}
	eventually(t, "it was told", func() bool { return strings.Count(heard(), "-5 is negative") == 1 })
}

// What the text is made of may take locks of the program's, and assert things
// itself.
func TestAssertFormatsUnderNoLock(t *testing.T) {
	Assert("outer", false, "%v", asserter{})
	if n := len(Current().Complaints); n != 2 {
		t.Errorf("%d complaints, want 2", n)
	}
	Assert("outer", true, "")
	Assert("inner", true, "")
}

type asserter struct{}

func (asserter) String() string { Assert("inner", false, "in String"); return "formatted" }

func TestAssertFromManyGoroutinesEndsAsItStands(t *testing.T) {
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			for n := 0; n < 1000; n++ {
				Assert("shared", (n+i)%3 != 0, "n is %d", n)
			}
		}(i)
	}
	all.Wait()
	Assert("shared", true, "")
	if c := Current().Complaints; len(c) != 0 {
		t.Errorf("it holds, and there is still %v", c)
	}
}

func TestInvariant(t *testing.T) {
	for _, test := range []struct {
		name  string
		check func() error
		want  string
	}{
		{"error", func() error { return errors.New("3 entries too many") }, "the invariant error does not hold: 3 entries too many"},
		{"panic", func() error { panic("oops") }, "the invariant panic does not hold: its check has panicked: oops"},
		{"runtime panic", func() error { var p *int; *p = 1; return nil }, "its check has panicked: runtime error"},
		{"exit", func() error { runtime.Goexit(); return nil }, "is not evaluated any more: its check has called runtime.Goexit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stop := Invariant(test.name, time.Millisecond, test.check)
			defer stop()
			eventually(t, "it is told", func() bool { return complains(test.want) })
			if test.name == "exit" {
				hold("invariant exit")
				return
			}
			stop()
			stop()
			eventually(t, "a stopped invariant is forgotten", func() bool { return len(Current().Complaints) == 0 })
		})
	}
}

func TestInvariantRecovers(t *testing.T) {
	var wrong int32 = 1
	stop := Invariant("stock", time.Millisecond, func() error {
		if atomic.LoadInt32(&wrong) == 1 {
			return errors.New("negative")
		}
		return nil
	})
	defer stop()
	eventually(t, "it does not hold", func() bool { return complains("negative") })
	atomic.StoreInt32(&wrong, 0)
	eventually(t, "it holds", func() bool { return len(Current().Complaints) == 0 })
}

// A check that hangs has not said that all is well.
func TestInvariantThatHangsDoesNotHold(t *testing.T) {
	release := make(chan struct{})
	var runs int32
	stop := Invariant("slow", time.Millisecond, func() error { atomic.AddInt32(&runs, 1); <-release; return nil })
	defer stop()
	eventually(t, "it is told", func() bool { return complains("the invariant slow cannot be evaluated: its check hangs") })
	if n := atomic.LoadInt32(&runs); n != 1 {
		t.Errorf("it was started %d times while it hung", n)
	}
	close(release)
	eventually(t, "it holds", func() bool { return len(Current().Complaints) == 0 })
}

func complains(what string) bool {
	for _, f := range Current().Complaints {
		if strings.Contains(f.What, what) {
			return true
		}
	}
	return false
}

func BenchmarkAssert(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			if i < 0 {
				b.Fatal(i)
			}
		}
	})
	b.Run("assert", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			Assert("counter", i >= 0, "it is negative")
		}
	})
}
