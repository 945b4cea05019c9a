//go:build cgo && linux && (amd64 || arm64)

package cguard_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/lifesign-go/lifesign/guard"
	"github.com/lifesign-go/lifesign/guard/cguard"
	"github.com/lifesign-go/lifesign/guard/cguard/internal/faulty"
)

var crashes = flag.Int("crashes", 300, "of each kind")

// TestMain has the program not ended by what is contained, and children do what
// they are told.
func TestMain(m *testing.M) {
	guard.Configure(guard.Config{Grace: -1})
	if deed := os.Getenv("CGUARD_DEED"); deed != "" {
		deeds[deed]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// kinds are the ways to crash, and what is told of them.
var kinds = map[string]struct {
	fault  faulty.Fault
	signal syscall.Signal
	want   string // in the error
	in     string // a function on the stack; "" if the stack is not to be had
}{
	"null":     {faulty.Null, syscall.SIGSEGV, "SIGSEGV (nothing is mapped there) at address 0x0 in faulty_null+", "faulty_null"},
	"wild":     {faulty.Wild, syscall.SIGSEGV, "SIGSEGV (", "faulty_wild"},
	"nowhere":  {faulty.Nowhere, syscall.SIGSEGV, "at address 0x0 in faulty_nowhere+", "faulty_nowhere"},
	"readonly": {faulty.Readonly, syscall.SIGSEGV, "SIGSEGV (no permission)", "faulty_readonly"},
	"bus":      {faulty.Bus, syscall.SIGBUS, "SIGBUS (no such memory)", "faulty_bus"},
	"divide":   {faulty.Divide, syscall.SIGFPE, "SIGFPE (", "faulty_divide"},
	"illegal":  {faulty.Illegal, syscall.SIGILL, "SIGILL (", "faulty_illegal"},
	"abort":    {faulty.Abort, syscall.SIGABRT, "SIGABRT (abort) in faulty_abort+", "faulty_abort"},
	"overflow": {faulty.Overflow, syscall.SIGSEGV, "SIGSEGV (stack overflow)", ""},
	"free":     {faulty.Free, syscall.SIGABRT, "SIGABRT (abort) in faulty_free+", "faulty_free"},
	"smash":    {faulty.Smash, syscall.SIGSEGV, "at address 0x0 in faulty_smash+", "faulty_smash"},
	"raise":    {faulty.Raise, syscall.SIGSEGV, "SIGSEGV (raised by the code itself)", "faulty_raise"},
	"blocked":  {faulty.Blocked, syscall.SIGSEGV, "at address 0x0 in faulty_blocked+", "faulty_blocked"},
}

// crash has f crash and returns what is told.
func crash(f faulty.Fault) (*cguard.Crash, error) {
	place := new(unsafe.Pointer)
	err := cguard.Call(f, unsafe.Pointer(place))
	if *place != nil {
		faulty.Unmap(*place)
	}
	var c *cguard.Crash
	errors.As(err, &c)
	return c, err
}

func TestAvailable(t *testing.T) {
	if err := cguard.Available(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoCrash(t *testing.T) {
	if err := cguard.Call(faulty.Nothing, nil); err != nil {
		t.Error(err)
	}
}

func TestEachKindIsTold(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			c, err := crash(k.fault)
			if c == nil || !strings.Contains(err.Error(), k.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v, want one with %q", err, k.want)
			}
			if c.Signal != k.signal || c.At.IsZero() || len(c.Stack) == 0 || c.StackOverflow() != (name == "overflow") {
				t.Errorf("%+v", c)
			}
			found := k.in == ""
			for _, f := range c.Stack {
				found = found || f.Symbol == k.in
			}
			if !found {
				t.Errorf("%s is not on the stack %v", k.in, c.Stack)
			}
		})
	}
	if why, draining := guard.Draining(); !draining || !strings.Contains(why, "C code has crashed") {
		t.Errorf("draining %v: %s", draining, why)
	}
}

// TestManyCrashes has eight goroutines crash in C, in every way again and again,
// while two have nil panics, one collects garbage and one wants to be preempted.
func TestManyCrashes(t *testing.T) {
	const goroutines = 8
	defer quiet(t)()
	var contained, panics, collections, odd int64
	over := make(chan struct{})
	var beside, group sync.WaitGroup
	background := func(f func()) {
		beside.Add(1)
		go func() {
			defer beside.Done()
			for {
				select {
				case <-over:
					return
				default:
					f()
				}
			}
		}()
	}
	for i := 0; i < 2; i++ {
		background(func() { atomic.AddInt64(&panics, nilPanic()) })
	}
	background(func() { runtime.GC(); atomic.AddInt64(&collections, 1) })
	background(func() {
		for i := 0; i < 1e6; i++ {
			busy += i
		}
	})
	for i := 0; i < goroutines; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := 0; n < *crashes/goroutines+1; n++ {
				for name, k := range kinds {
					c, err := crash(k.fault)
					if c == nil || c.Signal != k.signal || !strings.Contains(err.Error(), k.want) {
						t.Errorf("%s: %v", name, err)
						atomic.AddInt64(&odd, 1)
						return
					}
					atomic.AddInt64(&contained, 1)
				}
			}
		}()
	}
	group.Wait()
	close(over)
	beside.Wait()
	if want := int64(goroutines * (*crashes/goroutines + 1) * len(kinds)); contained != want || panics == 0 || collections == 0 {
		t.Errorf("%d crashes contained, want %d; %d nil panics, %d collections", contained, want, panics, collections)
	}
	t.Logf("%d crashes of %d kinds contained, beside %d nil panics and %d collections", contained, len(kinds), panics, collections)
	if err := cguard.Available(); err != nil {
		t.Error(err)
	}
}

// quiet keeps what the C library says of each broken heap out of the tests' output,
// until what it returns is called.
func quiet(t *testing.T) func() {
	old, err := syscall.Dup(2)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := syscall.Dup3(int(null.Fd()), 2, 0); err != nil {
		t.Fatal(err)
	}
	return func() {
		syscall.Dup3(old, 2, 0)
		syscall.Close(old)
	}
}

var busy int

// nilPanic returns 1 if it has panicked, as it should.
func nilPanic() (n int64) {
	defer func() {
		if err, ok := recover().(runtime.Error); ok && strings.Contains(err.Error(), "nil pointer") {
			n = 1
		}
	}()
	var p *struct{ n int64 }
	return p.n
}

// back calls f from C that is called with a guard.
func back(how faulty.Fault, f func()) error {
	h := cgo.NewHandle(f)
	defer h.Delete()
	at := new(cgo.Handle)
	*at = h
	return cguard.Call(how, unsafe.Pointer(at))
}

func TestCallsWithinCalls(t *testing.T) {
	var steps []string
	err := back(faulty.BackNull, func() {
		if nilPanic() == 1 {
			steps = append(steps, "panic")
		}
		if c, _ := crash(faulty.Null); c != nil {
			steps = append(steps, "inner")
		}
		err := back(faulty.Back, func() {
			if c, _ := crash(faulty.Abort); c != nil {
				steps = append(steps, "innermost")
			}
		})
		if err == nil {
			steps = append(steps, "returned")
		}
	})
	if got := strings.Join(steps, " "); got != "panic inner innermost returned" {
		t.Errorf("within: %s", got)
	}
	var c *cguard.Crash
	if !errors.As(err, &c) || len(c.Stack) == 0 || c.Stack[0].Symbol != "faulty_back_null" {
		t.Errorf("after it: %v", err)
	}
}

// TestPanicsThroughC has Go, called back by guarded C, panic, which takes the guarded
// call with it; what is guarded afterwards still is.
func TestPanicsThroughC(t *testing.T) {
	for i := 0; i < 100; i++ {
		v := func() (v any) {
			defer func() { v = recover() }()
			back(faulty.Back, func() { panic("through") })
			return nil
		}()
		if v != "through" {
			t.Fatalf("recovered %v", v)
		}
		if c, err := crash(faulty.Null); c == nil {
			t.Fatal(err)
		}
		var outer *cguard.Crash
		if err := back(faulty.BackNull, func() {
			defer func() { recover() }()
			back(faulty.Back, func() { panic("through the inner one") })
		}); !errors.As(err, &outer) {
			t.Fatal(err)
		}
	}
}

// TestLocksStayHeld shows what a contained crash leaves behind.
func TestLocksStayHeld(t *testing.T) {
	if faulty.Busy() {
		t.Fatal("the lock is held before anything has happened")
	}
	if c, err := crash(faulty.Locked); c == nil {
		t.Fatal(err)
	}
	if !faulty.Busy() {
		t.Error("somebody has released the lock: the documentation is wrong")
	}
}

// TestThreadsOfC has guarded calls made by Go that is called by a thread which C has
// made, again and again: the runtime gives such a thread its alternate stack.
func TestThreadsOfC(t *testing.T) {
	for i := 0; i < 20; i++ {
		contained := 0
		if err := back(faulty.Thread, func() {
			for _, f := range []faulty.Fault{faulty.Null, faulty.Overflow, faulty.Abort} {
				if c, _ := crash(f); c != nil {
					contained++
				}
			}
		}); err != nil || contained != 3 {
			t.Fatalf("%d crashes contained, then %v", contained, err)
		}
	}
}

// TestForkedChildrenDie has C fork, and the child crash: it must not come back into a
// Go that has but one thread left.
func TestForkedChildrenDie(t *testing.T) {
	var status int32
	if err := cguard.Call(faulty.Fork, unsafe.Pointer(&status)); err != nil {
		t.Errorf("the child's crash was the parent's: %v", err)
	}
	if w := syscall.WaitStatus(status); !w.Signaled() || w.Signal() != syscall.SIGSEGV {
		t.Errorf("the child has ended with %#x", status)
	}
}

// TestTheSignalMaskIsRestored has C block signals and crash.
func TestTheSignalMaskIsRestored(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	mask := func() string {
		status, err := os.ReadFile("/proc/thread-self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "SigBlk:")
		mask, _, _ := strings.Cut(after, "\n")
		return strings.TrimSpace(mask)
	}
	if err := cguard.Call(faulty.Nothing, nil); err != nil {
		t.Fatal(err)
	}
	before := mask()
	if c, err := crash(faulty.Blocked); c == nil {
		t.Fatal(err)
	}
	if after := mask(); after != before || before == "" {
		t.Errorf("blocked are %s, before %s", after, before)
	}
}

func TestAUnitIsTainted(t *testing.T) {
	err := guard.Do(context.Background(), func(ctx context.Context) error {
		if err := cguard.Call(faulty.Null, nil); err != nil {
			panic(err)
		}
		return nil
	})
	var unit *guard.Crash
	var c *cguard.Crash
	if !errors.As(err, &unit) || !errors.As(err, &c) {
		t.Errorf("%v", err)
	}
}

func BenchmarkCall(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			faulty.Bare(faulty.Nothing, nil)
		}
	})
	b.Run("guarded", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			if err := cguard.Call(faulty.Nothing, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCrash(b *testing.B) {
	for i := 0; i < b.N; i++ {
		if c, err := crash(faulty.Null); c == nil {
			b.Fatal(err)
		}
	}
}
