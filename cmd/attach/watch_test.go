package attach

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// story drives a Watch by hand.
type story struct {
	t   *testing.T
	w   *Watch
	now int64
	a   Actions
	all []event.Finding
}

func begin(t *testing.T) *story { return &story{t: t, w: NewWatch(Config{}), now: 1e9} }

// read lets time pass and reads.
func (s *story) read(after time.Duration, r Read) {
	s.now += int64(after)
	r.At = s.now
	s.a = s.w.Step(r)
	s.all = append(s.all, s.a.Findings...)
}

func (s *story) dump(after time.Duration, text string) {
	s.t.Helper()
	d, err := ParseDump([]byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	s.read(after, Read{Dump: &d, Took: time.Millisecond})
}

func (s *story) profile(after time.Duration, counts ...int) {
	p := &Profile{}
	for i, n := range counts {
		p.Total += n
		p.Places = append(p.Places, Place{Count: n, Key: fmt.Sprint(i), Stack: []event.Frame{{Func: "sync.(*Mutex).Lock", File: "/m.go", Line: 1}, {Func: "main.f", File: "/f.go", Line: i + 1}}})
	}
	s.read(after, Read{Profile: p, Took: time.Millisecond})
	if s.a.Dump && len(counts) > 1 {
		s.dump(s.a.Wait, gor(1, "sleep", "main.main"))
	}
}

// told demands the findings since the last call.
func (s *story) told(want ...string) {
	s.t.Helper()
	var got []string
	for _, f := range s.all {
		got = append(got, fmt.Sprintf("%s %s %s", f.Verdict, f.Class, f.What))
	}
	s.all = nil
	if len(got) != len(want) {
		s.t.Errorf("told %q, want %q", got, want)
		return
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			s.t.Errorf("told %q, want %q", got[i], want[i])
		}
	}
}

func gor(id int, state, fn string, frames ...string) string {
	b := fmt.Sprintf("goroutine %d [%s]:\n", id, state)
	for _, f := range append(frames, fn+"()") {
		b += f + "\n\t/src/" + fn + ".go:7 +0x1\n"
	}
	return b + "\n"
}

func TestNeverNeedsAReason(t *testing.T) {
	s := begin(t)
	idle := gor(1, "select (no cases)", "main.main") + gor(2, "select (no cases)", "main.f") + gor(3, "chan receive (nil chan)", "main.g")
	s.dump(0, idle)
	s.dump(2*time.Second, idle)
	s.told("unknown unknown goroutine 1 is in an operation that nothing can serve (select (no cases)); whether", "unknown unknown goroutine 2", "unknown unknown goroutine 3")

	s = begin(t)
	works := gor(1, "sleep", "main.main") + gor(2, "IO wait", "main.f")
	ends := gor(1, "select (no cases)", "main.main") + gor(2, "select (no cases)", "main.f") +
		gor(3, "chan send (nil chan)", "main.g") + gor(4, "chan receive (nil chan)", "main.h", "net/http.HandlerFunc.ServeHTTP(0x1)")
	s.dump(0, works)
	s.dump(2*time.Second, ends)
	if !s.a.Pending || !s.a.Dump {
		t.Errorf("a suspicion needs a second look: %+v", s.a)
	}
	s.told("unknown unknown goroutine 1")
	s.dump(s.a.Wait, ends)
	s.told("stuck proven goroutine 2 is in an operation that nothing can serve (select (no cases)); it has done other things before",
		"stuck proven goroutine 3 is in an operation that nothing can serve (chan send (nil chan)); it has a value to send",
		"stuck proven goroutine 4 is in an operation that nothing can serve (chan receive (nil chan)); it serves a request")
	s.dump(time.Second, ends)
	s.told()
	if s.a.Pending {
		t.Error("all is told, and a look is still wanted")
	}
	s.dump(time.Second, works)
	s.told("working inferred no goroutine stands at /src/main.f.go:7 any more", "working inferred no goroutine stands at /src/main.g.go:7 any more", "working inferred no goroutine stands at /src/main.h.go:7 any more")
}

const slow = "internal/sync.(*Mutex).lockSlow(0xc000010008)"

func TestLocksAreToldByTheRuntimesMinutes(t *testing.T) {
	s := begin(t)
	young := gor(7, "sync.Mutex.Lock", "main.f", slow, "sync.(*Mutex).Lock(...)") + gor(8, "sync.Mutex.Lock", "main.g", slow)
	for i := 0; i < 100; i++ { // for minutes: the same goroutines may have come through in between
		s.dump(2*time.Second, young)
	}
	s.told()
	old := strings.ReplaceAll(young, "Lock]", "Lock, 3 minutes]")
	s.dump(2*time.Second, old)
	s.told("stuck inferred goroutine 7 has waited for the sync.Mutex at 0xc000010008 for at least 3 minutes, as do 1 more; who holds a lock cannot be seen")
	f := s.w.episodes["lock 0xc000010008"].last
	if f.Place.Site.Place() != "/src/main.f.go:7" || f.Place.Object != 0xc000010008 || len(f.Waiters) != 1 || f.At-f.Place.Since != int64(200*time.Second) {
		t.Errorf("place %+v, %d waiters", f.Place, len(f.Waiters))
	}
}

// A process that was stopped was not stuck: minutes in which it did not run are
// in the runtime's account.
func TestASuspicionMustStandWhileTheProcessRuns(t *testing.T) {
	s := begin(t)
	old := gor(7, "sync.RWMutex.RLock, 9 minutes", "main.f")
	s.dump(0, old)
	s.dump(30*time.Second, old) // nobody knows what was in between
	s.told()
	s.read(time.Second, Read{Took: 10 * time.Second}) // no answer
	s.dump(time.Second, old)
	s.told()
	s.dump(2*time.Second, old)
	s.told("stuck inferred goroutine 7 has waited for a sync.RWMutex for at least 9 minutes")
}

func TestCallsThatAnswerNoOutside(t *testing.T) {
	s := begin(t)
	text := gor(7, "syscall, 2 minutes", "main.f", "syscall.Syscall(0x4a)", "syscall.Fsync(0x5)", "internal/poll.(*FD).Fsync(0xc)", "os.(*File).Sync(0xc)") +
		gor(8, "syscall, 90 minutes", "os/signal.loop", "os/signal.signal_recv()") +
		gor(9, "syscall, 90 minutes", "main.g", "syscall.Syscall(0x0)", "syscall.read(0x0)", "os.(*File).Read(0xc)")
	s.dump(0, text)
	s.dump(2*time.Second, text)
	s.told("stuck inferred goroutine 7 has been in (*os.File).Sync for at least 2 minutes: what it works on does not answer")
}

func TestHealthyIdlersAreLeftAlone(t *testing.T) {
	s := begin(t)
	var text string
	for i, state := range []string{"chan receive", "select", "IO wait", "sleep", "sync.Cond.Wait", "sync.WaitGroup.Wait", "syscall", "finalizer wait", "GC worker (idle)", "semacquire"} {
		text += gor(i+1, state+", 5000 minutes", fmt.Sprintf("main.f%d", i))
	}
	for i := 0; i < 20; i++ {
		s.dump(2*time.Second, text)
	}
	s.told()
}

func TestSendersThatPileUp(t *testing.T) {
	s := begin(t)
	senders := func(n int) string {
		var b string
		for i := 0; i < n; i++ {
			b += gor(100+i, "chan send, 2 minutes", "main.f")
		}
		return b
	}
	s.dump(0, senders(1))
	s.dump(2*time.Second, senders(1))
	s.told("unknown unknown goroutine 100 has waited to send for at least 2 minutes")
	s.dump(2*time.Second, senders(30))
	s.dump(2*time.Second, senders(30))
	s.told("stuck inferred 30 goroutines wait to send at one place, and none has got through for at least 2 minutes")
}

func TestConvoy(t *testing.T) {
	s := begin(t)
	crowd := func(but int) string {
		var b string
		for i := 0; i < 12; i++ {
			if i == but {
				b += gor(i+1, "IO wait", "main.g")
			} else {
				b += gor(i+1, "sync.Mutex.Lock", "main.f", slow)
			}
		}
		return b
	}
	for i := 0; i < 12; i++ {
		s.dump(2*time.Second, crowd(i))
	}
	s.told("slow inferred 11 goroutines wait for the sync.Mutex at 0xc000010008, which goes round slowly")
}

func TestPiles(t *testing.T) {
	s := begin(t)
	s.dump(0, gor(1, "sleep", "main.main"))
	for i := 0; i < 20; i++ {
		s.profile(5*time.Second, 60+10*i, 1000-i, 5+i, 500)
	}
	s.told("unknown unknown goroutines pile up at one place: 60 at first, 180 now, and never fewer")
	if got := s.w.episodes["pile 0"].last.Place.Site.Place(); got != "/f.go:1" {
		t.Errorf("place %s", got)
	}
	s.profile(5*time.Second, 100, 1) // they become fewer, and then more again
	for i := 0; i < 20; i++ {
		s.profile(5*time.Second, 100+10*i, 1)
	}
	s.told("unknown unknown goroutines pile up at one place: 100 at first, 2")
}

func TestReadingCostsLittle(t *testing.T) {
	s := begin(t)
	s.profile(0, 1000)
	if !s.a.Dump || s.a.Wait != 0 {
		t.Fatalf("after the first profile: %+v", s.a)
	}
	s.dump(0, gor(1, "sleep", "main.main"))
	s.profile(5*time.Second, 1)
	if s.a.Dump || s.a.Wait != 5*time.Second {
		t.Errorf("with nothing to suspect: %+v", s.a)
	}
	s.read(5*time.Second, Read{Profile: &Profile{Total: 1}, Took: 200 * time.Millisecond})
	if s.a.Wait != 20*time.Second {
		t.Errorf("after a profile that took 200 ms the next comes %s later", s.a.Wait)
	}

	s = begin(t)
	s.profile(0, 100_000)
	if s.a.Dump || !strings.Contains(s.a.Remark, "a look at 100000 goroutines would stop the program for about 3s") {
		t.Errorf("a dump of 100,000 goroutines: %+v", s.a)
	}
	s.profile(5*time.Second, 100_000)
	if s.a.Remark != "" {
		t.Error("told twice")
	}
}

// A dump that a real program with one of each fault has made.
func TestRealDump(t *testing.T) {
	text, err := os.ReadFile("testdata/faults.dump")
	if err != nil {
		t.Fatal(err)
	}
	s := begin(t)
	s.dump(0, string(text))
	s.dump(2*time.Second, string(text))
	s.told("unknown unknown goroutine 11 is in an operation that nothing can serve (chan receive (nil chan))",
		"unknown unknown goroutine 13 is in an operation that nothing can serve (select (no cases))",
		"stuck proven goroutine 12 is in an operation that nothing can serve (chan send (nil chan))")
	aged := strings.NewReplacer("sync.Mutex.Lock]", "sync.Mutex.Lock, 2 minutes]", "RWMutex.RLock]", "RWMutex.RLock, 1 minutes]", "chan send]", "chan send, 1 minutes]").Replace(string(text))
	s.dump(2*time.Second, aged)
	s.told("stuck inferred goroutine 7 has waited for the sync.Mutex at 0x302e103e8668 for at least 2 minutes, as do 1 more",
		"stuck inferred goroutine 9 has waited for a sync.RWMutex for at least a minute",
		"stuck inferred goroutine 10 has waited for the sync.RWMutex with the Mutex at 0x302e103e8670",
		"unknown unknown goroutine 14 has waited to send for at least a minute")
}
