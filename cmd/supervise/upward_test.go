package supervise

import (
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/supervise"
)

// manager is a service manager that lifesign runs under.
type manager struct {
	mu   sync.Mutex // guards what follows
	said []string
	last time.Time // WATCHDOG=1 came
}

func newManager(t *testing.T, watchdog string) *manager {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", watchdog)
	m := &manager{}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			for _, line := range strings.Split(string(buf[:n]), "\n") {
				if line == "WATCHDOG=1" {
					m.last = time.Now()
				}
				m.said = append(m.said, line)
			}
			m.mu.Unlock()
		}
	}()
	return m
}

func (m *manager) heard(line string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.said {
		if strings.HasPrefix(s, line) {
			return true
		}
	}
	return false
}

// fed reports whether a sign of life has come since.
func (m *manager) fed(since time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.After(since)
}

// The service manager is told when the program is ready, and that it is stopped; its
// watchdog is fed while the verdict allows it, and again once it does.
func TestServiceManager(t *testing.T) {
	m := newManager(t, "60000")
	name := filepath.Join(t.TempDir(), "count")
	r := begin(t, Config{Argv: program("count", name), Ready: "notify", Policy: with(func(c *supervise.Config) {
		c.Restart, c.Readiness, c.Deadline = supervise.Never, true, time.Minute
	})})
	until(t, "READY=1", func() bool { return m.heard("READY=1") })
	began := time.Now()
	until(t, "WATCHDOG=1", func() bool { return m.fed(began) })
	r.Finding(event.Finding{Verdict: event.Stuck, Class: event.Proven, Episode: 1, What: "a lock"})
	time.Sleep(100 * time.Millisecond)
	stuck := time.Now()
	time.Sleep(400 * time.Millisecond)
	if m.fed(stuck) {
		t.Error("the watchdog is fed while something is stuck, proven")
	}
	r.Finding(event.Finding{Verdict: event.Working, Class: event.Proven, Episode: 1})
	until(t, "WATCHDOG=1 again", func() bool { return m.fed(time.Now().Add(-50 * time.Millisecond)) })
	r.Signal(syscall.SIGTERM)
	if got := r.ends(t); got != 0 {
		t.Errorf("status %d", got)
	}
	for _, line := range []string{"STOPPING=1", "EXTEND_TIMEOUT_USEC=", "STATUS=ready", "STATUS=stopping"} {
		if !m.heard(line) {
			t.Errorf("%s was not told: %q", line, m.said)
		}
	}
}

// What the program says of itself is handed on, and the program does not speak to
// lifesign's service manager.
func TestStatusIsHandedOn(t *testing.T) {
	m := newManager(t, "")
	begin(t, Config{Argv: program("says", "STATUS=counting sheep", "STOPPING=1", "nonsense"), Policy: quickly})
	until(t, "its status", func() bool { return m.heard("STATUS=running: counting sheep") })
	if m.heard("nonsense") {
		t.Error("the program speaks to the service manager")
	}
}

func TestNoServiceManager(t *testing.T) {
	for _, address := range []string{"no-socket", "/there/is/none"} {
		if _, err := dialUpward(func(string) string { return address }); err == nil {
			t.Errorf("%s is a service manager's socket", address)
		}
	}
}
