package observe

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/page"
)

func newPage(t *testing.T) *Page {
	t.Helper()
	p, err := NewPage(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPageCannotBeShrunk(t *testing.T) {
	p := newPage(t)
	if err := p.file.Truncate(4096); err == nil {
		t.Error("the page was shrunk: a reader would fault")
	}
	if err := p.file.Truncate(int64(page.Size) * 2); err == nil {
		t.Error("the page was grown")
	}
}

func TestDescriptorsAreOutOfTheWay(t *testing.T) {
	p := newPage(t)
	env, release, err := p.Inherit()
	if err != nil {
		t.Fatal(err)
	}
	_, number, _ := strings.Cut(env, "=")
	fd, err := strconv.Atoi(number)
	if err != nil || fd < lowestFD {
		t.Errorf("%s: below %d, where service managers hand over sockets", env, lowestFD)
	}
	// The one for the program is inherited, the agent's own is not.
	out, err := exec.Command("ls", "/proc/self/fd/"+number).CombinedOutput()
	if err != nil {
		t.Errorf("descriptor %d is not inherited: %s", fd, out)
	}
	own := strconv.Itoa(int(p.file.Fd()))
	if link, err := exec.Command("readlink", "/proc/self/fd/"+own).Output(); err == nil && strings.Contains(string(link), "lifesign") {
		t.Errorf("the agent's descriptor %s is inherited", own)
	}
	release()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
		t.Error("the descriptor is still open after release")
	}
}

// TestFewDescriptors checks that a low limit of open files is no obstacle.
func TestFewDescriptors(t *testing.T) {
	p := newPage(t)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	low := was
	low.Cur = lowestFD
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	env, release, err := p.Inherit()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if env == page.EnvVar+"=3" {
		t.Errorf("%s: descriptor 3 belongs to others", env)
	}
}

func TestTickWritesTheClock(t *testing.T) {
	p := newPage(t)
	r, err := page.NewReader(p.mem)
	if err != nil {
		t.Fatal(err)
	}
	var reading page.Reading
	for i := 0; i < 3; i++ {
		before := clock.Monotonic()
		p.Tick()
		if err := r.Read(&reading); err != nil {
			t.Fatal(err)
		}
		if got := reading.Clock; got < before || got > clock.Monotonic() {
			t.Errorf("the clock says %d, it is between %d and %d", got, before, clock.Monotonic())
		}
	}
}

func TestNoSampleBeforeAClaim(t *testing.T) {
	s, err := NewSampler(newPage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Sample(Wanted{}); ok || err != nil {
		t.Errorf("a sample of nobody: %v, %v", ok, err)
	}
}

// TestLooksThatCannotBeHad checks that what cannot be read is told as such and
// is no status.
func TestLooksThatCannotBeHad(t *testing.T) {
	layout, err := runtimeLayout()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := page.ParseLayout(layout)
	if err != nil {
		t.Fatal(err)
	}
	g, err := look.NewLayout(parsed)
	if err != nil {
		t.Fatal(err)
	}
	l := look.New(look.Process(os.Getpid()), g, look.OwnSymbols{})
	if look := l.Looks([]look.Goroutine{{G: 8, ID: 1}})[0]; look.Err == "" || look.Status != "" {
		t.Errorf("look at address 8: %+v", look)
	}
	for _, kind := range []event.Kind{event.Lock, event.RLock, event.Send, event.Call} {
		if w := l.Word(kind, 8); w.Err == "" {
			t.Errorf("word of a %s at address 8: %+v", kind, w)
		}
	}
}
