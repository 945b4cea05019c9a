package kernel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

func init() { roles["net"] = sender }

// sender is a process in a network namespace of its own. "open" makes a TCP
// connection there and tells the inode of the one end; "fill" writes to it until
// nobody takes more, "read" reads at the other end what has come.
func sender(stdin io.Reader) {
	var from, to *net.TCPConn
	in := bufio.NewScanner(stdin)
	for in.Scan() {
		switch in.Text() {
		case "open":
			loopbackUp()
			from, to = pair()
			fmt.Println(inodeOf(from))
		case "fill":
			from.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			n, err := io.Copy(from, zeros{})
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				fatal(fmt.Errorf("written %d: %v", n, err))
			}
			fmt.Println(n)
		case "read":
			n, err := io.CopyN(io.Discard, to, 1<<20)
			fatal(err)
			fmt.Println(n)
		}
	}
}

// loopbackUp is ip link set lo up.
func loopbackUp() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	fatal(err)
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	fatal(err)
	lo.SetUint16(unix.IFF_UP)
	fatal(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// pair makes a connection over the loopback interface.
func pair() (from, to *net.TCPConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	fatal(err)
	b, err := l.Accept()
	fatal(err)
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func inodeOf(c syscall.Conn) uint64 {
	raw, err := c.SyscallConn()
	fatal(err)
	var st unix.Stat_t
	fatal(raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) }))
	fatal(err)
	return st.Ino
}

func sockets(t *testing.T, pid int) *Sockets {
	t.Helper()
	s, err := OpenSockets(pid)
	if err != nil {
		t.Fatalf("this takes root: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// In another network namespace, a connection whose peer takes nothing: bytes are
// in flight, and what is acknowledged grows only when the peer reads.
func TestTCPInItsNamespace(t *testing.T) {
	p := start(t, "net", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET} })
	inode := uint64(p.number("open"))
	s := sockets(t, p.Process.Pid)
	tcp, err := s.TCP(inode)
	if err != nil || tcp.State != "established" || tcp.Queued != 0 || !tcp.Local.Addr().IsLoopback() || tcp.Remote.Port() == 0 || tcp.Timeout <= 0 {
		t.Fatalf("%+v, %v", tcp, err)
	}
	written := uint64(p.number("fill"))
	full, err := s.TCP(inode)
	if err != nil || full.Queued == 0 || full.Queued+full.Acked < written || full.Local != tcp.Local {
		t.Errorf("after %d bytes: %+v, %v", written, full, err)
	}
	r := event.Resource{Kind: event.OnSocket, Name: "kept"}
	if !s.Refine(&r, inode) || r.Name != "kept" || r.InFlight == 0 {
		t.Errorf("%+v", r)
	}
	still := r
	if !s.Refine(&still, inode) || still.Moved != r.Moved || still.InFlight != r.InFlight {
		t.Errorf("nobody has read: %+v, then %+v", r, still)
	}
	p.tell("read")
	for end := time.Now().Add(30 * time.Second); r.Moved == still.Moved; time.Sleep(time.Millisecond) {
		if !s.Refine(&r, inode) || time.Now().After(end) {
			t.Fatalf("the peer has read: %+v", r)
		}
	}
	if r.Moved < still.Moved {
		t.Errorf("%+v moved back from %+v", r, still)
	}
	// It is not there in this namespace, and this thread has stayed here.
	if _, err := sockets(t, os.Getpid()).TCP(inode); !errors.Is(err, ErrNoSocket) {
		t.Errorf("in another namespace: %v", err)
	}
}

func TestTCPHereAndGone(t *testing.T) {
	s := sockets(t, os.Getpid())
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	inode := inodeOf(l.(*net.TCPListener))
	for i := 0; i < 2; i++ { // the second time it is known
		tcp, err := s.TCP(inode)
		if err != nil || tcp.State != "listen" || tcp.Local.String() != l.Addr().String() {
			t.Errorf("%+v, %v", tcp, err)
		}
	}
	if s.Refine(&event.Resource{}, inode) {
		t.Error("a listening socket waits for no peer")
	}
	l.Close()
	if tcp, err := s.TCP(inode); !errors.Is(err, ErrNoSocket) {
		t.Errorf("a closed one: %+v, %v", tcp, err)
	}
}

func TestUnixSockets(t *testing.T) {
	s := sockets(t, os.Getpid())
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var inodes [2]uint64
	for i, fd := range fds {
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		inodes[i] = st.Ino
	}
	if _, err := unix.Write(fds[0], []byte("hello")); err != nil {
		t.Fatal(err)
	}
	a, err := s.Unix(inodes[0])
	if err != nil || a.Peer != inodes[1] || a.Queued == 0 || a.Unread != 0 {
		t.Errorf("%+v, %v, want the peer %d", a, err, inodes[1])
	}
	b, err := s.Unix(inodes[1])
	if err != nil || b.Peer != inodes[0] || b.Queued != 0 || b.Unread != 5 {
		t.Errorf("%+v, %v, want the peer %d", b, err, inodes[0])
	}
	if p := s.Peer(inodes[0]); p != inodes[1] {
		t.Errorf("the peer is %d, want %d", p, inodes[1])
	}
	if p := s.Peer(1 << 31); p != 0 {
		t.Errorf("the peer of none is %d", p)
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	inode := inodeOf(l.(*net.UnixListener))
	if u, err := s.Unix(inode); err != nil || !u.Listens || u.Peer != 0 || u.Queued != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := s.Unix(1 << 31); !errors.Is(err, ErrNoSocket) {
		t.Errorf("of none: %+v, %v", u, err)
	}
}

func TestClosedSockets(t *testing.T) {
	s, err := OpenSockets(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2; i++ {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.TCP(1); !errors.Is(err, unix.EBADF) {
		t.Errorf("after it was closed: %v", err)
	}
}

func TestOpenSocketsErrors(t *testing.T) {
	if _, err := OpenSockets(1 << 30); err == nil || !strings.HasPrefix(err.Error(), "find the network namespace of process ") {
		t.Error(err)
	}
}

// The thread that went into another namespace is used by nobody else.
func TestNoThreadStaysInAnotherNamespace(t *testing.T) {
	p := start(t, "net", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET} })
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 20; i++ {
		sockets(t, p.Process.Pid)
	}
	runtime.Gosched()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		there := 0
		for tid := range tasks(t, "/proc/self/task") {
			if tid == os.Getpid() {
				continue // the first thread cannot end; the runtime parks it for good
			}
			if ns, err := os.Readlink(fmt.Sprintf("/proc/self/task/%d/ns/net", tid)); err == nil && ns == theirs {
				there++
			}
		}
		if there == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d threads are in the other namespace", there)
		}
	}
}

// tcpAnswer is an answer as the kernel gives it, with as much of tcp_info.
func tcpAnswer(info int) []byte {
	order := binary.NativeEndian
	b := make([]byte, inetAnswer+4+info)
	b[0], b[1], b[3] = unix.AF_INET, 1, 4
	binary.BigEndian.PutUint16(b[4:], 8080)
	copy(b[8:], []byte{127, 0, 0, 1})
	order.PutUint32(b[60:], 99)
	order.PutUint32(b[68:], 7)
	order.PutUint16(b[inetAnswer:], uint16(4+info))
	order.PutUint16(b[inetAnswer+2:], inetInfo)
	if info >= 136 {
		order.PutUint64(b[inetAnswer+4+120:], 1000)
		b[inetAnswer+4+2] = 5
	}
	return b
}

func TestParseTCP(t *testing.T) {
	for _, test := range []struct {
		info    int
		acked   uint64
		retrans uint8
	}{{0, 0, 4}, {104, 0, 0}, {136, 1000, 5}, {280, 1000, 5}} {
		tcp, id, inode, ok := parseTCP(tcpAnswer(test.info))
		if !ok || inode != 7 || tcp.Local.String() != "127.0.0.1:8080" || tcp.Queued != 99 || tcp.Acked != test.acked || tcp.Retransmits != test.retrans {
			t.Errorf("with %d bytes: %+v, inode %d, %v", test.info, tcp, inode, ok)
		}
		if r := tcpRequest(id); r[0] != unix.AF_INET || binary.BigEndian.Uint16(r[8:]) != 8080 {
			t.Errorf("it would be asked for by %v", r)
		}
	}
}

func FuzzDiag(f *testing.F) {
	f.Add(diagMessage(tcpAnswer(136), 1, false))
	f.Add(diagMessage(append(unixRequest(3)[:unixAnswer], 8, 0, 2, 0, 1, 0, 0, 0), 1, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		diagAnswers(b, 1, func(body []byte) {
			if tcp, id, _, ok := parseTCP(body); ok && (tcp.State == "" && body[1] != 0 || len(id) != 1+inetID) {
				t.Errorf("%+v %v", tcp, id)
			}
			parseUnix(body)
		})
	})
}
