package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/supervise"
)

var quickly = supervise.Config{Restart: supervise.OnCrash, Base: 10 * time.Millisecond, Max: 20 * time.Millisecond, Grace: time.Minute, QuitGrace: 200 * time.Millisecond, KillGrace: 20 * time.Second, Loop: 100}

func with(change func(*supervise.Config)) supervise.Config {
	c := quickly
	change(&c)
	return c
}

func TestRestarts(t *testing.T) {
	for _, test := range []struct {
		name   string
		policy supervise.Policy
		ends   string
		status int
		runs   int
	}{
		{"never", supervise.Never, "3\n0\n", 3, 1},
		{"on crash", supervise.OnCrash, "3\nSIG 9\nSIG 9\n0\n0\n", 0, 4},
		{"on crash, not by SIGTERM", supervise.OnCrash, "SIG 9\nSIG 15\n", 128 + 15, 2},
	} {
		for _, noTree := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", test.name, noTree), func(t *testing.T) {
				r := begin(t, Config{Argv: program("ends", file(t, "ends", test.ends)), NoTree: noTree, Policy: with(func(c *supervise.Config) { c.Restart = test.policy })})
				if got := r.ends(t); got != test.status || r.count() != test.runs {
					t.Errorf("%d runs, and status %d; want %d, %d\n%s", r.count(), got, test.runs, test.status, r.text())
				}
			})
		}
	}
}

func TestProgramIsMissing(t *testing.T) {
	r := begin(t, Config{Argv: []string{"there-is-no-such-program"}, Policy: with(func(c *supervise.Config) { c.Restart = supervise.Never })})
	if got := r.ends(t); got != 1 || !strings.Contains(r.text(), "there-is-no-such-program") {
		t.Errorf("status %d\n%s", got, r.text())
	}
	bad := file(t, "bad", "neither a script nor a program")
	os.Chmod(bad, 0o755)
	r = begin(t, Config{Argv: []string{bad}, Policy: with(func(c *supervise.Config) { c.Restart = supervise.Never })})
	if got := r.ends(t); got != 1 || !strings.Contains(r.text(), "exec format error") {
		t.Errorf("status %d\n%s", got, r.text())
	}
}

// What a program has left behind is gone before the next one starts, also if its
// parent has ended and it is in a session of its own.
func TestNoOrphanSurvives(t *testing.T) {
	for _, noTree := range []bool{false, true} {
		t.Run(fmt.Sprint(noTree), func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			r := begin(t, Config{Argv: program("forks", pids), NoTree: noTree, Policy: with(func(c *supervise.Config) { c.Restart = supervise.Never })})
			if got := r.ends(t); got != 7 {
				t.Errorf("status %d, want 7", got)
			}
			if list := lines(pids); len(list) < 2 {
				t.Errorf("it has left %d processes, want 2: nothing was shown", len(list))
			}
			for _, p := range lines(pids) {
				if pid, _ := strconv.Atoi(p); alive(pid) {
					t.Errorf("process %d is still there", pid)
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			if !noTree && r.tree.dir == "" {
				t.Errorf("there was no control group: %s", r.tree.why)
			}
			if _, err := os.Stat(r.tree.dir); !noTree && err == nil {
				t.Errorf("%s is still there", r.tree.dir)
			}
		})
	}
}

func TestStopLadder(t *testing.T) {
	up := filepath.Join(t.TempDir(), "up")
	r := begin(t, Config{Argv: program("stubborn", up), Policy: with(func(c *supervise.Config) { c.Grace = 300 * time.Millisecond })})
	until(t, "up", func() bool { return len(lines(up)) > 0 })
	began := time.Now()
	r.Signal(syscall.SIGTERM)
	if got := r.ends(t); got != 128+9 {
		t.Errorf("status %d, want 137", got)
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("SIGKILL after %v, want 500ms at least", took)
	}
	if !strings.Contains(r.text(), "SIGQUIT, for its stacks") {
		t.Errorf("it said:\n%s", r.text())
	}
}

func TestVerdictRestarts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "count")
	r := begin(t, Config{Argv: program("count", name), Policy: with(func(c *supervise.Config) { c.On.Stuck = true })})
	until(t, "up", func() bool { return len(lines(name)) > 0 })
	r.Finding(event.Finding{Verdict: event.Slow, Class: event.Inferred, Episode: 1})
	r.Finding(event.Finding{Verdict: event.Stuck, Class: event.Proven, Episode: 2, What: "a lock"})
	until(t, "a second run", func() bool { return len(lines(name+".pids")) == 2 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.dumps) != 1 || !strings.Contains(r.dumps[0], "a lock") {
		t.Errorf("dumps: %q", r.dumps)
	}
	if _, err := os.Stat(name + ".two"); err == nil {
		t.Error("there were two")
	}
}

func TestReadiness(t *testing.T) {
	t.Run("notify", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "count")
		r := begin(t, Config{Argv: program("count", name), Ready: "notify", Policy: with(func(c *supervise.Config) { c.Readiness, c.Deadline = true, time.Minute })})
		until(t, "ready", func() bool { return r.state.Load() == supervise.Ready })
	})
	t.Run("never ready", func(t *testing.T) {
		r := begin(t, Config{Argv: program("says", "STATUS=never"), Ready: "notify", Policy: with(func(c *supervise.Config) { c.Readiness, c.Deadline = true, 200*time.Millisecond })})
		until(t, "a third run", func() bool { return r.count() == 3 })
	})
	t.Run("http", func(t *testing.T) {
		r := begin(t, Config{Argv: program("serves"), Listen: []string{"tcp:127.0.0.1:0"}, Policy: quickly})
		until(t, "up", func() bool { return r.count() == 1 })
		l := address(t, r)
		if !ready("http://"+l+"/") || ready("http://127.0.0.1:1/") || !ready("tcp:"+l) || ready("tcp:127.0.0.1:1") {
			t.Error("a server that answers is not ready, or one that is not there is")
		}
	})
	for ready, ok := range map[string]bool{"": true, "notify": true, "tcp:localhost:80": true, "tcp:80": false, "http://a/b": true, "http:///b": false, "tcp:127.0.0.1:1": false, "x": false} {
		if err := CheckReady(ready, []string{"tcp:127.0.0.1:1"}); (err == nil) != ok {
			t.Errorf("%q: %v", ready, err)
		}
	}
}

func TestMainPID(t *testing.T) {
	for _, noTree := range []bool{false, true} {
		t.Run(fmt.Sprint(noTree), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "count")
			r := begin(t, Config{Argv: program("handsover", name), NoTree: noTree, Ready: "notify", Policy: with(func(c *supervise.Config) { c.Readiness, c.Deadline = true, time.Minute })})
			until(t, "ready", func() bool { return r.state.Load() == supervise.Ready })
			first := r.pid(0)
			until(t, "the first has ended", func() bool { return !alive(first) })
			time.Sleep(100 * time.Millisecond)
			pid := lines(name)
			if len(pid) == 0 || !alive(atoi(pid[0])) || len(lines(name+".pids")) != 1 {
				t.Fatalf("the main process is not there any more: %v", pid)
			}
			r.Signal(syscall.SIGTERM)
			if got := r.ends(t); got != 0 {
				t.Errorf("status %d, want 0", got)
			}
			if alive(atoi(pid[0])) {
				t.Error("it is still there")
			}
		})
	}
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

// Words of somebody else count for nothing.
func TestStrangersAreNotBelieved(t *testing.T) {
	r := begin(t, Config{Argv: program("says", "STATUS=here"), Ready: "notify", Policy: with(func(c *supervise.Config) { c.Readiness = true })})
	until(t, "up", func() bool { return r.count() == 1 })
	t.Setenv("NOTIFY_SOCKET", r.notes.name)
	notifyUp("READY=1") // the test's own process is none of the program's
	time.Sleep(200 * time.Millisecond)
	if s := r.state.Load(); s != supervise.Starting {
		t.Errorf("it is %s, want starting", s)
	}
}

func FuzzNote(f *testing.F) {
	f.Add("READY=1\nSTATUS=x\nMAINPID=7\nSTOPPING=1\nEXTEND_TIMEOUT_USEC=100")
	f.Add("EXTEND_TIMEOUT_USEC=99999999999999999999\nMAINPID=-1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range parseNote(text) {
			if e.Kind == mainPID && e.PID <= 0 || e.Kind == supervise.Extend && e.For <= 0 {
				t.Errorf("%q: %+v", text, e)
			}
		}
	})
}
