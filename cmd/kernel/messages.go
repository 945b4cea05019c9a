package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Message is what the kernel has said of a fault of its own or of a task that
// hangs in it.
type Message struct {
	Kind   MessageKind
	Text   string // as it stands in the log, one line
	TID    int    // the thread that it is about, by the initial PID namespace; 0 if the line does not tell
	Comm   string // its name, "" if the line does not tell
	Micros int64  // microseconds since the machine was started, by the log's clock, which may run off CLOCK_MONOTONIC
}

// MessageKind is what a Message is about.
type MessageKind string

// The kinds.
const (
	Oops   MessageKind = "oops"   // a fault in the kernel: it ends the thread, or the machine
	Panic  MessageKind = "panic"  // the machine ends
	Hung   MessageKind = "hung"   // the kernel's own detector has found a task that hangs in D
	Lockup MessageKind = "lockup" // a processor does not come out of the kernel
)

// Messages reads the kernel's log, /dev/kmsg, from where its end was at the
// beginning. That takes CAP_SYSLOG where kernel.dmesg_restrict is set. It may not
// be used concurrently.
type Messages struct {
	fd   int
	lost uint64
	read messageReader
	buf  []byte
}

const (
	messageLog = "/dev/kmsg"
	// messageRecord is as long as the kernel makes a record (CONSOLE_EXT_LOG_MAX,
	// and PRINTKRB_RECORD_MAX since 6.7); a shorter buffer is refused.
	messageRecord = 8 << 10
	// messagesAtOnce bounds what one Read looks at: others may write to the log as
	// fast as it is read.
	messagesAtOnce = 1 << 12
)

// NewMessages opens the log at its end.
func NewMessages() (*Messages, error) { return openMessages(messageLog) }

func openMessages(name string) (*Messages, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the kernel's log: %w", err)
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("find the end of the kernel's log: %w", err)
	}
	return &Messages{fd: fd, buf: make([]byte, messageRecord)}, nil
}

// Read returns what has come since the last Read, less all that is of no concern
// here and all that did not come from the kernel itself: anybody who may open the
// log may write to it. It never waits.
func (m *Messages) Read() ([]Message, error) {
	var found []Message
	for i := 0; i < messagesAtOnce; i++ {
		n, err := unix.Read(m.fd, m.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return found, nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE):
			m.lost++ // the log has run over; the next record is the oldest there is
			continue
		case err != nil:
			return found, fmt.Errorf("read the kernel's log: %w", err)
		case n == 0:
			return found, nil
		}
		if msg, ok := m.read.next(m.buf[:n]); ok {
			found = append(found, msg)
		}
	}
	return found, nil
}

// Lost returns how often records were written over before they were read.
func (m *Messages) Lost() uint64 { return m.lost }

// Close ends it.
func (m *Messages) Close() error { return unix.Close(m.fd) }
