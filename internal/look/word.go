package look

import (
	"encoding/binary"
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// What the sync package's words mean. The names are those of its source.
const mutexLocked = 1

const (
	maxHchan   = 1024 // bytes of an hchan that may be read
	maxWaiters = 64   // of each direction that are counted
)

// HasWord reports whether the object of an operation of kind k has a state that
// Word can read.
func HasWord(k event.Kind) bool {
	switch k {
	case event.Lock, event.RWLock, event.RLock, event.Send, event.Receive, event.Range, event.WaitGroup:
		return true
	}
	return false
}

// Word reads the state of the lock, channel or WaitGroup at addr. Which it is
// says the kind of an operation on it.
func (l *Looker) Word(kind event.Kind, addr uint64) event.Word {
	w, err := event.Word{}, error(nil)
	switch kind {
	case event.Lock:
		w, err = l.mutex(addr)
	case event.RWLock, event.RLock:
		w, err = l.rwMutex(addr)
	case event.Send, event.Receive, event.Range:
		w, err = l.channel(addr)
	case event.WaitGroup:
		w, err = l.waitGroup(addr)
	default:
		err = fmt.Errorf("nothing of a kind whose state lifesign can read")
	}
	if err != nil {
		return event.Word{Err: err.Error()}
	}
	return w
}

func (l *Looker) mutex(addr uint64) (event.Word, error) {
	v, err := l.layout.values("Mutex.state", "Mutex.size")
	if err != nil {
		return event.Word{}, err
	}
	state, err := half(l.mem, addr+v[0])
	if err != nil {
		return event.Word{}, err
	}
	w := event.Word{Writer: event.NoWriter, Size: v[1]}
	if state&mutexLocked != 0 {
		w.Writer = event.Holding
	}
	return w, nil
}

// rwMutex reads the two counters of an RWMutex. A writer that announces itself
// makes readerCount negative and leaves in readerWait how many active readers
// it waits for.
func (l *Looker) rwMutex(addr uint64) (event.Word, error) {
	v, err := l.layout.values("RWMutex.readerCount", "RWMutex.readerWait", "RWMutex.size")
	if err != nil {
		return event.Word{}, err
	}
	count, err := half(l.mem, addr+v[0])
	if err != nil {
		return event.Word{}, err
	}
	wait, err := half(l.mem, addr+v[1])
	if err != nil {
		return event.Word{}, err
	}
	switch {
	case count >= 0:
		return event.Word{Writer: event.NoWriter, Readers: int(count), Size: v[2]}, nil
	case wait > 0:
		return event.Word{Writer: event.Pending, Readers: int(wait), Size: v[2]}, nil
	default:
		return event.Word{Writer: event.Holding, Size: v[2]}, nil
	}
}

// waitGroup reads a WaitGroup's counter, the upper half of its state.
func (l *Looker) waitGroup(addr uint64) (event.Word, error) {
	v, err := l.layout.values("WaitGroup.state", "WaitGroup.size")
	if err != nil {
		return event.Word{}, err
	}
	count, err := half(l.mem, addr+v[0]+4)
	if err != nil {
		return event.Word{}, err
	}
	return event.Word{Count: int(count), Size: v[1]}, nil
}

// channel reads an hchan and counts who waits at it. A select that another of
// its cases has served still stands in line until it runs again.
func (l *Looker) channel(addr uint64) (event.Word, error) {
	v, err := l.layout.values("hchan.qcount", "hchan.dataqsiz", "hchan.closed", "hchan.sendq", "hchan.recvq", "hchan.size")
	if err != nil {
		return event.Word{}, err
	}
	size := v[5]
	if size > maxHchan {
		return event.Word{}, fmt.Errorf("%s is said to have channels of %d bytes", l.layout.GoVersion, size)
	}
	for _, off := range v[:5] {
		if off+8 > size {
			return event.Word{}, fmt.Errorf("%s is said to have a part of a channel at %d", l.layout.GoVersion, off)
		}
	}
	c := make([]byte, size)
	if err := Fill(l.mem, addr, c); err != nil {
		return event.Word{}, err
	}
	n, most, closed := at(c, v[0]), at(c, v[1]), binary.LittleEndian.Uint32(c[v[2]:])
	if n > most || most > 1<<48 || closed > 1 {
		return event.Word{}, fmt.Errorf("there is no channel at %#x: it would hold %d of %d", addr, n, most)
	}
	return event.Word{Size: size, Chan: &event.Chan{
		Len: int(n), Cap: int(most), Closed: closed == 1,
		Senders: l.waiters(at(c, v[3])), Receivers: l.waiters(at(c, v[4])),
	}}, nil
}

// waiters counts the sudogs from the first of a queue on.
func (l *Looker) waiters(sudog uint64) int {
	next, ok := l.layout.Value("sudog.next")
	n := 0
	for ; sudog != 0 && n < maxWaiters; n++ {
		if !ok {
			return 1
		}
		var err error
		if sudog, err = word(l.mem, sudog+next); err != nil {
			return n // it was gone by then
		}
	}
	return n
}

// values returns the values of names, and an error for the first one that this
// version of Go does not have.
func (g *Layout) values(names ...string) ([]uint64, error) {
	v := make([]uint64, len(names))
	for i, name := range names {
		if err := g.need(name, &v[i]); err != nil {
			return nil, err
		}
	}
	return v, nil
}
