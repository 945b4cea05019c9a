package lifesign

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// manager is a service manager that listens at address.
func manager(t *testing.T, address string) (read func() string) {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return func() string {
		t.Helper()
		buf := make([]byte, 4096)
		l.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := l.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestNotify(t *testing.T) {
	for name, address := range map[string]string{
		"file system": filepath.Join(t.TempDir(), "notify"),
		"abstract":    "@lifesign-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			read := manager(t, address)
			t.Setenv("NOTIFY_SOCKET", address)
			t.Setenv("WATCHDOG_USEC", "40000")
			t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
			judgedAs(t, page.VerdictWorking, "", 0)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			if err := Notify(ctx); err != nil {
				t.Fatal(err)
			}
			if got, want := read(), "READY=1\nSTATUS=working: nothing is known to be stuck"; got != want {
				t.Errorf("told %q, want %q", got, want)
			}
			for i := 0; i < 3; i++ {
				if got := read(); !strings.HasPrefix(got, "WATCHDOG=1") {
					t.Errorf("told %q", got)
				}
			}
			judgedAs(t, page.VerdictProven, "a\ncircle", 0)
			for got := ""; got != "STATUS=stuck (proven): a circle"; {
				if got = read(); !strings.HasPrefix(got, "WATCHDOG=1") && !strings.HasPrefix(got, "STATUS=stuck") {
					t.Fatalf("told %q", got)
				}
			}
			cancel()
			if got := read(); got != "STOPPING=1" {
				t.Errorf("told %q although the program was stuck", got)
			}
		})
	}
}

func TestNotifyWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(background); err != nil {
		t.Error(err)
	}
}

func TestNotifyTellsWhatIsWrong(t *testing.T) {
	for address, want := range map[string]string{
		"vsock:2:1234":                       "notify the service manager: NOTIFY_SOCKET=vsock:2:1234 is no address of a Unix socket",
		filepath.Join(t.TempDir(), "nobody"): "no such file or directory",
	} {
		t.Setenv("NOTIFY_SOCKET", address)
		if err := Notify(background); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

func TestWatchdogEvery(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"3000000", pid, 1500 * time.Millisecond}, {"3000000", "", 1500 * time.Millisecond},
		{"3000000", "1", 0}, {"", pid, 0}, {"0", pid, 0}, {"-1", pid, 0}, {"soon", pid, 0}, {"99999999999999999999", pid, 0},
	} {
		env := map[string]string{"WATCHDOG_USEC": test.usec, "WATCHDOG_PID": test.pid}
		if got := watchdogEvery(func(k string) string { return env[k] }); got != test.want {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: %s, want %s", test.usec, test.pid, got, test.want)
		}
	}
}

// Slow, starved and unknown never lose their work, inferred only after a while.
func TestWatchdogIsFedUnlessStuck(t *testing.T) {
	now := time.Now()
	n := &notifier{feed: time.Second}
	inferred := Status{Verdict: event.Stuck, Class: event.Inferred}
	for _, step := range []struct {
		s     Status
		after time.Duration
		fed   bool
	}{
		{Status{Verdict: event.Working}, 0, true},
		{Status{Verdict: event.Unknown}, time.Second, true},
		{inferred, time.Second, true},
		{inferred, 9 * time.Second, true},
		{inferred, time.Second, false},
		{Status{Verdict: event.Working}, time.Second, true},
		{inferred, time.Second, true},
		{Status{Verdict: event.Stuck, Class: event.Proven}, time.Second, false},
		{Status{Verdict: event.Unknown}, time.Second, true},
	} {
		now = now.Add(step.after)
		if got := strings.HasPrefix(n.message(step.s, now), "WATCHDOG=1"); got != step.fed {
			t.Errorf("%s after %s: fed %t, want %t", step.s.Verdict, step.after, got, step.fed)
		}
	}
}

func TestStatusLineHasNoAge(t *testing.T) {
	a := statusLine(Status{Verdict: event.Unknown, By: Agent, Age: 3 * time.Second, What: "not for 3 s"})
	b := statusLine(Status{Verdict: event.Unknown, By: Agent, Age: 4 * time.Second, What: "not for 4 s"})
	if a != b {
		t.Errorf("%q and %q: systemd is told each second", a, b)
	}
}
