package lifesign

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/judge"
	"github.com/lifesign-go/lifesign/internal/page"
)

func TestWatchSaysThatNothingIsStuck(t *testing.T) {
	w := NewWorker("watched")
	defer w.Close()
	work := w.Busy(time.Minute)
	var out bytes.Buffer
	stop, err := Watch(Options{Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := Watch(Options{}); err != ErrWatched {
		t.Errorf("a second watcher: %v", err)
	}
	eventually(t, "there is a verdict", func() bool { return Current().Verdict == event.Working })
	s := Current()
	if s.By != Watcher || s.Age < 0 || s.Age > 10*time.Second || len(s.Findings) != 0 {
		t.Errorf("status %+v", s)
	}
	if m, _ := mark(t, "watched"); m.Since != 0 && clock.Monotonic()-m.Since > int64(time.Minute) {
		t.Errorf("the clock of the page is not written: busy since %d, now %d", m.Since, clock.Monotonic())
	}
	work.Done()
	stop()
	stop()
	if out.Len() > 0 {
		t.Errorf("a healthy program was told of: %s", out.String())
	}
	again, err := Watch(Options{})
	if err != nil {
		t.Fatalf("after the first has stopped: %v", err)
	}
	again()
}

func TestVerdictOfAStoppedWatcherIsNone(t *testing.T) {
	stop, err := Watch(Options{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is a verdict", func() bool { return Current().Verdict == event.Working })
	stop()
	eventually(t, "it has grown old", func() bool {
		return Current().Verdict == event.Unknown && strings.HasPrefix(Current().What, "the watcher has not judged this program for ")
	})
}

// A report that blocks, as on a pipe that nobody reads, holds up nothing.
func TestReportMayBlock(t *testing.T) {
	release := make(chan struct{})
	stop, err := Watch(Options{Report: func(event.Finding) { <-release }})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer close(release)
	before := CountsNow().Unheard
	for i := 0; i < maxQueue+10; i++ {
		complaints.tell(event.Finding{Verdict: event.Stuck})
	}
	eventually(t, "the verdict is fresh", func() bool { s := Current(); return s.Verdict == event.Working && s.Age < 200*time.Millisecond })
	if n := CountsNow().Unheard - before; n < 8 || n > 10 {
		t.Errorf("%d findings were not heard, of 10 too many", n)
	}
}

func TestWhatIsReported(t *testing.T) {
	for v, want := range map[event.Verdict]bool{
		event.Stuck: true, event.Wrong: true, event.Crashed: true, event.Working: true, event.Spinning: true, event.Slow: false, event.Unknown: false,
	} {
		if got := matters(event.Finding{Verdict: v}); got != want {
			t.Errorf("%s: %t", v, got)
		}
	}
}

// ownPage is a page that an agent has made.
func ownPage(t *testing.T) *page.View {
	words := make([]uint64, page.Size/8)
	mem := (*[1 << 27]byte)(unsafe.Pointer(&words[0]))[:page.Size:page.Size]
	if err := page.Format(mem, 50e6); err != nil {
		t.Fatal(err)
	}
	v, err := page.Open(mem)
	if err != nil || !v.Claim(4711) {
		t.Fatal(err)
	}
	return v
}

func TestWatcherStandsByForAnAgent(t *testing.T) {
	w := newWatcher(Options{})
	defer w.outlet.close()
	if w.agentWatches(clock.Monotonic()) {
		t.Error("the page is the program's own, and an agent is said to watch")
	}
	w.view = ownPage(t)
	now := int64(100e9)
	step := func(after time.Duration, agent bool, want bool) {
		t.Helper()
		now += int64(after)
		if agent {
			w.view.SetClock(now)
		}
		got := w.agentWatches(now)
		if got != want {
			t.Errorf("at %s an agent watches: %t, want %t", time.Duration(now), got, want)
		}
		if !got { // as loop does
			w.wrote = now
			w.view.SetClock(now)
		}
	}
	step(0, true, true)
	step(time.Second, false, true)
	step(2*time.Second, false, false) // it was killed
	step(50*time.Millisecond, false, false)
	step(50*time.Millisecond, true, true) // it was only stopped
	step(3*time.Second, false, false)
}

func TestWhenToEnd(t *testing.T) {
	stuck := func(c event.Class) judge.Actions { return judge.Actions{Stuck: c} }
	for _, test := range []struct {
		name string
		end  End
		a    judge.Actions
		last time.Duration
		want bool
	}{
		{"never", EndNever, stuck(event.Proven), time.Hour, false},
		{"proven", EndProven, stuck(event.Proven), 0, true},
		{"inferred is not proven", EndProven, stuck(event.Inferred), time.Hour, false},
		{"inferred, for a moment", EndInferred, stuck(event.Inferred), 9 * time.Second, false},
		{"inferred, for long", EndInferred, stuck(event.Inferred), 10 * time.Second, true},
		{"proven, if inferred will do", EndInferred, stuck(event.Proven), 0, true},
		{"nothing", EndInferred, stuck(""), time.Hour, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWatcher(Options{End: test.end, EndAfter: time.Second})
			defer w.outlet.close()
			ended := 0
			w.end = func() { ended++ }
			for _, at := range []int64{1e9, 1e9 + int64(test.last)} {
				w.wanted = test.a
				w.act(at)
			}
			if (ended > 0) != test.want || ended > 1 {
				t.Errorf("ended %d times", ended)
			}
		})
	}
}

func BenchmarkWatcherStep(b *testing.B) {
	w := newWatcher(Options{})
	defer w.outlet.close()
	defer w.standBy()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		w.step()
	}
}

// The whole way: a worker that stands still is found, told, and learns it; the
// probes say so; and when it goes on, that is said too.
func TestWatchFindsAWorkerThatStands(t *testing.T) {
	w := NewWorker("standing")
	defer w.Close()
	ctx := w.Context()
	heard := make(chan event.Finding, 10)
	stop, err := Watch(Options{Report: func(f event.Finding) { heard <- f }})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	release := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer w.Busy(500 * time.Millisecond).Done()
		<-release
	}()
	select {
	case f := <-heard:
		if f.Verdict != event.Stuck || !strings.Contains(f.What, "the worker standing has had work for") {
			t.Errorf("told %s: %s", f.Verdict, f.What)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told in 20 s")
	}
	eventually(t, "it learns", func() bool { return w.Reported() && ctx.Err() != nil })
	if status, body := ask(Readyz(), "GET"); status != 503 || !strings.Contains(body, "the worker standing") {
		t.Errorf("readyz: %d\n%s", status, body)
	}
	if status, _ := ask(Livez(), "GET"); status != 200 {
		t.Errorf("livez: %d for what is inferred", status)
	}
	close(release)
	<-ended
	if f := <-heard; f.Verdict != event.Working {
		t.Errorf("it goes on, and told is %s: %s", f.Verdict, f.What)
	}
	eventually(t, "the verdict is working", func() bool { return Current().Verdict == event.Working })
}
