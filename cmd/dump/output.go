package dump

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/page"
)

const (
	// lowestFD is the first number that the pipe may get in a program, as of the page.
	lowestFD = 64

	// pipeSize is what the pipe holds while the agent is not there to read: the most
	// that anybody may have (/proc/sys/fs/pipe-max-size). A program does not wait.
	pipeSize = 1 << 20

	// half is how much is kept of a text's beginning, and of its end.
	half = 1 << 20
)

// Output is the pipe into which the Go runtime of one run of a program writes as it
// crashes. What is kept of it is bounded; it is read all the time, so that the program
// has room.
type Output struct {
	r     *os.File
	first chan struct{} // closed at the first byte
	done  chan struct{} // closed at the end of the pipe

	mu    sync.Mutex // guards what follows
	w     *os.File   // nil once it was handed on
	head  []byte
	tail  []byte // what follows it, the last half of that at least
	total int64
	last  time.Time // something came
}

// NewOutput makes a pipe.
func NewOutput() (*Output, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make the crash output: pipe2: %w", err)
	}
	unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize) // else it has 64 kB
	unix.SetNonblock(fds[0], true)                              // for the Go runtime's poller
	o := &Output{
		r: os.NewFile(uintptr(fds[0]), "crash output"), w: os.NewFile(uintptr(fds[1]), "crash output"),
		first: make(chan struct{}), done: make(chan struct{}),
	}
	go o.read()
	return o, nil
}

// Inherit makes a descriptor that a program started next inherits, and returns the
// environment variable that names it. release must be called once the program has been
// started, or has not.
func (o *Output) Inherit() (env string, release func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.w == nil {
		return "", nil, errors.New("hand the crash output on: it was already")
	}
	fd, err := unix.FcntlInt(o.w.Fd(), unix.F_DUPFD, lowestFD)
	if err == unix.EINVAL || err == unix.EMFILE {
		fd, err = unix.FcntlInt(o.w.Fd(), unix.F_DUPFD, 4) // the limit of open files lies below
	}
	if err != nil {
		return "", nil, fmt.Errorf("hand the crash output on: %w (raise the limit of open files, ulimit -n)", err)
	}
	release = func() {
		unix.Close(fd)
		o.closeWriter()
	}
	return page.CrashVar + "=" + strconv.Itoa(fd), release, nil
}

func (o *Output) closeWriter() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.w != nil {
		o.w.Close()
		o.w = nil
	}
}

// Close gives the pipe back. A program that writes to it goes on.
func (o *Output) Close() {
	o.closeWriter()
	o.r.Close()
	<-o.done
}

func (o *Output) read() {
	defer close(o.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := o.r.Read(buf)
		if n > 0 {
			o.keep(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (o *Output) keep(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.total == 0 {
		close(o.first)
	}
	o.total += int64(len(b))
	o.last = time.Now()
	if n := min(half-len(o.head), len(b)); n > 0 {
		o.head = append(o.head, b[:n]...)
		b = b[n:]
	}
	if o.tail = append(o.tail, b...); len(o.tail) > 2*half {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-half:]...)
	}
}

// First is closed when the runtime has begun to write: the program is dying, and
// still there for a moment.
func (o *Output) First() <-chan struct{} { return o.first }

// quiet is how long nothing must come for a text to be whole if somebody else still
// has the pipe: a child of the program's, say.
const quiet = 50 * time.Millisecond

// Text returns what has come, "" if nothing has. It is for after the program has ended,
// and waits for the pipe's end, or that nothing more comes, for limit at most.
func (o *Output) Text(limit time.Duration) string {
	end := time.After(limit)
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for waits, began := true, time.Now(); waits; {
		select {
		case <-o.done:
			waits = false
		case <-end:
			waits = false
		case <-tick.C:
			o.mu.Lock()
			since := o.last
			o.mu.Unlock()
			if since.Before(began) {
				since = began
			}
			waits = time.Since(since) < quiet
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	tail := o.tail
	if len(tail) > half {
		tail = tail[len(tail)-half:]
	}
	if lost := o.total - int64(len(o.head)+len(tail)); lost > 0 {
		return fmt.Sprintf("%s\n… %d bytes are left out …\n%s", o.head, lost, tail)
	}
	return string(o.head) + string(tail)
}
