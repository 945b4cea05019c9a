package observe

import (
	"fmt"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/cmd/kernel"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// nodePeriod is how old the machine's counters may be. They are six small files,
// and the pressure is an average over ten seconds.
const nodePeriod = time.Second

// Machine tells what concerns every process: which threads have ended and how,
// what the kernel says and counts of the whole machine. One serves all
// processes that are watched. Its methods may be called concurrently.
type Machine struct {
	root      proc.Kernel   // of no process
	connected chan struct{} // closed when it is known whether the kernel tells of ends of threads

	mu       sync.Mutex // guards all below, and what inboxes hold
	unseen   []string
	closed   bool
	exits    *kernel.Exits    // nil if they are not told
	messages *kernel.Messages // nil if they cannot be read
	iter     *kernel.Iter     // nil if there is none, or it does not work
	asked    bool             // it was used
	deaf     string           // why messages cannot be read any more, "" if they can
	inboxes  map[int][]*inbox
	node     event.Node
	read     int64 // when node was read, 0 if it was not
}

// inbox is where news for the watch of one process wait. The machine's mutex
// guards it, but for wake.
type inbox struct {
	exits    []event.Exit
	messages []string
	wake     chan struct{} // holds one if there is something that cannot wait
}

// maxNews bounds what waits in an inbox that nobody empties.
const maxNews = 1 << 16

// NewMachine starts to listen to what the kernel tells of the machine. What it
// does not tell, Unseen says.
func NewMachine() *Machine {
	m := &Machine{root: proc.Kernel{Proc: "/proc", Sys: "/sys"}, connected: make(chan struct{}), inboxes: map[int][]*inbox{}}
	m.listen()
	return m
}

// Close ends the listening.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.exits != nil {
		m.exits.Close()
	}
	if m.messages != nil {
		m.messages.Close()
	}
	if m.iter != nil && m.asked { // to close it would load it
		m.iter.Close()
	}
	m.exits, m.messages, m.iter = nil, nil, nil
}

// Unseen says what the kernel does not tell of the machine, and why. It may take a
// second until that is known.
func (m *Machine) Unseen() []string {
	<-m.connected
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unseen
}

// open makes an inbox for news of process pid. What comes after it has returned is
// not missed, where the kernel tells at all.
func (m *Machine) open(pid int) *inbox {
	select {
	case <-m.connected:
	case <-time.After(connectPatience):
	}
	in := &inbox{wake: make(chan struct{}, 1)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inboxes[pid] = append(m.inboxes[pid], in)
	m.only()
	return in
}

func (m *Machine) shut(pid int, in *inbox) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var others []*inbox
	for _, o := range m.inboxes[pid] {
		if o != in {
			others = append(others, o)
		}
	}
	if m.inboxes[pid] = others; others == nil {
		delete(m.inboxes, pid)
	}
	m.only()
}

// take empties an inbox.
func (m *Machine) take(in *inbox) (exits []event.Exit, messages []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	exits, messages = in.exits, in.messages
	in.exits, in.messages = nil, nil
	return exits, messages
}

// ended notes that a thread of pid has ended. A thread that was killed cannot
// wait for the next sample; others come and go.
func (m *Machine) ended(pid int, e event.Exit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, in := range m.inboxes[pid] {
		if len(in.exits) < maxNews {
			in.exits = append(in.exits, e)
		}
		if fatal(e) {
			m.read = 0 // if the kernel has oopsed, its counters have moved
			in.hurry()
		}
	}
}

// fatal reports whether a thread was ended by a signal or by the kernel.
func fatal(e event.Exit) bool { return e.Code&0x7f != 0 }

// said notes what the kernel has written to its log, for all. The caller holds
// the lock.
func (m *Machine) said(text string) {
	m.read = 0 // its counters have moved
	for _, of := range m.inboxes {
		for _, in := range of {
			if len(in.messages) < maxNews {
				in.messages = append(in.messages, text)
			}
		}
	}
}

func (in *inbox) hurry() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// counters returns what the kernel counts of the machine, at most a second old.
func (m *Machine) counters() event.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hear()
	if now := clock.Monotonic(); m.read == 0 || now-m.read > int64(nodePeriod) {
		m.node, m.read = m.root.Node(), now
	}
	node := m.node
	if m.exits != nil {
		if lost := m.exits.Lost(); lost > 0 {
			node.Err = also(node.Err, fmt.Sprintf("how some threads have ended: they ended faster than that could be noted, %d times", lost))
		}
	}
	node.Err = also(node.Err, m.deaf)
	return node
}

// also joins two texts.
func also(a, b string) string {
	if a != "" && b != "" {
		return a + "; " + b
	}
	return a + b
}
