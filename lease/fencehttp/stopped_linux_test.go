package fencehttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/lease"
)

// Two processes, a keeper and a store. The holder stops itself by SIGSTOP inside of
// Do, after every look at the clock and before its write; the other takes over and
// works; then the first is continued and its write goes out.

const (
	stoppedEnv = "FENCEHTTP_TEST_HOLDER" // the keeper's and store's address; set in the processes that hold
	nakedEnv   = "FENCEHTTP_TEST_NAKED"  // they write without a token
	shortTTL   = 1200 * time.Millisecond
)

func TestMain(m *testing.M) {
	if url := os.Getenv(stoppedEnv); url != "" {
		if err := holder(url); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// town is the keeper and the store.
type town struct {
	mu    sync.Mutex // guards what follows
	token lease.Token
	ends  time.Time
	begun lease.Token // the highest token that has written
	stale int         // writes accepted of one that was replaced
}

func (k *town) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, _, _ := Get(r.Header)
	switch r.URL.Path {
	case "/acquire":
		if time.Now().Before(k.ends) {
			http.Error(w, "held", http.StatusConflict)
			return
		}
		k.token++
		k.ends = time.Now().Add(shortTTL)
		fmt.Fprint(w, k.token)
	case "/renew":
		if t != k.token || time.Now().After(k.ends) {
			http.Error(w, "another's", http.StatusGone)
			return
		}
		k.ends = time.Now().Add(shortTTL)
	}
}

// write is the store, behind the fence if the holders send tokens. Who wrote is in
// the path, also for those who send none.
func (k *town) write(_ http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, _ := lease.ParseToken(strings.TrimPrefix(r.URL.Path, "/write/"))
	if t < k.begun {
		k.stale++
	} else {
		k.begun = t
	}
}

// remote is the keeper as holders see it.
type remote string

func (k remote) post(ctx context.Context, path string, t lease.Token) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", string(k)+path, nil)
	if err != nil {
		return 0, "", err
	}
	if t != 0 {
		Set(req.Header, t)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func (k remote) Acquire(ctx context.Context) (lease.Token, error) {
	for {
		status, body, err := k.post(ctx, "/acquire", 0)
		if err != nil {
			return 0, err
		}
		if status == http.StatusOK {
			return lease.ParseToken(body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (k remote) Renew(ctx context.Context, t lease.Token) (time.Duration, error) {
	status, _, err := k.post(ctx, "/renew", t)
	if status == http.StatusGone {
		return 0, lease.ErrLost
	}
	return shortTTL, err
}

func (k remote) Release(context.Context, lease.Token) error { return nil }

// holder waits for the lease, says so, and at a line on standard input does work in
// which it stops itself.
func holder(url string) error {
	ctx := context.Background()
	naked := os.Getenv(nakedEnv) != ""
	l, err := lease.Hold(ctx, lease.Config{Keeper: remote(url), Terms: lease.Terms{TTL: shortTTL}})
	if err != nil {
		return err
	}
	var store lease.Store = Store{URL: url + "/write/"}
	if naked {
		store = lease.Weak{Delay: 1}
	}
	term, err := l.Open(ctx, store)
	if err != nil {
		return err
	}
	fmt.Println("open")
	if words := bufio.NewScanner(os.Stdin); words.Scan() { // "stop"
		var wrote error
		work := func(_ context.Context, t lease.Token) error {
			// To this very thread, which then takes no further step: of a process's
			// signal another thread may take care while this one writes.
			runtime.LockOSThread()
			syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGSTOP)
			runtime.UnlockOSThread()
			// That the context is cancelled comes too late for what is on its way.
			req, err := http.NewRequest("POST", fmt.Sprintf("%s/write/%d", url, uint64(t)), nil)
			if err != nil {
				return err
			}
			if !naked {
				Set(req.Header, t)
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				wrote = Check(resp, t)
				resp.Body.Close()
			}
			return err
		}
		err := lease.ErrShort
		for reached := false; !reached; time.Sleep(10 * time.Millisecond) {
			// A loaded machine looks like a pause, and then no work begins.
			err = term.Do(ctx, func(ctx context.Context, t lease.Token) error { reached = true; return work(ctx, t) })
			select {
			case <-l.Gone():
				reached = true
			default:
			}
		}
		fmt.Printf("done stale=%v: %v\n", errors.Is(wrote, lease.ErrStale), err)
	}
	return nil
}

// process is a holder.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func start(t *testing.T, url string, naked bool) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), stoppedEnv+"="+url)
	if naked {
		p.cmd.Env = append(p.cmd.Env, nakedEnv+"=1")
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	return p
}

func (p *process) say(word string) { io.WriteString(p.in, word+"\n") }

func (p *process) hear() string {
	if !p.out.Scan() {
		return "nothing: it has ended"
	}
	return p.out.Text()
}

func (p *process) end() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// stopped waits until the kernel says that the process is.
func (p *process) stopped() {
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if i := strings.LastIndexByte(string(text), ')'); i > 0 && strings.HasPrefix(string(text[i:]), ") T") {
			return
		}
	}
	p.t.Fatal("the holder has not stopped itself")
}

func TestHolderStoppedBeforeItsWrite(t *testing.T) {
	const rounds = 3
	for _, naked := range []bool{false, true} {
		stale := 0
		for i := 0; i < rounds; i++ {
			stale += round(t, naked)
		}
		t.Logf("tokens sent %v: %d stale writes accepted in %d rounds", !naked, stale, rounds)
		if want := map[bool]int{false: 0, true: rounds}[naked]; stale != want {
			t.Errorf("tokens sent %v: %d stale writes accepted, want %d", !naked, stale, want)
		}
	}
}

func round(t *testing.T, naked bool) (stale int) {
	t.Helper()
	k := &town{}
	f, err := lease.NewFence(nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", k)
	mux.Handle("/write/", Handler(f, http.HandlerFunc(k.write)))
	if naked {
		mux = http.NewServeMux()
		mux.Handle("/", k)
		mux.HandleFunc("/write/", k.write)
	}
	s := httptest.NewServer(mux)
	defer s.Close()
	first := start(t, s.URL, naked)
	defer first.end()
	if got := first.hear(); got != "open" {
		t.Fatalf("the first holder says %q", got)
	}
	second := start(t, s.URL, naked)
	defer second.end()
	first.say("stop")
	first.stopped()
	if got := second.hear(); got != "open" {
		t.Fatalf("the second holder says %q", got)
	}
	if naked { // without a token its first work is all that a store could know it by
		k.mu.Lock()
		k.begun = k.token
		k.mu.Unlock()
	}
	first.cmd.Process.Signal(syscall.SIGCONT)
	if got, want := first.hear(), fmt.Sprintf("done stale=%v: lease: lost", !naked); got != want {
		t.Errorf("the first holder says %q, want %q", got, want)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stale
}
