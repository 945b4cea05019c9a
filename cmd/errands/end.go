package errands

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// unable is why an errand was not done. It says nothing of the environment.
type unable string

func (u unable) Error() string { return string(u) }

// differs says that what was read is not what was written.
type differs string

func (d differs) Error() string { return string(d) }

// step is an error of a system call, with what it was for.
type step struct {
	what string
	err  error
}

func (s step) Error() string { return s.what + ": " + s.err.Error() }
func (s step) Unwrap() error { return s.err }

// during makes a step of err, if it is one.
func during(what string, err error) error {
	if err == nil {
		return nil
	}
	return step{what, err}
}

// own are the errors that are the helper's or the machine's: what it may not do, or has
// too little of.
var own = map[unix.Errno]string{
	unix.EACCES: "that is not permitted",
	unix.EPERM:  "that is not permitted",
	unix.EMFILE: "the helper has too many descriptors",
	unix.ENFILE: "the machine has too many open files",
	unix.ENOMEM: "there is no memory",
	unix.ENOSYS: "the kernel does not have it",
	unix.EINTR:  "it was interrupted",
}

// conclude makes the end of an errand of what came of it.
func conclude(text string, err error) ended {
	if err == nil {
		return ended{End: event.Done, Text: clip(text)}
	}
	e := ended{End: event.Failed, Text: clip(err.Error())}
	var no unable
	var d differs
	var errno unix.Errno
	switch {
	case errors.As(err, &no):
		e.End = event.Unable
	case errors.As(err, &d):
		e.End = event.Differ
	case errors.As(err, &errno):
		if errno == unix.EAGAIN { // what a time limit on a socket says
			errno = unix.ETIMEDOUT
		}
		e.Errno = unix.ErrnoName(errno)
		if why, is := own[errno]; is {
			e.End, e.Text = event.Unable, clip(fmt.Sprintf("%s (%v)", why, err))
		}
	default:
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsTimeout {
			e.Errno = unix.ErrnoName(unix.ETIMEDOUT)
		}
	}
	return e
}

// again calls f until it is not interrupted.
func again(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
