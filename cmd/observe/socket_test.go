package observe

import (
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// waitsOnSocket returns what a process of one thread waits for, when that is a
// socket, and is says that it is the one.
func waitsOnSocket(t *testing.T, p *Process, is func(r *event.Resource) bool) event.Resource {
	t.Helper()
	var r event.Resource
	waitFor(t, func() bool {
		id := []int{p.PID}
		s := sampleOf(t, p, id, id)
		if got := s.Threads[0].Resource; got != nil && got.Kind == event.OnSocket {
			r = *got
			return is(got)
		}
		return false
	})
	return r
}

// run runs a command that a test watches.
func run(t *testing.T, c *exec.Cmd) *Process {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return openProcess(t, c.Process.Pid, Options{})
}

// Who is at the other end of a Unix socket only sock_diag tells.
func TestPeerOfAUnixSocket(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := os.NewFile(uintptr(fds[0]), "theirs"), os.NewFile(uintptr(fds[1]), "ours")
	defer ours.Close()
	c := exec.Command("cat")
	c.Stdin = theirs
	p := run(t, c)
	theirs.Close()
	waitsOnSocket(t, p, func(r *event.Resource) bool { return len(r.Holders) == 1 && r.Holders[0].PID == os.Getpid() })
}

// A peer that reads nothing acknowledges nothing; when it reads, that is counted.
func TestPeerOfATCPConnection(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	file, err := theirs.(*net.TCPConn).File()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(int(file.Fd()), false); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("cat", "/dev/zero")
	c.Stdout = file
	p := run(t, c)
	file.Close()
	var last event.Resource
	same := 0
	full := waitsOnSocket(t, p, func(r *event.Resource) bool { // until nothing more goes
		if same++; r.Moved != last.Moved || r.InFlight == 0 {
			same = 0
		}
		last = *r
		return same > 20
	})
	if full.Moved == 0 {
		t.Errorf("%+v", full)
	}
	waitsOnSocket(t, p, func(r *event.Resource) bool { return len(r.Holders) == 1 && r.Holders[0].PID == os.Getpid() })
	n, err := io.CopyN(io.Discard, ours, int64(full.Moved))
	if err != nil {
		t.Fatal(err)
	}
	waitsOnSocket(t, p, func(r *event.Resource) bool { return r.Moved > full.Moved })
	t.Logf("%d bytes were read; %+v", n, full)
}
