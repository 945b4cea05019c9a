package mimic

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
)

// The tests have an agent: the test binary starts itself once more with a page,
// whose clock it writes, and the second one is the program. With programVar set it
// is one of programs instead.
const programVar = "LIFESIGN_TEST_PROGRAM"

// base is the row of site 0; the tests have sites of their own by adding to it.
var base Site

const testSites = 4000

func TestMain(m *testing.M) {
	if hook.Vitals().PID() == os.Getpid() {
		base = weaveTests()
		if run := programs[os.Getenv(programVar)]; run != nil {
			run()
			os.Exit(0)
		}
		hook.Vitals().WantMimics(false) // each test says when
		code := m.Run()
		if pure.path != "" {
			os.RemoveAll(filepath.Dir(pure.path))
		}
		os.Exit(code)
	}
	cmd, _, err := watched()
	if err == nil {
		cmd.Args = os.Args
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		err = cmd.Run()
	}
	if cmd == nil || cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// watched returns this binary as a program with a page that wants mimics, and the
// page. The page's clock is written for as long as this process lives.
func watched() (*exec.Cmd, *page.View, error) {
	f, err := os.CreateTemp("", "page")
	if err != nil {
		return nil, nil, err
	}
	defer os.Remove(f.Name())
	if err := f.Truncate(int64(page.Size)); err != nil {
		return nil, nil, err
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, page.Size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	if err := page.Format(mem, 1e7); err != nil {
		return nil, nil, err
	}
	v, err := page.Open(mem)
	if err != nil {
		return nil, nil, err
	}
	v.WantMimics(true)
	v.SetClock(clock.Monotonic())
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			v.SetClock(clock.Monotonic())
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self)
	cmd.ExtraFiles = []*os.File{f}
	cmd.Env = append(os.Environ(), page.EnvVar+"=3")
	return cmd, v, nil
}

// weaveTests switches the hooks on, as woven code does, with a layout that is
// found by trying: the right one has this goroutine's number, which no other word
// of g is likely to be.
func weaveTests() (first Site) {
	for i := 0; i < 10000; i++ {
		go func() {}()
	}
	done := make(chan Site)
	go func() {
		var table []byte
		for i := 0; i < testSites; i++ {
			table = page.AppendSite(table, event.Site{Kind: event.Call, Package: "p", File: "f.go", Line: i + 1, Func: "f"})
		}
		first := hook.Register("", string(table))
		for off := 0; off < 256 && hook.Vitals().Header.State != page.StateOn; off += 8 {
			hook.Register(fmt.Sprintf("%s %s g.goid=%d", runtime.Version(), runtime.GOARCH, off), "")
		}
		done <- first
	}()
	first = <-done
	if hook.Vitals().Header.State != page.StateOn {
		fmt.Fprintln(os.Stderr, "no layout makes the hooks work")
		os.Exit(2)
	}
	return first
}

// rig is a driver whose time is the test's, over the process's own page.
type rig struct {
	*driver
	t      testing.TB
	reader *page.Reader
	clock  int64
}

// newRig returns a driver for the checkers, with regions at site 0, 100, 200, …
// after from.
func newRig(t testing.TB, from Site, checks ...func(*Pass)) *rig {
	t.Helper()
	v := hook.Vitals()
	v.WantMimics(true)
	r := &registry{reduced: map[string]func(*Pass){}}
	for i, check := range checks {
		r.checkers = append(r.checkers, checker{from + Site(100*i), fmt.Sprintf("checker %d", i), check})
	}
	r.version = 1
	d := &rig{newDriver(v, r), t, page.NewViewReader(v), clock.Monotonic()}
	var earlier page.Reading
	if err := d.reader.Read(&earlier); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, g := range d.regions {
			if g.armed != nil {
				g.armed.Disarm()
			}
		}
		hook.Failures(nil)
		v.WantMimics(false)
	})
	return d
}

// read returns the mimics since the last reading.
func (d *rig) read() []event.Mimic {
	d.t.Helper()
	var into page.Reading
	if err := d.reader.Read(&into); err != nil {
		d.t.Fatal(err)
	}
	if into.Damaged > 0 || into.MimicsLost > 0 {
		d.t.Fatalf("%d mimics damaged, %d lost", into.Damaged, into.MimicsLost)
	}
	return into.Mimics
}

// second lets a second pass for the driver, with all its wakes, and returns the
// mimics.
func (d *rig) second() (list []event.Mimic) {
	d.t.Helper()
	for end := d.clock + second; d.clock < end; d.clock += pause {
		d.wake(d.clock)
		d.schedule.credit = usual.burst * 1e6 // what turns cost has nothing to do with the test's time
		list = append(list, d.read()...)
	}
	return list
}

// until lets seconds pass until a mimic fits. All of that second are tried.
func (d *rig) until(what string, fits func(event.Mimic) bool) event.Mimic {
	d.t.Helper()
	for i := 0; i < 3000; i++ {
		var first *event.Mimic
		for _, m := range d.second() {
			if m := m; fits(m) && first == nil {
				first = &m
			}
		}
		if first != nil {
			return *first
		}
		time.Sleep(2 * time.Millisecond)
	}
	d.t.Fatalf("no mimic came: %s; lacking %v", what, d.trend.lacking)
	return event.Mimic{}
}

// deeds renders deeds and the lines of their sites.
func deeds(list []event.Mimic) string {
	var all []string
	for _, m := range list {
		if m.Deed != event.SeeTrend {
			all = append(all, fmt.Sprintf("%s@%d", m.Deed, m.Site.Line-1))
		}
	}
	return strings.Join(all, " ")
}

// loop runs pass as an iteration of the region at s, again and again, on a
// goroutine of its own until the test ends. between is what it waits.
func loop(t testing.TB, s Site, pass func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		hook.Begin(s)
		defer hook.End(s)
		for {
			select {
			case <-stop:
				return
			default:
			}
			hook.Mark(s)
			pass()
			time.Sleep(100 * time.Microsecond)
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
}
