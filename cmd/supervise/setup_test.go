package supervise

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// TestMain makes the test's own binary what tests start: the program under
// supervision, in the manner that its argument names, what becomes it, and a
// supervisor that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if mode, ok := modes[os.Args[1]]; ok {
			os.Exit(mode(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

var modes map[string]func(args []string) int

func init() {
	modes = map[string]func(args []string) int{
		"launch": Launch, "agent": agentMode, "count": countMode, "ends": endsMode, "stubborn": stubbornMode,
		"forks": forksMode, "daemon": daemonMode, "serves": servesMode, "says": saysMode, "sleeps": sleepsMode,
		"handsover": handsOverMode, "reads": readsMode,
	}
}

// program is the command line of the test's own binary in a mode.
func program(mode string, args ...string) []string {
	return append([]string{"/proc/self/exe", mode}, args...)
}

// countMode counts in a file, every 2 ms, as long as it is alone with it.
func countMode(args []string) int {
	name := args[0]
	lock, err := os.OpenFile(name+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 8
	}
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		os.WriteFile(name+".two", []byte(strconv.Itoa(os.Getpid())), 0o600)
		return 9
	}
	appendTo(name+".pids", fmt.Sprintf("%d\n", os.Getpid()))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for n := 0; ; n++ {
		os.WriteFile(name+".new", []byte(fmt.Sprintf("%d %d", os.Getpid(), n)), 0o600)
		os.Rename(name+".new", name)
		if n == 0 {
			tellReady()
		}
		select {
		case <-stop:
			time.Sleep(5 * time.Millisecond) // a stop takes its time
			return 0
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func appendTo(name, text string) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		io.WriteString(f, text)
		f.Close()
	}
}

func tellReady() { notifyUp("READY=1") }

func notifyUp(text string) {
	if c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET")); err == nil {
		io.WriteString(c, text)
		c.Close()
	}
}

// endsMode ends with the status that is next in a file, "SIG 11" for a signal, and
// takes that line away.
func endsMode(args []string) int {
	data, _ := os.ReadFile(args[0])
	line, rest, _ := strings.Cut(string(data), "\n")
	os.WriteFile(args[0], []byte(rest), 0o600)
	if sig, ok := strings.CutPrefix(line, "SIG "); ok {
		n, _ := strconv.Atoi(sig)
		signal.Reset()
		syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{})
		syscall.Kill(os.Getpid(), syscall.Signal(n))
		select {}
	}
	n, _ := strconv.Atoi(line)
	return n
}

// stubbornMode does not end when it is asked to.
func stubbornMode(args []string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGQUIT)
	os.WriteFile(args[0], []byte("up"), 0o600)
	for {
		time.Sleep(time.Hour)
	}
}

// forksMode leaves grandchildren behind whose parents have ended, one of them in a
// session of its own, and crashes.
func forksMode(args []string) int {
	for _, setsid := range []bool{false, true} {
		cmd := exec.Command("/proc/self/exe", "daemon", args[0])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
		cmd.Run()
	}
	for { // both are there
		data, _ := os.ReadFile(args[0])
		if strings.Count(string(data), "\n") >= 2 {
			return 7
		}
		time.Sleep(time.Millisecond)
	}
}

// daemonMode starts a process and ends.
func daemonMode(args []string) int {
	cmd := exec.Command("/proc/self/exe", "sleeps", args[0])
	if err := cmd.Start(); err != nil {
		return 1
	}
	return 0
}

func sleepsMode(args []string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
	appendTo(args[0], fmt.Sprintf("%d\n", os.Getpid()))
	for {
		time.Sleep(time.Hour)
	}
}

// servesMode answers with its process number on the sockets that it is given, and
// exits when it is asked for /crash.
func servesMode(args []string) int {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") == "" {
		return 4
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return 5
	}
	http.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%d", os.Getpid()) })
	time.Sleep(100 * time.Millisecond) // a start that takes its time
	http.Serve(l, nil)
	return 6
}

// saysMode says each of its arguments to its supervisor, and waits.
func saysMode(args []string) int {
	for _, a := range args {
		notifyUp(a)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// handsOverMode says that another process, which it starts, is the main one, and ends.
func handsOverMode(args []string) int {
	cmd := exec.Command("/proc/self/exe", "count", args[0])
	if err := cmd.Start(); err != nil {
		return 1
	}
	notifyUp(fmt.Sprintf("MAINPID=%d", cmd.Process.Pid))
	time.Sleep(50 * time.Millisecond)
	return 0
}

// order is what a supervisor in a process of its own is told to do, as JSON.
type order struct {
	Argv   []string
	Policy supervise.Config
	State  string
	Ready  string
	Listen []string
	NoTree bool
	Log    string
}

// agentMode is a supervisor that can be killed.
func agentMode(args []string) int {
	var o order
	if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
		return 100
	}
	d := New(Config{
		Argv: o.Argv, Env: os.Environ(), Policy: o.Policy, Launch: program("launch"), Listen: o.Listen, Ready: o.Ready, State: o.State, NoTree: o.NoTree,
		Watch: func(int) (Watcher, error) { return idle{}, nil },
		Say:   func(text string) { appendTo(o.Log, text+"\n") },
	})
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGHUP)
	appendTo(o.Log, fmt.Sprintf("supervisor %d hears signals\n", os.Getpid()))
	go func() {
		for sig := range c {
			d.Signal(sig.(syscall.Signal))
		}
	}()
	status, err := d.Run()
	if err != nil {
		appendTo(o.Log, err.Error()+"\n")
		return 101
	}
	return status
}

// idle watches nothing.
type idle struct{}

func (idle) Prepare() ([]string, func(), error) { return nil, func() {}, nil }
func (idle) Watch(int)                          {}
func (idle) Ended(int, supervise.Exit)          {}
func (idle) Close()                             {}

// run is a driver in the test's own process.
type run struct {
	*Driver
	mu     sync.Mutex // guards what follows
	said   []string
	exits  []supervise.Exit
	pids   []int
	dumps  []string
	result chan int
}

func (r *run) Prepare() ([]string, func(), error) { return []string{"PREPARED=yes"}, func() {}, nil }
func (r *run) Watch(pid int)                      { r.mu.Lock(); r.pids = append(r.pids, pid); r.mu.Unlock() }
func (r *run) Ended(_ int, e supervise.Exit) {
	r.mu.Lock()
	r.exits = append(r.exits, e)
	r.mu.Unlock()
}
func (r *run) Close() {}

func (r *run) text() string { r.mu.Lock(); defer r.mu.Unlock(); return strings.Join(r.said, "\n") }

func (r *run) count() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.pids) }

func (r *run) pid(n int) int { r.mu.Lock(); defer r.mu.Unlock(); return r.pids[n] }

// begin runs a driver, and stops it at the test's end.
func begin(t *testing.T, c Config) *run {
	t.Helper()
	r := &run{result: make(chan int, 1)}
	c.Launch = program("launch")
	c.Env = os.Environ()
	c.Say = func(s string) {
		if testing.Verbose() {
			t.Log(s)
		}
		r.mu.Lock()
		r.said = append(r.said, s)
		r.mu.Unlock()
	}
	c.Watch = func(int) (Watcher, error) { return r, nil }
	c.Dump = func(_ int, why string) { r.mu.Lock(); r.dumps = append(r.dumps, why); r.mu.Unlock() }
	r.Driver = New(c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		status, err := r.Run()
		if err != nil {
			t.Error(err)
		}
		r.result <- status
	}()
	t.Cleanup(func() {
		r.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("the driver does not end")
		}
		if t.Failed() {
			t.Log("it said:\n" + r.text())
		}
	})
	return r
}

// ends waits for the driver's end.
func (r *run) ends(t *testing.T) int {
	t.Helper()
	select {
	case s := <-r.result:
		return s
	case <-time.After(time.Minute):
		t.Fatalf("the driver does not end; it said:\n%s", r.text())
		return 0
	}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func lines(name string) []string {
	data, _ := os.ReadFile(name)
	return strings.Fields(string(data))
}

func alive(pid int) bool {
	f := statFields(pid)
	return len(f) > 0 && f[0][0] != 'Z' && f[0][0] != 'X'
}

func file(t *testing.T, name, text string) string {
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
