package observe

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lifesign-go/lifesign/cmd/kernel"
	"github.com/lifesign-go/lifesign/event"
)

// connectPatience is how long the watch of a process waits for the machine to be
// listened to. It takes less than a millisecond where it works at all, and a
// second where it does not.
const connectPatience = 20 * time.Millisecond

// listen opens what the kernel tells by itself. What it does not tell is noted,
// with the reason, and done without.
func (m *Machine) listen() {
	if messages, err := kernel.NewMessages(); err != nil {
		m.unseen = append(m.unseen, fmt.Sprintf("what the kernel says of faults of its own: %v (needs root, or kernel.dmesg_restrict=0)", err))
	} else {
		m.messages = messages
	}
	if iter, err := kernel.NewIter(); err != nil {
		m.unseen = append(m.unseen, fmt.Sprintf("which locks inside the kernel threads wait for, and who has them: %v", err))
	} else {
		m.iter = iter // loaded when it is asked for the first time
	}
	go func() {
		defer close(m.connected)
		// The ends of its own threads are as good as none: until there is a process to
		// watch, the kernel need not tell of others.
		exits, err := kernel.NewExits(os.Getpid())
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case err != nil:
			m.unseen = append(m.unseen, fmt.Sprintf("with what threads end, and so whether one was killed alone, unless it was the first: %v", err))
		case m.closed:
			exits.Close()
		default:
			m.exits = exits
			m.only()
			go m.receive(exits)
		}
	}()
}

// errNoIter is why nobody asks.
var errNoIter = errors.New("this kernel cannot be asked")

// blocker returns the lock inside the kernel that a thread waits for.
func (m *Machine) blocker(tid int) (event.Resource, error) {
	m.mu.Lock()
	iter := m.iter
	m.asked = true
	m.mu.Unlock()
	if iter == nil {
		return event.Resource{}, errNoIter
	}
	r, err := iter.Blocker(tid)
	if err != nil && !errors.Is(err, kernel.ErrNotReady) && !errors.Is(err, kernel.ErrNotBlocked) && !errors.Is(err, kernel.ErrNoThread) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.iter != nil { // the others may use it still
			m.iter = nil
			m.unseen = append(m.unseen, fmt.Sprintf("which locks inside the kernel threads wait for, and who has them: %v", err))
		}
	}
	return r, err
}

// receive passes on the ends of threads, until the connector is closed.
func (m *Machine) receive(exits *kernel.Exits) {
	for e := range exits.C() {
		m.ended(e.PID, e.Exit)
	}
}

// only has the kernel tell of the processes that are watched and of no others.
// The caller holds the lock.
func (m *Machine) only() {
	if m.exits == nil {
		return
	}
	pids := []int{os.Getpid()}
	for pid := range m.inboxes {
		pids = append(pids, pid)
	}
	// Without the filter there is more to throw away, and nothing is missed.
	_ = m.exits.Only(pids...)
}

// hear passes on what the kernel has written to its log. The caller holds the
// lock.
func (m *Machine) hear() {
	if m.messages == nil {
		return
	}
	said, err := m.messages.Read()
	for _, s := range said {
		m.said(s.Text)
	}
	if err != nil {
		m.messages, m.deaf = nil, err.Error()
	}
}
