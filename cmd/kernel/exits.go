package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// ExitOf is the end of a thread of the process PID. At is the kernel's own time
// of it. Code is the thread's, not the process's: 0 if it has ended by itself,
// 0x1f if seccomp has killed it alone, 0x9 or 0xb if a fault of the kernel has; all
// threads of a process that ends as a whole have the same.
type ExitOf struct {
	PID int
	event.Exit
}

// Exits tells of each thread's end as it comes, by the kernel's process
// connector. That takes the initial user and PID namespace, CAP_NET_ADMIN before
// Linux 6.6, and CONFIG_PROC_EVENTS.
type Exits struct {
	sock *os.File
	conn syscall.RawConn
	c    chan ExitOf
	done chan struct{} // closed by Close
	lost uint64        // atomic

	mu   sync.Mutex   // guards only
	only map[int]bool // nil if the ends of all processes are wanted
}

const (
	// exitsBuffer is the socket's buffer: some 8,000 ends, which is what a process
	// with as many threads needs when it ends while lifesign has no processor.
	exitsBuffer = 8 << 20
	// exitsAhead is how many ends may lie in the channel.
	exitsAhead = 1 << 10
	// listenLimit is how long the kernel may take to confirm. It does so before
	// the call that asks it returns; where it does not confirm, it never will.
	listenLimit = time.Second
)

var errNoAnswer = errors.New("the process connector does not answer: it does so only in the initial user and PID namespace")

// NewExits begins to listen for the ends of threads of the processes pids, or of
// all if there are none. When it has returned, no end is missed, but for what
// Lost says.
func NewExits(pids ...int) (*Exits, error) { return newExits(exitsBuffer, exitsAhead, pids...) }

func newExits(buffer, ahead int, pids ...int) (*Exits, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open a socket of the process connector: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		// Without CAP_NET_ADMIN there is what the machine's limit allows.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	sock := os.NewFile(uintptr(fd), "process connector")
	conn, err := sock.SyscallConn()
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("open a socket of the process connector: %w", err)
	}
	e := &Exits{sock: sock, conn: conn, c: make(chan ExitOf, ahead), done: make(chan struct{})}
	if err := e.begin(fd, pids); err != nil {
		sock.Close()
		return nil, err
	}
	go e.run()
	return e, nil
}

// begin sets the filter before the socket joins, so that nothing else is ever in
// its buffer.
func (e *Exits) begin(fd int, pids []int) error {
	if len(pids) > 0 {
		e.only = map[int]bool{}
	}
	for _, pid := range pids {
		e.only[pid] = true
	}
	if err := setFilter(fd, pids); err != nil {
		return fmt.Errorf("filter the process connector: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProcesses}); err != nil {
		return fmt.Errorf("join the process connector: %w", err)
	}
	number := uint32(clock.Monotonic()) ^ uint32(os.Getpid())
	if err := unix.Sendto(fd, listenRequest(connectorListen, number), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask the process connector for events: %w", err)
	}
	return e.confirmed(number)
}

// confirmed waits until the kernel says that it tells of events. Outside of the
// initial namespaces it says nothing at all (cn_proc.c, cn_proc_mcast_ctl).
func (e *Exits) confirmed(number uint32) error {
	if err := e.sock.SetReadDeadline(time.Now().Add(listenLimit)); err != nil {
		return fmt.Errorf("wait for the process connector: %w", err)
	}
	defer e.sock.SetReadDeadline(time.Time{})
	buf := make([]byte, connectorMessage)
	for {
		b, err := e.receive(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errNoAnswer
		case errors.Is(err, unix.ENOBUFS):
			continue // it lives; what was lost ended before anybody was told that ends are seen
		case err != nil:
			return fmt.Errorf("wait for the process connector: %w", err)
		}
		m, ok := parseConnector(b)
		if !ok || m.what != eventNone || m.ack != number+1 {
			continue
		}
		if m.err != 0 {
			return fmt.Errorf("ask the process connector for events: %w", syscall.Errno(m.err))
		}
		return nil
	}
}

// C returns the channel of ends. It is closed after Close, or when the connector
// can be read no more. Who does not receive loses nothing before the socket's
// buffer is full.
func (e *Exits) C() <-chan ExitOf { return e.c }

// Lost returns how often ends were lost because they came faster than they were
// received; how many each time is not known. It may be called concurrently.
func (e *Exits) Lost() uint64 { return atomic.LoadUint64(&e.lost) }

// Only limits the ends that are told to those of the processes pids; with none it
// ends the limit. Up to 128 the kernel tells apart itself, so that what others do
// wakes nobody. It may be called concurrently.
func (e *Exits) Only(pids ...int) error {
	var only map[int]bool
	if len(pids) > 0 {
		only = map[int]bool{}
	}
	for _, pid := range pids {
		only[pid] = true
	}
	// Under the lock, so that of two calls at a time the later one wins in both.
	e.mu.Lock()
	defer e.mu.Unlock()
	var failed error
	if err := e.conn.Control(func(fd uintptr) { failed = setFilter(int(fd), pids) }); err != nil {
		failed = err
	}
	if failed != nil {
		return fmt.Errorf("filter the process connector: %w", failed)
	}
	e.only = only
	return nil
}

// Close ends it. It may be called twice, but not concurrently.
func (e *Exits) Close() error {
	select {
	case <-e.done:
		return nil
	default:
	}
	close(e.done)
	// Kernels before 6.6 count listeners by what they say, and go on making events
	// for one that says nothing.
	var failed error
	err := e.conn.Control(func(fd uintptr) {
		failed = unix.Sendto(int(fd), listenRequest(connectorIgnore, 0), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	return errors.Join(err, failed, e.sock.Close())
}

func (e *Exits) run() {
	defer close(e.c)
	buf := make([]byte, connectorMessage)
	for {
		b, err := e.receive(buf)
		if errors.Is(err, unix.ENOBUFS) {
			atomic.AddUint64(&e.lost, 1)
			continue
		}
		if err != nil {
			return
		}
		m, ok := parseConnector(b)
		if !ok || m.what != eventExit || !e.wanted(m.exit.PID) {
			continue
		}
		select {
		case e.c <- m.exit:
		case <-e.done:
			return
		}
	}
}

// wanted is asked of each, as some may have been in the buffer when the filter
// changed, and as the filter takes only so many.
func (e *Exits) wanted(pid int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.only == nil || e.only[pid]
}

// receive returns the next message that is the kernel's own.
func (e *Exits) receive(buf []byte) ([]byte, error) {
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := e.conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buf, 0)
			return failed != unix.EAGAIN && failed != unix.EINTR
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return nil, err
		}
		if a, ok := from.(*unix.SockaddrNetlink); ok && a.Pid == 0 {
			return buf[:n], nil
		}
	}
}
