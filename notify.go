package lifesign

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Notify tells systemd that the service is ready, feeds its watchdog for as
// long as the verdict allows, and keeps the status line of `systemctl status`
// true, until ctx ends. Then it tells that the service is stopping. It returns
// at once; without systemd (no NOTIFY_SOCKET) it does nothing.
//
// The unit says Type=notify, and WatchdogSec= with WatchdogSignal=SIGQUIT if a
// program that is stuck is to be restarted with its stacks in the journal. The
// watchdog is not fed while something is stuck, proven; and while something
// has been stuck, inferred, for ten seconds. Slow, starved and unknown are fed:
// they never lose their work.
//
// Other implementations of the protocol work alike; addresses in the file
// system and abstract ones are known, vsock ones are not.
func Notify(ctx context.Context) error {
	n, err := dialNotify(os.Getenv)
	if n == nil || err != nil {
		return err
	}
	if err := n.send("READY=1\nSTATUS=" + statusLine(Current())); err != nil {
		n.conn.Close()
		return err
	}
	go n.loop(ctx)
	return nil
}

// inferredFor is how long something has to be stuck, inferred, before it takes
// work away.
const inferredFor = 10 * time.Second

// notifier sends datagrams to a service manager.
type notifier struct {
	conn  *net.UnixConn
	feed  time.Duration // between two signs of life; 0 if none are wanted
	since time.Time     // from when on something has been stuck, inferred; zero if nothing is
	said  string        // the status told last
}

// dialNotify returns nil if there is no service manager.
func dialNotify(getenv func(string) string) (*notifier, error) {
	address := getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil, nil
	}
	if address[0] != '@' && address[0] != '/' {
		return nil, fmt.Errorf("notify the service manager: NOTIFY_SOCKET=%s is no address of a Unix socket", address)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("notify the service manager: %w", err)
	}
	return &notifier{conn: conn, feed: watchdogEvery(getenv)}, nil
}

// watchdogEvery is half of the time after which the service manager takes the
// service for dead, 0 if it does not, or minds another process.
func watchdogEvery(getenv func(string) string) time.Duration {
	us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 || us > int64(1<<53) {
		return 0
	}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 2
}

// send sends one message. It gives up rather than wait for a service manager
// that does not read.
func (n *notifier) send(message string) error {
	n.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := n.conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// maxFeed bounds the time between two looks at the verdict.
const maxFeed = time.Second

func (n *notifier) loop(ctx context.Context) {
	defer n.conn.Close()
	every := maxFeed
	if n.feed > 0 && n.feed < every {
		every = n.feed
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if m := n.message(Current(), time.Now()); m != "" {
			// Nobody is there to be told of an error, and the next message may arrive.
			if err := n.send(m); errors.Is(err, net.ErrClosed) {
				return
			}
		}
		select {
		case <-ctx.Done():
			n.send("STOPPING=1")
			return
		case <-tick.C:
		}
	}
}

// message is what to tell of s, "" if that is nothing.
func (n *notifier) message(s Status, now time.Time) string {
	var lines []string
	if n.alive(s, now) {
		if n.feed > 0 {
			lines = append(lines, "WATCHDOG=1")
		}
	} else {
		atomic.AddUint64(&counts.Withheld, 1)
	}
	if line := statusLine(s); line != n.said {
		n.said = line
		lines = append(lines, "STATUS="+line)
	}
	return strings.Join(lines, "\n")
}

// alive reports whether s lets the watchdog be fed.
func (n *notifier) alive(s Status, now time.Time) bool {
	if s.Verdict != event.Stuck {
		n.since = time.Time{}
		return true
	}
	if n.since.IsZero() {
		n.since = now
	}
	return s.Class != event.Proven && now.Sub(n.since) < inferredFor
}

// statusLine is s in a line. The verdict's age is left out: it would change all
// the time.
func statusLine(s Status) string {
	what := s.What
	if s.Verdict == event.Unknown && s.Age > 0 {
		what = fmt.Sprintf("the %s does not judge this program any more", s.By)
	}
	line := fmt.Sprintf("%s: %s", s.Verdict, what)
	if s.Verdict == event.Stuck {
		line = fmt.Sprintf("%s (%s): %s", s.Verdict, s.Class, what)
	}
	if n := len(s.Complaints); n > 0 {
		line += fmt.Sprintf("; %s", s.Complaints[0].What)
		if n > 1 {
			line += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(line)
}
