package mimic

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// settle polls until want mimics have come.
func settle(t testing.TB, c *calls, now int64, want int) (list []told) {
	t.Helper()
	for i := 0; len(list) < want; i++ {
		if i == 3000 {
			t.Fatalf("%d mimics have come, want %d", len(list), want)
		}
		list = append(list, c.poll(now)...)
		time.Sleep(time.Millisecond)
	}
	return list
}

func TestCallsTellHowFunctionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(context.Context) answer
		want string
		off  bool
	}{
		{"well", func(context.Context) answer { return answer{} }, "", false},
		{"an error", func(context.Context) answer { return answer{err: "no"} }, "no", false},
		{"a panic", func(context.Context) answer { panic("oh") }, "panicked: oh", true},
		{"a panic with an error", func(context.Context) answer { panic(errors.New("oh")) }, "panicked: oh", true},
		{"a panic with a value", func(context.Context) answer { panic(&given{}) }, "panicked: with a *mimic.given", true},
		{"the end of its goroutine", func(context.Context) answer { runtime.Goexit(); return answer{} }, "panicked: it has ended its goroutine", true},
		{"a deadline", func(ctx context.Context) answer {
			if _, ok := ctx.Deadline(); !ok {
				return answer{err: "there is none"}
			}
			return answer{}
		}, "", false},
	} {
		calls := newCalls()
		begin := func() { calls.begin("key", 0, told{3, 4, nobody(event.SeeOwn)}, c.f) }
		begin()
		one := settle(t, calls, 0, 1)[0]
		if one.mimic.Err != c.want || one.region != 3 || one.site != 4 || one.mimic.Numbers["took"] < 0 {
			t.Errorf("%s: got %+v, want %q", c.name, one, c.want)
		}
		begin()
		if off := len(calls.running) == 0; off != c.off {
			t.Errorf("%s: switched off: %v", c.name, off)
		}
	}
}

func TestCallsGiveUpWhatHangsAndDoNotBeginItAgain(t *testing.T) {
	c := newCalls()
	hang := make(chan struct{})
	f := func(context.Context) answer { <-hang; return answer{} }
	begin := func(now int64) { c.begin("a", now, told{mimic: nobody(event.SeePool)}, f) }
	begin(0)
	if at := c.until(); at != patience {
		t.Errorf("it is waited for until %d", at)
	}
	if list := c.poll(patience - 1); len(list) != 0 {
		t.Errorf("given up too early: %+v", list)
	}
	list := c.poll(patience)
	if len(list) != 1 || !strings.HasPrefix(list[0].mimic.Err, "hangs: ") || list[0].mimic.Numbers["hangs"] != 1 || list[0].mimic.Numbers["took"] != patience {
		t.Fatalf("given up: %+v", list)
	}
	begin(2 * patience)
	if list := c.poll(3 * patience); len(list) != 0 || c.refused != 1 || c.hanging() != 1 || c.until() != 0 {
		t.Errorf("while it hangs: %+v, %d refused, %d hang, waited for until %d", list, c.refused, c.hanging(), c.until())
	}
	c.begin("b", 0, told{mimic: nobody(event.SeeOwn)}, func(context.Context) answer { return answer{} })
	settle(t, c, 0, 1) // others go on
	close(hang)
	if one := settle(t, c, 4*patience, 1)[0]; one.mimic.Err != "" {
		t.Errorf("when it ends: %+v", one)
	}
	begin(5 * patience)
	settle(t, c, 5*patience, 1)
}

func TestCallsAreBounded(t *testing.T) {
	c := newCalls()
	hang := make(chan struct{})
	defer close(hang)
	for i := 0; i < 2*maxCalls; i++ {
		c.begin(i, 0, told{}, func(context.Context) answer { <-hang; return answer{} })
	}
	if len(c.running) != maxCalls || c.refused != maxCalls {
		t.Errorf("%d run, %d were refused", len(c.running), c.refused)
	}
}

func TestCallsRing(t *testing.T) {
	c := newCalls()
	c.begin("a", 0, told{mimic: nobody(event.SeeOwn)}, func(context.Context) answer { return answer{} })
	select {
	case <-c.bell:
	case <-time.After(time.Minute):
		t.Fatal("nobody hears that a call has ended")
	}
	if len(c.poll(0)) != 1 {
		t.Error("it rings before it has ended")
	}
}
