package hook

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// pass is one iteration of a region, with two operations, as woven code does it.
func pass(n int64, b []byte) {
	Mark(siteRegion)
	Enter(siteCall)
	Wanted(siteCall).Bytes(b).Number(n).Keep()
	Exit(siteCall)
	for i := 0; i < 3; i++ {
		X1(Into(siteOther).Keeping(Wanted(siteOther).Text("name").Number(n)), 0)
	}
}

func TestOneWholePassIsCaptured(t *testing.T) {
	Begin(siteRegion)
	defer End(siteRegion)
	Mark(siteRegion)
	p := Arm(siteRegion, []Site{siteCall, siteOther})
	// The rest of an iteration that had begun before.
	if c := Wanted(siteOther); c != nil {
		t.Error("an iteration that was under way is captured")
	}
	for n := int64(1); n <= 3; n++ {
		pass(n, []byte("bytes"))
	}
	list, over := p.Captures()
	if len(list) != 2 || !over {
		t.Fatalf("%d captures, over: %v", len(list), over)
	}
	if c := list[0]; c.Site() != siteCall || string(c.Data()) != "bytes" || c.Size() != 5 || c.Numbers()[0] != 1 {
		t.Errorf("first %+v", c)
	}
	if c := list[1]; c.Site() != siteOther || c.Texts()[0] != "name" || c.Numbers()[0] != 1 {
		t.Errorf("second %+v", c)
	}
	if Wanted(siteCall) != nil || Wanted(siteOther) != nil {
		t.Error("more is wanted than one pass")
	}
}

func TestAPassIsOverWhenItsGoroutineGoesOn(t *testing.T) {
	p := Arm(siteRegion, []Site{siteCall})
	defer p.Disarm()
	Begin(siteRegion)
	pass(1, nil)
	pass(2, nil)
	Mark(siteRegion)
	if list, over := p.Captures(); len(list) != 1 || !over {
		t.Errorf("%d captures, over: %v", len(list), over)
	}
	End(siteRegion)
	p = Arm(siteRegion, []Site{siteCall})
	if list, over := p.Captures(); len(list) != 0 || over {
		t.Errorf("armed anew: %d captures, over: %v", len(list), over)
	}
	Enter(siteCall)
	if Wanted(siteCall) != nil {
		t.Error("who is not in the region is captured")
	}
	Exit(siteCall)
	p.Disarm()
	Begin(siteRegion)
	defer End(siteRegion)
	pass(3, nil)
	pass(4, nil)
	if list, over := p.Captures(); len(list) != 0 || !over {
		t.Errorf("disarmed: %d captures, over: %v", len(list), over)
	}
}

func TestArmingTakesThePlaceOfWhatWasArmed(t *testing.T) {
	first := Arm(siteRegion, []Site{siteCall})
	second := Arm(siteRegion, []Site{siteCall})
	defer second.Disarm()
	Begin(siteRegion)
	defer End(siteRegion)
	pass(1, nil)
	pass(2, nil)
	if list, over := first.Captures(); len(list) != 0 || !over {
		t.Errorf("the first: %d captures, over: %v", len(list), over)
	}
	if list, _ := second.Captures(); len(list) != 1 {
		t.Errorf("the second: %d captures", len(list))
	}
}

// later has the program's coarse clock go on by d, as the agent does.
func later(d time.Duration) { vitals.SetClock(int64(now()) + int64(d)) }

// Some loops go on inside of one iteration of another for as long as the program runs.
func TestAnIterationThatLastsIsCapturedAfterAWhile(t *testing.T) {
	Begin(siteRegion)
	defer End(siteRegion)
	Mark(siteRegion)
	p := Arm(siteRegion, []Site{siteCall})
	defer p.Disarm()
	op := func(n int64) { Wanted(siteCall).Number(n).Keep() }
	op(1)
	later(patience)
	op(2)
	if list, over := p.Captures(); len(list) != 0 || over {
		t.Fatalf("an iteration that has begun before is not waited out: %d captures, over: %v", len(list), over)
	}
	later(1)
	op(3)
	op(4)
	list, over := p.Captures()
	if len(list) != 1 || list[0].Numbers()[0] != 3 || over {
		t.Fatalf("%d captures, over: %v", len(list), over)
	}
	later(patience)
	if _, over = p.Captures(); over {
		t.Error("it was over before half a second")
	}
	later(1)
	if _, over = p.Captures(); !over {
		t.Error("a stretch of an iteration is no pass for ever")
	}
}

// An operation that several regions lead to is captured in the pass of each of
// them, and the loop that it stands in is the one whose operation it is.
func TestAnOperationIsArmedForSeveralRegions(t *testing.T) {
	outer, inner := Arm(siteRegion, []Site{siteCall, siteOther}), Arm(siteInner, []Site{siteOther, siteCall})
	defer outer.Disarm()
	defer inner.Disarm()
	later(1)
	Begin(siteRegion)
	defer End(siteRegion)
	Mark(siteRegion)
	Wanted(siteCall).Number(1).Keep()
	Begin(siteInner) // a request, which counts no iterations
	Wanted(siteCall).Number(2).Keep()
	Wanted(siteCall).Number(3).Keep()
	Wanted(siteOther).Number(4).Keep()
	Wanted(siteOther).Number(5).Keep()
	End(siteInner)
	numbers := func(p *Pass) (n []int64) {
		list, _ := p.Captures()
		for _, c := range list {
			n = append(n, c.Numbers()...)
		}
		return n
	}
	if got := fmt.Sprint(numbers(inner), numbers(outer)); got != "[2 4] [1 5]" {
		t.Errorf("inner and outer pass were given %s", got)
	}
	if Wanted(siteOther) != nil || armed[siteOther] != 0 || armed[siteCall] != 0 {
		t.Error("more is wanted than both")
	}
	outer, inner = Arm(siteRegion, []Site{siteOther}), Arm(siteInner, []Site{siteCall})
	defer outer.Disarm()
	defer inner.Disarm()
	later(1)
	Mark(siteRegion)
	Begin(siteInner)
	Mark(siteInner) // a loop
	if Wanted(siteOther) != nil {
		t.Error("what an inner loop does was taken for the outer one's")
	}
	End(siteInner)
	if Wanted(siteOther) == nil {
		t.Error("behind the inner loop nothing is captured")
	}
}

func TestMoreOperationsThanAPassHasRoomFor(t *testing.T) {
	var ops []Site
	for s := Site(1000 + 2*Captures); s > 1000; s-- {
		ops = append(ops, s, s) // in any order, and named twice
	}
	p := Arm(siteRegion, ops)
	later(1)
	Begin(siteRegion)
	defer End(siteRegion)
	Mark(siteRegion)
	for _, s := range ops {
		Wanted(s).Keep()
	}
	if list, _ := p.Captures(); len(list) != Captures {
		t.Errorf("%d captures, want %d", len(list), Captures)
	}
	p.Disarm()
	for _, s := range ops {
		if armed[s] != 0 {
			t.Fatalf("site %d is wanted still, by %d", s, armed[s])
		}
	}
}

func TestLongBytesAreCut(t *testing.T) {
	p := Arm(siteRegion, []Site{siteCall})
	defer p.Disarm()
	Begin(siteRegion)
	defer End(siteRegion)
	b := make([]byte, 10000)
	pass(1, b)
	pass(2, b)
	b[0] = 1
	list, _ := p.Captures()
	if len(list) != 1 || list[0].Size() != 10000 || len(list[0].Data()) != 4096 || list[0].Data()[0] != 0 {
		t.Errorf("%d captures", len(list))
	}
}

// A string may be made of memory that is used again.
func TestStringsAreCopied(t *testing.T) {
	p := Arm(siteRegion, []Site{siteCall})
	defer p.Disarm()
	Begin(siteRegion)
	defer End(siteRegion)
	b := make([]byte, 5000)
	copy(b, "before")
	s := *(*string)(unsafe.Pointer(&b))
	pass(1, nil)
	Mark(siteRegion)
	Wanted(siteCall).Text(s[:6]).Text(s).Chars(s).Keep()
	copy(b, "behind")
	list, _ := p.Captures()
	if len(list) != 1 {
		t.Fatalf("%d captures", len(list))
	}
	c := list[0]
	if texts := c.Texts(); len(texts) != 2 || texts[0] != "before" || len(texts[1]) != 4096 || texts[1][:6] != "before" {
		t.Errorf("texts %.10q", texts)
	}
	if c.Size() != 5000 || len(c.Data()) != 4096 || string(c.Data()[:6]) != "before" {
		t.Errorf("%d bytes of %d: %.10q", len(c.Data()), c.Size(), c.Data())
	}
}

func TestWhereSomethingIsMapped(t *testing.T) {
	b := []byte("mapped")
	if c := (&Capture{}).Mapping(b[2:]); c.Mapped() != uintptr(unsafe.Pointer(&b[2])) {
		t.Errorf("%#x is not where it is", c.Mapped())
	}
	if c := (&Capture{}).Mapping(nil); c.Mapped() != 0 {
		t.Errorf("nothing is at %#x", c.Mapped())
	}
	var none *Capture
	none.Mapping(b)
}

func TestWhereARequestGoes(t *testing.T) {
	to := func(s string) *http.Request {
		r, err := http.NewRequest("GET", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		r    any
		want string
	}{
		{to("https://user:secret@example.com:8443/path?token=x"), "https://example.com:8443"},
		{to("/path"), ""},
		{&http.Request{}, ""},
		{&http.Request{URL: &url.URL{Scheme: "http", Opaque: "x"}}, ""},
		{(*http.Request)(nil), ""},
		{nil, ""},
		{7, ""},
		{&http.Response{}, ""},
	} {
		if got := (&Capture{}).Request(c.r).Texts(); len(got) != 1 || got[0] != c.want {
			t.Errorf("%v goes to %q, want %q", c.r, got, c.want)
		}
	}
	var none *Capture
	none.Request(to("http://x"))
}

// global is no memory of the heap's.
var global [64]byte

func TestHandlesKeepNothingAlive(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	c := (&Capture{}).Handle(f)
	if (&Capture{}).Handled() || !c.Handled() {
		t.Error("it is not known whether there is a handle")
	}
	if weakPointers && c.Value() != any(f) {
		t.Errorf("%v is not the file", c.Value())
	}
	if v := (&Capture{}).Handle(&global).Value(); weakPointers && v != any(&global) {
		t.Errorf("of a package's variable: %v", v)
	}
	for _, v := range []any{nil, 7, "text", struct{ a, b int }{1, 2}, (*os.File)(nil)} {
		(&Capture{}).Handle(v).Value() // need not be there, and must not end the program
	}
	runtime.KeepAlive(f)
	f = nil
	for i := 0; c.Value() != nil; i++ {
		if i == 1000 {
			t.Fatal("the capture keeps the file alive")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// TestCapturesBelongTogether has many goroutines go through a region while
// passes are asked for: all arguments of one must be of one iteration of one
// goroutine.
func TestCapturesBelongTogether(t *testing.T) {
	stop := make(chan struct{})
	var group sync.WaitGroup
	for g := int64(1); g <= 8; g++ {
		group.Add(1)
		go func(g int64) {
			defer group.Done()
			Begin(siteRegion)
			defer End(siteRegion)
			for n := int64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				pass(g<<40|n, []byte{1, 2, 3})
				runtime.Gosched()
			}
		}(g)
	}
	for got, end := 0, time.Now().Add(time.Minute); got < 20; {
		if time.Now().After(end) {
			t.Errorf("only %d passes were captured in a minute", got)
			break
		}
		p := Arm(siteRegion, []Site{siteCall, siteOther})
		vitals.SetClock(int64(now()) + 1) // as the agent does: iterations that begin from here on are new
		var list []*Capture
		for over := false; !over && time.Now().Before(end); {
			list, over = p.Captures()
			time.Sleep(50 * time.Microsecond)
		}
		if len(list) > 0 {
			got++
		}
		for _, c := range list {
			if c.Numbers()[0] != list[0].Numbers()[0] {
				t.Errorf("%x and %x are of one pass", c.Numbers()[0], list[0].Numbers()[0])
			}
		}
	}
	close(stop)
	group.Wait()
}

func TestSurveySeesWhatMoves(t *testing.T) {
	before := Survey(map[Site]int{})
	in := map[Site]int{}
	if again := Survey(in); again != before || in[siteRegion] != 0 {
		t.Errorf("nothing has moved, and yet %d became %d; %v", before, again, in)
	}
	Begin(siteRegion)
	defer End(siteRegion)
	Begin(siteInner)
	defer End(siteInner)
	if after := Survey(in); after == before || in[siteRegion] != 1 || in[siteInner] != 1 {
		t.Errorf("%d became %d; %v", before, after, in)
	}
}

func TestFailuresAreCountedBySite(t *testing.T) {
	Failed(siteCall, errors.New("nobody looks after mimics"))
	if list := Failures(nil); len(list) != 0 {
		t.Errorf("noted %v", list)
	}
	vitals.WantMimics(true)
	defer vitals.WantMimics(false)
	last := errors.New("last")
	Failed(siteCall, errors.New("first"))
	if err := Failing(Into(siteCall), last); err != last {
		t.Errorf("became %v", err)
	}
	if err := Failing(Into(siteOther), nil); err != nil {
		t.Errorf("became %v", err)
	}
	list := Failures(nil)
	if len(list) != 1 || list[0].Site != siteCall || list[0].Err != last || list[0].Count != 2 {
		t.Errorf("noted %v", list)
	}
	for s := Site(0); s < 100; s++ {
		Failed(s, last)
	}
	if n := len(Failures(nil)); n != maxFailures || FailuresLost() < 100-maxFailures {
		t.Errorf("%d noted, %d lost", n, FailuresLost())
	}
	if got := told(mine(t)); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestAwaitIsWokenByFailures(t *testing.T) {
	vitals.WantMimics(true)
	defer vitals.WantMimics(false)
	woken := make(chan struct{})
	go func() { Await(); close(woken) }()
	for {
		Failed(siteCall, os.ErrClosed)
		select {
		case <-woken:
			Failures(nil)
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func TestHeldSinceNamesLocksLeftBehind(t *testing.T) {
	var before, left, released sync.Mutex
	Lock(siteLock, &before)
	p := Here()
	Lock(siteLock, &left)
	Lock(siteLock, &released)
	Unlock(&released)
	if got := HeldSince(p); len(got) != 1 || got[0] != " at f.go:3" {
		t.Errorf("left behind: %q", got)
	}
	Unlock(&left)
	if got := HeldSince(p); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	Unlock(&before)
}
