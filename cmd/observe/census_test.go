package observe

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

func TestWordsOfRealChannels(t *testing.T) {
	s, _ := hooked(t)
	objects := map[string]uint64{}
	for _, site := range hookedSites[:] {
		if site.Kind != event.Select && site.Kind != event.Call {
			g, _ := lookAt(t, s, site)
			r, _ := g.Waits()
			objects[site.Func] = r.Object
		}
	}
	lookAt(t, s, hookedSites[7]) // the select stands in both lines
	full, empty, group, cond := objects["waitSend"], objects["waitReceive"], objects["waitGroup"], objects["waitCond"]
	var words map[uint64]event.Word
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		words = take(t, s, Wanted{Words: []uint64{full, empty, group, cond}}).Words
		if c := words[full].Chan; c != nil && c.Senders == 3 || time.Now().After(end) {
			break
		}
	}
	if c := words[full].Chan; c == nil || *c != (event.Chan{Len: 3, Cap: 3, Senders: 3}) {
		t.Errorf("full channel: %+v %+v", words[full], c)
	}
	if c := words[empty].Chan; c == nil || *c != (event.Chan{Receivers: 2}) {
		t.Errorf("empty channel: %+v %+v", words[empty], c)
	}
	if w := words[group]; w.Err != "" || w.Count != 3 || w.Size == 0 {
		t.Errorf("wait group: %+v", w)
	}
	if w := words[cond]; w.Err == "" {
		t.Errorf("a condition has no word: %+v", w)
	}
}

// census takes one until check is content with it.
func census(t testing.TB, s *Sampler, check func(*event.Census) error) *event.Census {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		c := take(t, s, Wanted{Census: true}).Census
		err := check(c)
		if err == nil {
			return c
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// stands reports how many goroutines have fn on their stacks, and what one of
// them looks like.
func stands(c *event.Census, fn string) (n int, look event.Look) {
	for _, r := range c.Goroutines {
		for _, f := range r.Look.Stack {
			if f.Func == fn {
				n, look = n+1, r.Look
				break
			}
		}
	}
	return n, look
}

func TestCensusFindsEverybody(t *testing.T) {
	s, _ := hooked(t, "CROWD=1500")
	c := census(t, s, func(c *event.Census) error {
		if n, _ := stands(c, "main.unwoven"); n != 1500 || c.Err != "" {
			return fmt.Errorf("%d of a crowd of 1500; %s", n, c.Err)
		}
		for _, site := range hookedSites {
			want := 1
			if site.Func == "waitSend" {
				want = 2
			}
			if n, _ := stands(c, "main."+site.Func); n != want && site.Func != "spin" && site.Func != "fsync" {
				return fmt.Errorf("%d in %s, want %d", n, site.Func, want)
			}
		}
		if n, _ := stands(c, "runtime.bgsweep"); n != 1 {
			return fmt.Errorf("%d of the runtime's own in bgsweep", n)
		}
		return nil
	})
	ids := map[uint64]bool{}
	for _, r := range c.Goroutines {
		if r.ID == 0 || ids[r.ID] || r.Look.Err != "" {
			t.Errorf("goroutine %d: %+v", r.ID, r.Look)
		}
		ids[r.ID] = true
		if n := len(r.Look.Stack); (r.Look.Status == event.Waiting || r.Look.Status == event.Syscall) && (n == 0 || r.Look.Stack[n-1].Func != "runtime.goexit") {
			t.Errorf("goroutine %d has no whole stack: %+v", r.ID, r.Look)
		}
	}
	_, look := stands(c, "main.unwoven")
	if look.Status != event.Waiting || look.Reason != "chan receive" || look.Object == 0 {
		t.Fatalf("%+v", look)
	}
	// Nobody has noted this channel in the page: the census has.
	if w := take(t, s, Wanted{Words: []uint64{look.Object}}).Words[look.Object]; w.Chan == nil || w.Chan.Receivers != 64 {
		t.Errorf("channel of the crowd: %+v", w)
	}
}

// Without a symbol table the list of goroutines is found by what is in it; so
// it is where the program lies at another address each time.
func TestCensusOfOtherBuilds(t *testing.T) {
	for name, flags := range map[string][]string{
		"stripped": {"-ldflags=-s -w"},
		"race":     {"-race"},
		"pie":      {"-buildmode=pie"},
		"bare-pie": {"-buildmode=pie", "-ldflags=-s -w"},
	} {
		t.Run(name, func(t *testing.T) {
			bin := filepath.Join(binDir, name)
			args := append(append([]string{"build"}, flags...), "-o", bin, "./testdata/hooked")
			if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			defer os.Remove(bin)
			s, _ := program(t, name, "CROWD=10")
			census(t, s, func(c *event.Census) error {
				if n, _ := stands(c, "main.unwoven"); n != 10 || c.Err != "" {
					return fmt.Errorf("%d of a crowd of 10; %s", n, c.Err)
				}
				return nil
			})
			symbols, err := loadSymbols(bin, 0)
			if stripped := strings.Contains(name, "bare") || name == "stripped"; err != nil || stripped != (symbols.allgs == 0) {
				t.Errorf("the symbol table has the list of goroutines: %t, %v", symbols.allgs != 0, err)
			}
		})
	}
}

func TestReachIsReadFromTheProgram(t *testing.T) {
	s, _ := hooked(t)
	if got := s.Reach(); got != nil {
		t.Errorf("%q before the first sample", got)
	}
	take(t, s, Wanted{})
	if got := string(s.Reach()); got != "who can serve whom" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkCensus(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _ := hooked(b, fmt.Sprintf("CROWD=%d", n))
			census(b, s, func(c *event.Census) error {
				if got, _ := stands(c, "main.unwoven"); got != n {
					return fmt.Errorf("%d of %d", got, n)
				}
				return nil
			})
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			for i := 0; i < b.N; i++ {
				take(b, s, Wanted{Census: true})
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpuTime is what this process has used, which other load on the machine does
// not change as it does the time that passes.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
