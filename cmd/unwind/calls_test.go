package unwind

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rounds is how often testdata/calls makes each of its calls.
const rounds = 60

// outcome is what came of a run of testdata/calls: of its calls, how many ended
// with EINTR or would have without a restart, and how many had less or other
// results than they ought to, as strace and as the program itself counts them.
type outcome struct {
	calls                int
	interrupted, short   int // by strace
	ownEINTR, ownOther   int
	stacks, moved, other int // of who has watched
}

// TestWatchingChangesNothing has a program make blocking calls of many kinds
// under strace, once alone and once with all its threads being unwound all the
// time. Package ptrace's tests show that the same program notices an observer
// that stops it.
func TestWatchingChangesNothing(t *testing.T) {
	alone, watched := runCalls(t, false), runCalls(t, true)
	t.Logf("alone %+v, watched %+v", alone, watched)
	for name, o := range map[string]outcome{"alone": alone, "watched": watched} {
		if o.interrupted != 0 || o.short != 0 || o.ownEINTR != 0 || o.ownOther != 0 {
			t.Errorf("%s: %+v", name, o)
		}
		if o.calls < 10*rounds {
			t.Errorf("%s: strace has seen only %d calls", name, o.calls)
		}
	}
	if watched.stacks < 100 {
		t.Errorf("only %d stacks were read", watched.stacks)
	}
}

func runCalls(t *testing.T, watch bool) (o outcome) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	cmd := exec.Command("strace", "-f", "-o", log, built(t, "calls"), strconv.Itoa(rounds))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the program says nothing")
	}
	pid, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	done, watcher := make(chan bool), make(chan bool)
	go func() {
		defer close(watcher)
		for watch && !closed(done) {
			o.unwindAll(pid)
		}
	}()
	for lines.Scan() {
		var name string
		var eintr, other int
		if _, err := fmt.Sscan(lines.Text(), &name, &eintr, &other); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		o.ownEINTR, o.ownOther = o.ownEINTR+eintr, o.ownOther+other
	}
	close(done)
	<-watcher
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	o.count(string(b))
	return o
}

func closed(c chan bool) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// unwindAll reads the stacks of all threads once.
func (o *outcome) unwindAll(pid int) {
	u, err := New(pid)
	if err != nil {
		o.other++
		return
	}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for round := 0; round < 20; round++ {
		for _, task := range tasks {
			tid, _ := strconv.Atoi(task.Name())
			switch frames, err := u.Thread(tid); {
			case len(frames) > 0:
				o.stacks++
			case err == ErrMoved:
				o.moved++
			default:
				o.other++
			}
		}
	}
}

var (
	result      = regexp.MustCompile(`(epoll_wait|semtimedop|rt_sigtimedwait|io_getevents|recvfrom|write|read|poll|pselect6|clock_nanosleep|futex)(\(| resumed).* = (-?\d+|\?)`)
	interrupted = regexp.MustCompile(`EINTR|ERESTART`)
)

// count reads what strace has written.
func (o *outcome) count(log string) {
	for _, line := range strings.Split(log, "\n") {
		m := result.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		o.calls++
		if interrupted.MatchString(line) {
			o.interrupted++
		}
		// Of the writes, one is of more than a pipe holds, the others of a few bytes.
		if n, err := strconv.Atoi(m[3]); m[1] == "write" && err == nil && n > 1000 && n < 300000 {
			o.short++
		}
	}
}
