package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// inquiry finds out what one thread waits for.
type inquiry struct {
	Kernel
	th   *event.Thread
	in   systemCall
	call call
	seen *peers // what earlier inquiries have found, nil if there is nothing
}

// wait fills th's What and Resource, from its state and the system call that it
// is in. It may hang.
func (k Kernel) wait(th *event.Thread, c systemCall, seen *peers) {
	if th.State != "S" && th.State != "D" || stopping[th.Wchan] {
		return
	}
	q := inquiry{Kernel: k, th: th, in: c, call: calls[k.Arch][c.number], seen: seen}
	if q.call.name != "" {
		th.What = q.call.name
	}
	r := &event.Resource{}
	if err := q.ask(r); err == errNothing {
		return
	} else if err != nil {
		r.Err = err.Error()
	}
	th.Resource = r
}

// errNothing says that there is nothing to ask.
var errNothing = errors.New("nothing that can be asked")

var (
	errNoMount    = errors.New("it is on no file system that is mounted")
	errNotCounted = errors.New("the kernel counts nothing of it")
	errClosed     = errors.New("the descriptor that is being closed says nothing any more")
	errNoRead     = errors.New("the process's memory cannot be read")
)

// ask fills r.
func (q *inquiry) ask(r *event.Resource) error {
	switch {
	case q.inside("handle_userfault"):
		return q.userFault(r)
	case q.th.Fault:
		return q.fault(r)
	}
	switch q.call.by {
	case descriptor:
		return q.onDescriptor(int(int32(q.in.args[q.call.arg])), r)
	case closing:
		return q.eliminate(r, errClosed)
	case path:
		return q.onPath(int(int32(q.in.args[q.call.arg])), q.in.args[q.call.arg+1], r)
	case plainPath:
		return q.onPath(cwd, q.in.args[q.call.arg], r)
	case mapping:
		return q.onMapping(q.in.args[q.call.arg], r)
	case lockOf:
		return q.onLock(r)
	case word32:
		return q.onFutex(r)
	case child, childID, newChild:
		return q.onChild(r)
	}
	return q.onWork(r)
}

// onWork is for what anybody may send, and for time.
func (q *inquiry) onWork(r *event.Resource) error {
	switch q.call.by {
	case events:
		r.Kind, r.Name = event.OnWork, "events"
	case signals:
		r.Kind, r.Name = event.OnWork, "signals"
	case clock:
		r.Kind, r.Name = event.OnTime, "a time to come"
	case queue:
		r.Kind, r.Name = event.OnWork, fmt.Sprintf("the System V message queue %d", int32(q.in.args[q.call.arg]))
	case semaphore:
		r.Kind, r.Name = event.OnFutex, fmt.Sprintf("the System V semaphores %d", int32(q.in.args[q.call.arg]))
	default:
		return errNothing
	}
	return nil
}

// onDescriptor is for a call on a descriptor. What that is the kernel's own link
// says: nothing of the file is touched.
func (q *inquiry) onDescriptor(fd int, r *event.Resource) error {
	link, err := os.Readlink(q.path("fd", strconv.Itoa(fd)))
	if err != nil {
		q.th.What = fmt.Sprintf("%s(%d)", q.call.name, fd)
		return err
	}
	q.th.What = fmt.Sprintf("%s(%d → %s)", q.call.name, fd, link)
	switch {
	case strings.HasPrefix(link, "pipe:["):
		return q.onPipe(fd, link, r)
	case strings.HasPrefix(link, "socket:["):
		return q.onSocket(link, r)
	case strings.HasPrefix(link, "anon_inode:"):
		return q.onAnonymous(link, r)
	case sends[link] != "" && reads[q.call.name]:
		r.Kind, r.Name = event.OnWork, sends[link]
		return nil
	case q.inside("pipe_read", "pipe_write", "anon_pipe_read", "anon_pipe_write", "fifo_pipe_read", "fifo_pipe_write", "pipe_wait", "pipe_wait_readable", "pipe_wait_writable"):
		return q.onPipe(fd, link, r)
	case reads[q.call.name] && q.inside("n_tty_read", "tty_read"):
		r.Kind, r.Name = event.OnWork, "input from "+link
		return nil
	}
	if number := q.node(link); number != "" {
		return q.onDevice(number, r)
	}
	m, err := q.mountOf(fd)
	if err != nil {
		r.Name = link
		return err
	}
	return q.onMount(m, r)
}

// sends are devices whose readers wait for what others want of them.
var sends = map[string]string{
	"/dev/fuse": "requests to its FUSE file system", "/dev/kmsg": "the kernel's messages", "/dev/input/event0": "input",
}

// anonymous are the things without a name that descriptors are of, and whose
// readers wait for what anybody may send.
var anonymous = map[string]string{
	"[eventfd]": "events", "[signalfd]": "signals", "inotify": "changes of files", "[fanotify]": "accesses of files", "[userfaultfd]": "page faults",
	"[eventpoll]": "events", "[perf_event]": "events", "[pidfd]": "the end of a process", "[io_uring]": "asynchronous I/O",
}

func (q *inquiry) onAnonymous(link string, r *event.Resource) error {
	kind := strings.TrimPrefix(link, "anon_inode:")
	if kind == "[timerfd]" {
		r.Kind, r.Name = event.OnTime, "a time to come"
		return nil
	}
	if r.Name = anonymous[kind]; r.Name == "" || !reads[q.call.name] {
		r.Name = link
		return errNotCounted
	}
	r.Kind = event.OnWork
	return nil
}

// inside reports whether the thread stands in one of the kernel's functions, or
// in what those have called.
func (q *inquiry) inside(functions ...string) bool {
	for _, f := range functions {
		if q.th.Wchan == f {
			return true
		}
		for _, s := range q.th.Stack {
			if s == f {
				return true
			}
		}
	}
	return false
}
