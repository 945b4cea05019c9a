package lifesign

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var background = context.Background()

func TestCallReturnsWhatTheFunctionReturns(t *testing.T) {
	oops := errors.New("oops")
	for _, want := range []error{nil, oops} {
		if got := Call(background, time.Minute, func(context.Context) error { return want }); got != want {
			t.Errorf("Call returned %v, want %v", got, want)
		}
	}
}

func TestCallPanicsWhereItWasCalled(t *testing.T) {
	defer func() {
		if p := recover(); p != "oops" {
			t.Errorf("recovered %v", p)
		}
	}()
	Call(background, time.Minute, func(context.Context) error { panic("oops") })
	t.Error("no panic")
}

func TestCallExitsWhereItWasCalled(t *testing.T) {
	exited := make(chan bool, 1)
	go func() {
		done := false
		defer func() { exited <- !done }()
		Call(background, time.Minute, func(context.Context) error { runtime.Goexit(); return nil })
		done = true
	}()
	if !<-exited {
		t.Error("the caller goes on after runtime.Goexit")
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	release := make(chan struct{})
	defer close(release)
	err := Call(ctx, time.Minute, func(context.Context) error { cancel(); <-release; return nil })
	if err != context.Canceled {
		t.Errorf("Call returned %v", err)
	}
	ran := false
	if err := Call(ctx, time.Minute, func(context.Context) error { ran = true; return nil }); err != context.Canceled || ran {
		t.Errorf("with a context that has ended Call returned %v, ran: %t", err, ran)
	}
}

func TestCallerStartsNothingWhileACallHangs(t *testing.T) {
	before := CountsNow()
	c := NewCaller("the disk of TestCaller", 50*time.Millisecond)
	release := make(chan struct{})
	var runs int32
	hang := func(context.Context) error { atomic.AddInt32(&runs, 1); <-release; return nil }
	start := time.Now()
	err := c.Call(background, hang)
	if !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "the disk of TestCaller") {
		t.Fatalf("Call returned %v", err)
	}
	if d := time.Since(start); d < 50*time.Millisecond {
		t.Errorf("the budget was 50 ms, Call gave up after %s", d)
	}
	if !c.Stuck() || len(Current().Complaints) != 1 {
		t.Errorf("stuck: %t, complaints %v", c.Stuck(), Current().Complaints)
	}
	for i := 0; i < 3; i++ {
		if err := c.Call(background, hang); !errors.Is(err, ErrStuck) {
			t.Errorf("while a call hangs another returned %v", err)
		}
	}
	now := CountsNow()
	if atomic.LoadInt32(&runs) != 1 || now.Hung-before.Hung != 1 || now.Refused-before.Refused != 3 || now.Hanging != 1 {
		t.Errorf("%d runs, counts %+v before and %+v after", runs, before, now)
	}
	close(release)
	eventually(t, "the call has returned", func() bool { return !c.Stuck() && len(Current().Complaints) == 0 })
	if err := c.Call(background, hang); err != nil {
		t.Errorf("after the call returned another returned %v", err)
	}
}

// A caller that goes away with its context does not take the hang with it.
func TestCallThatNobodyWaitsForMayHang(t *testing.T) {
	c := NewCaller("left", 20*time.Millisecond)
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(background)
	if err := c.Call(ctx, func(context.Context) error { cancel(); <-release; return nil }); err != context.Canceled {
		t.Fatal(err)
	}
	eventually(t, "the call is known to hang", c.Stuck)
	close(release)
	eventually(t, "it is known to have ended", func() bool { return !c.Stuck() })
}

func TestPanicOfAnAbandonedCallIsSwallowedAndTold(t *testing.T) {
	heard := listen(t)
	before := CountsNow().Panics
	release := make(chan struct{})
	err := Call(background, 10*time.Millisecond, func(context.Context) error { <-release; panic("too late") })
	if !errors.Is(err, ErrStuck) {
		t.Fatal(err)
	}
	close(release)
	eventually(t, "the panic is counted", func() bool { return CountsNow().Panics == before+1 })
	eventually(t, "the panic is told", func() bool { return strings.Contains(heard(), "has panicked: too late") })
}

func TestStopwatchCountsOnlyTimeOnTime(t *testing.T) {
	start := time.Now()
	w := newStopwatch(time.Second, start)
	if w.slice != 100*time.Millisecond {
		t.Fatalf("slice %s", w.slice)
	}
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	for _, step := range []struct {
		at, want int
		why      string
	}{
		{100, 100, "on time"},
		{400, 400, "late, but the process ran"},
		{3600, 400, "stopped for three seconds"},
		{3500, 400, "the clock went back"},
		{3700, 600, "on time again"},
	} {
		if got := w.look(ms(step.at)); got != time.Duration(step.want)*time.Millisecond {
			t.Errorf("at %d ms (%s): %s counted, want %d ms", step.at, step.why, got, step.want)
		}
	}
}

// eventually waits for something that other goroutines do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for 10 s until %s", what)
		}
	}
}

// listen returns a function that returns all sentences told so far.
func listen(t *testing.T) func() string {
	var said atomic.Value
	said.Store("")
	o := newOutlet(func(f finding) { said.Store(said.Load().(string) + f.What + "\n") })
	complaints.attach(o)
	t.Cleanup(func() { complaints.detach(o); o.close() })
	return func() string { return said.Load().(string) }
}

func BenchmarkCall(b *testing.B) {
	f := func(context.Context) error { return nil }
	b.Run("plain", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			f(background)
		}
	})
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		c := NewCaller("bench", time.Second)
		for i := 0; i < b.N; i++ {
			c.Call(background, f)
		}
	})
}
