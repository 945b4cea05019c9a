package mimic

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/page"
)

// programs are what the test binary is when it is started as a program.
var programs = map[string]func(){
	"deadlock": deadlock,
	"idle":     idle,
	"many":     many,
}

// register registers a checker of a saver that writes to its own file.
func register(s Site) *saver {
	f, err := os.CreateTemp("", "wal")
	if err != nil {
		panic(err)
	}
	os.Remove(f.Name())
	Region(s, "(*saver).save", checkSaver(s))
	return &saver{f: f, site: s}
}

// deadlock works for three seconds, and then all of its goroutines wait for each
// other.
func deadlock() {
	w := register(base)
	a, b := make(chan int), make(chan int)
	go func() {
		hook.Begin(base)
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			hook.Mark(base)
			w.save()
		}
		<-a
		b <- 1
	}()
	<-b
	a <- 1
}

// idle works for a second, waits for a connection, and works again.
func idle() {
	w := register(base)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	hook.Begin(base)
	for {
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			hook.Mark(base)
			w.save()
		}
		fmt.Println("waits")
		if _, err := l.Accept(); err != nil {
			panic(err)
		}
	}
}

// many has 200 regions, each with a goroutine, for as long as its input lasts.
func many() {
	for i := 0; i < 200; i++ {
		s := base + Site(i*10)
		w := register(s)
		go func() {
			hook.Begin(s)
			for ; ; time.Sleep(50 * time.Millisecond) {
				hook.Mark(s)
				w.save()
			}
		}()
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// program is one that is watched by the test.
type program struct {
	*exec.Cmd
	t      testing.TB
	reader *page.Reader
	errs   bytes.Buffer
	ended  chan error
	mimics []event.Mimic
	mu     sync.Mutex // guards mimics
}

// pure is the test binary without C: a program with C is never deadlocked to the
// runtime, for C may start goroutines.
var pure struct {
	once sync.Once
	path string
	err  error
}

// buildPure returns its path.
func buildPure(t testing.TB) string {
	t.Helper()
	pure.once.Do(func() {
		dir, err := os.MkdirTemp("", "pure")
		if err != nil {
			pure.err = err
			return
		}
		pure.path = filepath.Join(dir, "mimic.test")
		cmd := exec.Command("go", "test", "-c", "-o", pure.path, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			pure.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if pure.err != nil {
		t.Fatal(pure.err)
	}
	return pure.path
}

// begin starts a program, which is killed when the test ends.
func begin(t testing.TB, name string, before func(*exec.Cmd)) *program {
	t.Helper()
	cmd, v, err := watched()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path = buildPure(t)
	p := &program{Cmd: cmd, t: t, reader: page.NewViewReader(v), ended: make(chan error, 1)}
	cmd.Env = append(cmd.Env, programVar+"="+name)
	cmd.Stderr = &p.errs
	before(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Add(1)
	go func() { // an agent
		defer reading.Done()
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			var into page.Reading
			if p.reader.Read(&into) == nil {
				p.mu.Lock()
				p.mimics = append(p.mimics, into.Mimics...)
				p.mu.Unlock()
			}
		}
	}()
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		close(stop)
		reading.Wait()
	})
	return p
}

// has waits until there are n mimics of a deed.
func (p *program) has(n int, d event.Deed) {
	p.t.Helper()
	for i := 0; i < 1200; i++ {
		if p.count(d) >= n {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%d mimics of %s in a minute, want %d; it says %s", p.count(d), d, n, p.errs.String())
}

func (p *program) count(d event.Deed) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mimics {
		if m.Deed == d {
			n++
		}
	}
	return n
}

// wakes returns how often the program's threads have been given a processor.
func (p *program) wakes() (n int64) {
	p.t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.Process.Pid))
	if err != nil || len(files) == 0 {
		p.t.Fatalf("no threads: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		fields := strings.Fields(string(b))
		if err != nil || len(fields) != 3 {
			continue // it has ended
		}
		k, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		n += k
	}
	return n
}

// The runtime must find a deadlock of all goroutines although there is a driver.
func TestDriverDoesNotHideADeadlock(t *testing.T) {
	t.Parallel()
	p := begin(t, "deadlock", func(*exec.Cmd) {})
	p.has(1, event.DoSync)
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		t.Fatal("two minutes later the program has not ended")
	}
	if got := p.ProcessState.ExitCode(); got != 2 || !strings.Contains(p.errs.String(), "all goroutines are asleep - deadlock!") {
		t.Errorf("exit status %d, and it says %s", got, p.errs.String())
	}
}

// A program that waits for the network goes on, and while it waits nothing wakes
// it up.
func TestDriverLetsAnIdleProgramSleep(t *testing.T) {
	t.Parallel()
	var out *bufio.Reader
	p := begin(t, "idle", func(cmd *exec.Cmd) {
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		out = bufio.NewReader(pipe)
	})
	address, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.has(1, event.DoSync)
	if _, err := out.ReadString('\n'); err != nil { // it waits
		t.Fatal(err)
	}
	quietFor := 0
	for i, before := 0, p.wakes(); quietFor < 3; i++ {
		if i == 120 {
			t.Fatal("in two minutes there were no three seconds in which nothing woke the program")
		}
		time.Sleep(time.Second)
		now := p.wakes()
		if quietFor++; now != before {
			quietFor = 0
		}
		before = now
	}
	before := p.count(event.DoSync)
	c, err := net.Dial("tcp", strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.has(before+1, event.DoSync)
}

func TestDriverTellsWhatItCosts(t *testing.T) {
	t.Parallel()
	p := begin(t, "many", func(cmd *exec.Cmd) {
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
	})
	p.has(2, event.SeeTrend)
	p.mu.Lock()
	defer p.mu.Unlock()
	var last event.Mimic
	for _, m := range p.mimics {
		if m.Deed == event.SeeTrend {
			last = m
		}
	}
	n := last.Numbers
	t.Logf("the trend is %v", n)
	// By the clock, on a machine that may be busy: the share itself is the
	// schedule's, and tested with it.
	if n["cost"] <= 0 || n["cost"] > n["interval"]/10 || n["runs"] < 10 {
		t.Errorf("the trend is %v", n)
	}
}
