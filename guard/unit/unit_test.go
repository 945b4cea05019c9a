package unit

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// contained has nothing escalate, and collects what is reported.
func contained(t *testing.T, c Config) {
	t.Helper()
	reset := func(c Config) {
		state.mu.Lock()
		defer state.mu.Unlock()
		state.config, state.tally, state.why, state.draining = c, tally{}, "", 0
	}
	if c.Report == nil {
		c.Report = func(*Crash) {}
	}
	if c.Grace == 0 {
		c.Grace = -1
	}
	reset(c)
	t.Cleanup(func() { reset(Config{}) })
}

type loud struct{}

func (loud) Error() string { panic("louder") }

func TestPanicsEndTheUnit(t *testing.T) {
	var none *struct{ n int }
	var list []int
	var box any = "text"
	zero := len(list)
	for name, test := range map[string]struct {
		crash func()
		want  string
	}{
		"nil":       {func() { none.n++ }, "nil pointer dereference"},
		"index":     {func() { _ = list[zero] }, "index out of range"},
		"divide":    {func() { _ = 1 / zero }, "divide by zero"},
		"assertion": {func() { _ = box.(int) }, "interface conversion"},
		"explicit":  {func() { panic("on purpose\nin two lines") }, "on purpose in two lines"},
		"error":     {func() { panic(io.ErrUnexpectedEOF) }, "unexpected EOF"},
		"closed":    {func() { c := make(chan int); close(c); c <- 1 }, "send on closed channel"},
		"loud":      {func() { panic(loud{}) }, "PANIC=Error method: louder"},
	} {
		t.Run(name, func(t *testing.T) {
			contained(t, Config{})
			err := Do(context.Background(), func(ctx context.Context) error { test.crash(); return nil })
			var c *Crash
			if !errors.As(err, &c) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if len(c.Stack) == 0 || len(c.Stack) > 3 || !strings.Contains(c.Stack[0].File, "unit_test.go") || c.Fingerprint == 0 {
				t.Errorf("stack %+v", c.Stack)
			}
			if name == "error" && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v does not unwrap", err)
			}
		})
	}
}

func TestWhatIsNoCrashGoesOn(t *testing.T) {
	want := errors.New("no crash")
	if err := Do(context.Background(), func(context.Context) error { return want }); err != want {
		t.Errorf("became %v", err)
	}
	before, _ := Counts()
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
		t.Error("the goroutine has not ended")
	}()
	group.Wait()
	if after, _ := Counts(); after != before {
		t.Errorf("%d crashes, before %d", after, before)
	}
}

// TestShrunkMappingsAreContained reads a mapped file that has become shorter, which
// is SIGBUS.
func TestShrunkMappingsAreContained(t *testing.T) {
	contained(t, Config{})
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, make([]byte, 3*os.Getpagesize()), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := syscall.Mmap(int(f.Fd()), 0, 3*os.Getpagesize(), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mem)
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	var sum byte
	err = Do(context.Background(), func(context.Context) error { sum += mem[2*os.Getpagesize()]; return nil })
	var c *Crash
	if !errors.As(err, &c) || c.Address == 0 || !strings.Contains(err.Error(), "fault at address 0x") {
		t.Errorf("%v, %+v, %d", err, c, sum)
	}
}

type key struct{}

// TestDeferredCommit: what a unit has deferred runs before the unit is known to have
// crashed, and keeps nothing all the same; a panic that is over, or is another
// unit's, is no reason.
func TestDeferredCommit(t *testing.T) {
	contained(t, Config{Most: 100, Same: 100})
	kept := 0
	commit := func(ctx context.Context) error { return Commit(ctx, func() error { kept++; return nil }) }
	var deep func(ctx context.Context, n int) error
	deep = func(ctx context.Context, n int) error {
		if n > 0 {
			return deep(ctx, n-1)
		}
		return commit(ctx)
	}
	for name, test := range map[string]struct {
		f    func(ctx context.Context) error
		want int
	}{
		"deferred": {func(ctx context.Context) error { defer commit(ctx); panic("early") }, 0},
		"deferred, far down": {func(ctx context.Context) error {
			defer deep(ctx, 200)
			panic("early")
		}, 0},
		"no panic": {func(ctx context.Context) error { defer commit(ctx); return nil }, 1},
		"a panic that is over": {func(ctx context.Context) error {
			func() { defer func() { recover() }(); panic("control flow") }()
			return commit(ctx)
		}, 1},
		"a unit while another one crashes": {func(ctx context.Context) error {
			defer func() { Do(context.Background(), commit) }()
			panic("outside")
		}, 1},
		"no unit": {func(ctx context.Context) error {
			defer commit(context.Background())
			panic("outside")
		}, 1},
	} {
		kept = 0
		Do(context.Background(), test.f)
		if kept != test.want {
			t.Errorf("%s: kept %d times, want %d", name, kept, test.want)
		}
	}
}

func TestTaintedUnitsKeepNothing(t *testing.T) {
	contained(t, Config{})
	kept := 0
	keep := func() error { kept++; return nil }
	var inner, outer context.Context
	err := Do(context.Background(), func(ctx context.Context) error {
		outer = context.WithValue(ctx, key{}, "value")
		err := Do(outer, func(ctx context.Context) error {
			var cancel context.CancelFunc
			inner, cancel = context.WithCancel(ctx)
			defer cancel()
			if err := Commit(inner, keep); err != nil || Tainted(inner) {
				t.Errorf("before the crash: %v", err)
			}
			panic("inside")
		})
		if err == nil || Tainted(ctx) || !Tainted(inner) {
			t.Errorf("%v, outer tainted: %v, inner tainted: %v", err, Tainted(ctx), Tainted(inner))
		}
		return Commit(outer, keep)
	})
	if err != nil || kept != 2 {
		t.Errorf("%v, kept %d times", err, kept)
	}
	if err := Commit(inner, keep); err != ErrTainted || kept != 2 {
		t.Errorf("after the crash: %v, kept %d times", err, kept)
	}
	if Tainted(context.Background()) {
		t.Error("what is of no unit is tainted")
	}
}

func TestAnOuterCrashTaintsWhatIsWithin(t *testing.T) {
	contained(t, Config{})
	var inner context.Context
	Do(context.Background(), func(ctx context.Context) error {
		Do(ctx, func(ctx context.Context) error { inner = ctx; return nil })
		panic("outside")
	})
	if !Tainted(inner) {
		t.Error("what was begun by a unit that has crashed is not tainted")
	}
}

func TestGoTells(t *testing.T) {
	contained(t, Config{})
	told := make(chan error)
	Go(context.Background(), func(context.Context) error { panic("there") }, func(err error) { told <- err })
	var c *Crash
	if err := <-told; !errors.As(err, &c) {
		t.Errorf("told %v", err)
	}
	Go(context.Background(), func(context.Context) error { return nil }, func(err error) { told <- err })
	if err := <-told; err != nil {
		t.Errorf("told %v", err)
	}
}

func TestOneCrashTooManyEscalates(t *testing.T) {
	drained, ended := make(chan string, 1), make(chan string, 1)
	end = func(c *Crash, why string) { ended <- why }
	contained(t, Config{Same: 2, Grace: time.Millisecond, Drain: func(why string) { drained <- why }})
	crash := func() { Do(context.Background(), func(context.Context) error { panic("again") }) }
	for i := 0; i < 2; i++ {
		crash()
		if why, draining := Draining(); draining {
			t.Fatalf("after %d crashes: %s", i+1, why)
		}
	}
	crash()
	want := "the same crash 3 times in 1m0s"
	if why, draining := Draining(); !draining || why != want {
		t.Errorf("draining %v: %s", draining, why)
	}
	if why := <-drained; why != want {
		t.Errorf("drained: %s", why)
	}
	if why := <-ended; why != want {
		t.Errorf("ended: %s", why)
	}
}

func TestDrainEscalatesOnce(t *testing.T) {
	drained, ended := make(chan string, 2), make(chan string, 2)
	end = func(c *Crash, why string) { ended <- why }
	contained(t, Config{Grace: time.Millisecond, Drain: func(why string) { drained <- why }})
	Drain("C code has crashed")
	Drain("once more")
	if why, draining := Draining(); !draining || why != "C code has crashed" {
		t.Errorf("draining %v: %s", draining, why)
	}
	if why := <-drained; why != "C code has crashed" {
		t.Errorf("drained: %s", why)
	}
	if why := <-ended; why != "C code has crashed" || len(drained) > 0 {
		t.Errorf("ended: %s; %d more drained", why, len(drained))
	}
}

func TestTally(t *testing.T) {
	start := time.Unix(0, 0)
	cfg := Config{Most: 3, Same: 2, Within: time.Minute}
	var ty tally
	for i, step := range []struct {
		after time.Duration
		print uint64
		locks []string
		want  string
	}{
		{0, 1, nil, ""},
		{time.Second, 1, nil, ""},
		{59 * time.Second, 2, nil, ""},
		{61 * time.Second, 1, nil, ""}, // two of them are old by now
		{62 * time.Second, 3, nil, ""},
		{63 * time.Second, 4, nil, "4 crashes in 1m0s"},
		{200 * time.Second, 1, nil, ""},
		{201 * time.Second, 1, nil, ""},
		{202 * time.Second, 1, nil, "the same crash 3 times in 1m0s"},
		{400 * time.Second, 9, []string{"server.mu at a.go:3"}, "a unit has crashed and left server.mu at a.go:3 locked"},
	} {
		if got := ty.add(&Crash{At: start.Add(step.after), Fingerprint: step.print, Locks: step.locks}, cfg); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

func TestAReporterThatHangsIsLeftAlone(t *testing.T) {
	hold := make(chan struct{})
	var once sync.Once
	begun := make(chan struct{})
	contained(t, Config{Most: 100, Same: 100, Report: func(*Crash) { once.Do(func() { close(begun) }); <-hold }})
	_, before := Counts()
	crash := func() { Do(context.Background(), func(context.Context) error { panic("again") }) }
	crash()
	<-begun
	crash()
	close(hold)
	if _, after := Counts(); after != before+1 {
		t.Errorf("%d unheard, before %d", after, before)
	}
}
