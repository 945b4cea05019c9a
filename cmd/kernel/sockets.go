package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// Sockets asks the kernel how sockets of one network namespace fare, by their
// inodes (sock_diag). A kernel that has that as a module loads it when it is
// first asked, as it does for ss. It may be used concurrently.
type Sockets struct {
	mu     sync.Mutex // guards all below: one question at a time
	fd     int
	number uint32
	known  map[uint64][]byte // of TCP sockets that were asked for: how the kernel finds them
	buf    []byte
}

// TCP is how a TCP connection fares.
type TCP struct {
	Local, Remote netip.AddrPort
	State         string // "established", "syn-sent", …
	Queued        uint64 // bytes that were sent and that the peer has not acknowledged
	Unread        uint64 // bytes that have come and were not read; of a listening socket, connections
	Acked         uint64 // bytes that the peer has acknowledged so far (Linux 4.1)
	Received      uint64 // bytes that have come so far (Linux 4.1)
	Unacked       uint32 // segments that are on their way
	Retransmits   uint8  // in a row, without an answer
	Probes        uint8  // of a window that the peer has closed, in a row, without an answer
	Timeout       time.Duration
	SinceAck      time.Duration // since the peer has acknowledged anything
	SinceReceived time.Duration // since data have come
}

// UnixSocket is how a Unix socket fares.
type UnixSocket struct {
	Peer    uint64 // the inode of the socket at the other end, 0 if there is none
	Unread  uint64 // bytes that have come and were not read; of a listening socket, connections
	Queued  uint64 // memory of what was sent and that the peer has not read, in bytes
	Listens bool
}

// ErrNoSocket is returned if the kernel knows no such socket in the namespace.
var ErrNoSocket = errors.New("there is no such socket")

const (
	// socketsLimit is how long the kernel may take with an answer.
	socketsLimit = 200 * time.Millisecond
	// socketsKnown bounds what is kept to find a socket again without a list of all.
	socketsKnown = 1 << 10
)

// OpenSockets opens the network namespace of a process. That takes CAP_SYS_ADMIN if
// it is not this process's own.
func OpenSockets(pid int) (*Sockets, error) {
	name := fmt.Sprintf("/proc/%d/ns/net", pid)
	theirs, err := os.Readlink(name)
	if err != nil {
		return nil, fmt.Errorf("find the network namespace of process %d: %w", pid, err)
	}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("find the network namespace: %w", err)
	}
	fd := -1
	if own == theirs {
		fd, err = diagSocket()
	} else {
		fd, err = diagSocketIn(name)
	}
	if err != nil {
		return nil, fmt.Errorf("ask about sockets of process %d: %w", pid, err)
	}
	return &Sockets{fd: fd, known: map[uint64][]byte{}, buf: make([]byte, diagBuffer)}, nil
}

func diagSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return -1, err
	}
	limit := unix.NsecToTimeval(int64(socketsLimit))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// diagSocketIn makes the socket in another namespace, where it then stays. The
// thread that goes there ends with the goroutine, which never lets go of it.
func diagSocketIn(name string) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(done)
		var ns int
		if ns, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		defer unix.Close(ns)
		if err = unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("enter its network namespace: %w", err)
			return
		}
		fd, err = diagSocket()
	}()
	<-done
	return fd, err
}

// Close ends it, when the question that is open has been answered. What is asked
// afterwards is an error.
func (s *Sockets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return unix.Close(fd)
}

// TCP tells of a TCP socket. The first time it goes through all of them.
func (s *Sockets) TCP(inode uint64) (TCP, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *TCP
	look := func(b []byte) {
		if t, id, of, ok := parseTCP(b); ok && of == inode {
			if len(s.known) >= socketsKnown {
				s.known = map[uint64][]byte{}
			}
			found, s.known[inode] = &t, id
		}
	}
	if id := s.known[inode]; id != nil {
		if err := s.ask(tcpRequest(id), false, look); err == nil && found != nil {
			return *found, nil
		}
		delete(s.known, inode) // it has changed hands, or is gone
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		if err := s.ask(tcpRequest([]byte{family}), true, look); err != nil {
			return TCP{}, fmt.Errorf("ask about TCP socket %d: %w", inode, err)
		}
		if found != nil {
			return *found, nil
		}
	}
	return TCP{}, fmt.Errorf("ask about TCP socket %d: %w", inode, ErrNoSocket)
}

// Unix tells of a Unix socket.
func (s *Sockets) Unix(inode uint64) (UnixSocket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *UnixSocket
	err := s.ask(unixRequest(uint32(inode)), false, func(b []byte) {
		if u, of, ok := parseUnix(b); ok && of == inode {
			found = &u
		}
	})
	if errors.Is(err, unix.ENOENT) || err == nil && found == nil {
		err = ErrNoSocket
	}
	if err != nil {
		return UnixSocket{}, fmt.Errorf("ask about Unix socket %d: %w", inode, err)
	}
	return *found, nil
}

// Peer returns the inode of the Unix socket at the other end, 0 if there is none or
// it is not known.
func (s *Sockets) Peer(inode uint64) uint64 {
	u, err := s.Unix(inode)
	if err != nil {
		return 0
	}
	return u.Peer
}

// Refine makes what is said of a connection exact: InFlight is the bytes that the
// peer has not acknowledged, Moved the bytes that it has and those that have come.
// Both are the kernel's own counts, of TCP; what r has besides stays. It reports
// whether it knows the socket.
func (s *Sockets) Refine(r *event.Resource, inode uint64) bool {
	t, err := s.TCP(inode)
	if err != nil || t.State == tcpStates[tcpListen] {
		return false
	}
	r.InFlight, r.Moved = t.Queued, t.Acked+t.Received
	if t.State == tcpStates[tcpSynSent] && r.InFlight == 0 {
		r.InFlight = 1 // nobody has answered its wish to connect
	}
	return true
}

// ask sends a request and hands each answer to look.
func (s *Sockets) ask(request []byte, all bool, look func([]byte)) error {
	s.number++
	if err := unix.Sendto(s.fd, diagMessage(request, s.number, all), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	end := time.Now().Add(socketsLimit)
	for time.Now().Before(end) {
		n, from, err := unix.Recvfrom(s.fd, s.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return err
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue
		}
		done, err := diagAnswers(s.buf[:n], s.number, look)
		if err != nil || done || !all {
			return err
		}
	}
	return fmt.Errorf("the kernel has not answered in %v", socketsLimit)
}
