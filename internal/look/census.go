package look

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

const (
	maxAll      = 1 << 22 // entries that the runtime's list of goroutines may have
	maxResident = 20000   // goroutines that a census looks at
	chunk       = 4096    // words that are read together
)

// Census looks at every goroutine of the process, the runtime's own among them.
// allgs is the address of runtime.allgs, see FindAll. It reads for some
// milliseconds, and the process goes on: what it says of one goroutine is of
// one moment, but no two are of the same, and a goroutine that was started
// meanwhile may be missing. What is missing otherwise is told in Err. Stacks
// are shared as those of Looks.
func (l *Looker) Census(allgs uint64) *event.Census {
	all, err := l.all(allgs)
	if err != nil {
		return &event.Census{Err: err.Error()}
	}
	living, unread := l.living(all)
	c := &event.Census{}
	var lacks []string
	if n := len(living); n > maxResident {
		lacks = append(lacks, fmt.Sprintf("of %d goroutines only %d were looked at", n, maxResident))
		living = living[:maxResident]
	}
	c.Goroutines = make([]event.Resident, 0, len(living))
	glances := l.glanceAt(living)
	for i := range glances {
		look := glances[i].tell()
		if look.Err != "" {
			unread++
		}
		if look.Status != event.Gone {
			c.Goroutines = append(c.Goroutines, event.Resident{ID: glances[i].id, Look: look})
		}
	}
	if unread > 0 {
		lacks = append(lacks, fmt.Sprintf("%d goroutines could not be read", unread))
	}
	c.Err = strings.Join(lacks, "; ")
	return c
}

// all reads the runtime's list of the gs that there have ever been. The list
// grows by being copied, so it is read between two readings of where it is.
func (l *Looker) all(allgs uint64) ([]uint64, error) {
	for try := 0; try < tries; try++ {
		before, err := l.list(allgs)
		if err != nil {
			return nil, err
		}
		list := make([]byte, 8*before.n)
		err = Fill(l.mem, before.at, list)
		after, again := l.list(allgs)
		switch {
		case again != nil:
			return nil, again
		case before != after:
			continue
		case err != nil:
			return nil, err
		}
		gs := make([]uint64, before.n)
		for i := range gs {
			gs[i] = at(list, uint64(8*i))
		}
		return gs, nil
	}
	return nil, errors.New("the list of goroutines grows faster than it can be read")
}

// list is a slice's header.
type list struct{ at, n, cap uint64 }

func (l *Looker) list(addr uint64) (list, error) {
	var b [24]byte
	if err := Fill(l.mem, addr, b[:]); err != nil {
		return list{}, err
	}
	h := list{at(b[:], 0), at(b[:], 8), at(b[:], 16)}
	if !h.plausible() {
		return list{}, fmt.Errorf("there is no list of goroutines at %#x", addr)
	}
	return h, nil
}

// plausible reports whether h can be the header of the list of goroutines.
func (h list) plausible() bool {
	return h.n > 0 && h.n <= h.cap && h.cap <= maxAll && h.at%8 == 0 && h.at >= 1<<12 && h.at < 1<<56
}

// living leaves out the gs that no goroutine has now, by their status alone. A
// program keeps as many gs as it ever had goroutines.
func (l *Looker) living(all []uint64) (living []Goroutine, unread int) {
	words := make([]byte, 4*chunk)
	parts := make([]Part, chunk)
	for len(all) > 0 {
		n := len(all)
		if n > chunk {
			n = chunk
		}
		for i, g := range all[:n] {
			parts[i] = Part{Addr: g + l.layout.status, Buf: words[4*i : 4*i+4]}
		}
		l.mem.Read(parts[:n])
		for i, p := range parts[:n] {
			switch {
			case p.Err != nil:
				unread++
			case l.meaning(binary.LittleEndian.Uint32(p.Buf)) != event.Gone:
				living = append(living, Goroutine{G: all[i]})
			}
		}
		all = all[n:]
	}
	return living, unread
}
