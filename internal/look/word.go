package look

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// What the sync package's words mean. The names are those of its source.
const mutexLocked = 1

// Word reads the state of the lock at addr, which is of the kind that a record
// of it says.
func (l *Looker) Word(kind event.Kind, addr uint64) event.Word {
	w, err := event.Word{}, error(nil)
	switch kind {
	case event.Lock:
		w, err = readMutex(l.mem, l.layout.Layout, addr)
	case event.RWLock, event.RLock:
		w, err = readRWMutex(l.mem, l.layout.Layout, addr)
	default:
		err = fmt.Errorf("no lock of a kind whose state lifesign can read")
	}
	if err != nil {
		return event.Word{Err: err.Error()}
	}
	return w
}

func readMutex(m Memory, l page.Layout, addr uint64) (event.Word, error) {
	off, size, err := offsets(l, "Mutex.state", "Mutex.size")
	if err != nil {
		return event.Word{}, err
	}
	state, err := half(m, addr+off)
	if err != nil {
		return event.Word{}, err
	}
	w := event.Word{Writer: event.NoWriter, Size: size}
	if state&mutexLocked != 0 {
		w.Writer = event.Holding
	}
	return w, nil
}

// readRWMutex reads the two counters of an RWMutex. A writer that announces
// itself makes readerCount negative and leaves in readerWait how many active
// readers it waits for.
func readRWMutex(m Memory, l page.Layout, addr uint64) (event.Word, error) {
	countAt, size, err := offsets(l, "RWMutex.readerCount", "RWMutex.size")
	if err != nil {
		return event.Word{}, err
	}
	waitAt, _, err := offsets(l, "RWMutex.readerWait", "RWMutex.size")
	if err != nil {
		return event.Word{}, err
	}
	count, err := half(m, addr+countAt)
	if err != nil {
		return event.Word{}, err
	}
	wait, err := half(m, addr+waitAt)
	if err != nil {
		return event.Word{}, err
	}
	switch {
	case count >= 0:
		return event.Word{Writer: event.NoWriter, Readers: int(count), Size: size}, nil
	case wait > 0:
		return event.Word{Writer: event.Pending, Readers: int(wait), Size: size}, nil
	default:
		return event.Word{Writer: event.Holding, Size: size}, nil
	}
}

func offsets(l page.Layout, field, size string) (off, bytes uint64, err error) {
	off, ok := l.Value(field)
	if !ok {
		return 0, 0, fmt.Errorf("%s has no %s that this lifesign knows", l.GoVersion, field)
	}
	bytes, ok = l.Value(size)
	if !ok {
		return 0, 0, fmt.Errorf("%s has no %s that this lifesign knows", l.GoVersion, size)
	}
	return off, bytes, nil
}
