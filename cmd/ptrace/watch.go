package ptrace

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Motion is what several peeks at one thread have shown. String says it in one
// line.
type Motion struct {
	Looks   []Look
	Moves   bool    // the instruction pointer was not always the same
	Changes bool    // nor were the other registers: a short loop can be met at one instruction
	In      []Place // the functions that it was in, most looks first
}

// Place is a function, and in how many looks the thread was in it.
type Place struct {
	event.Frame
	Looks int
}

// Watch peeks n times, with a gap between, and returns what it has seen up to
// the first error; that is nil in the Motion's stead only if there was no look
// at all.
func (t *Tracer) Watch(tid, n int, gap time.Duration) (Motion, error) {
	var m Motion
	for i := 0; i < n; i++ {
		if i > 0 {
			time.Sleep(gap)
		}
		l, err := t.Peek(tid)
		if err != nil {
			m.settle()
			return m, err
		}
		m.Looks = append(m.Looks, l)
	}
	m.settle()
	return m, nil
}

func (m *Motion) settle() {
	m.Moves, m.Changes, m.In = false, false, nil
	at := map[string]int{}
	for _, l := range m.Looks {
		m.Moves = m.Moves || l.PC != m.Looks[0].PC
		m.Changes = m.Changes || !slices.Equal(l.Registers, m.Looks[0].Registers)
		if len(l.Frames) == 0 {
			continue
		}
		f := l.Frames[0]
		i, seen := at[f.Func]
		if !seen {
			i = len(m.In)
			at[f.Func] = i
			m.In = append(m.In, Place{Frame: f})
		}
		m.In[i].Looks++
	}
	sort.SliceStable(m.In, func(i, j int) bool { return m.In[i].Looks > m.In[j].Looks })
}

// maxPlaces is how many functions String names.
const maxPlaces = 3

func (m Motion) String() string {
	if len(m.Looks) == 0 {
		return "its instruction pointer was not seen"
	}
	var b strings.Builder
	var names []string
	for i, p := range m.In {
		if i == maxPlaces {
			names = append(names, fmt.Sprintf("%d more", len(m.In)-i))
			break
		}
		names = append(names, p.String())
	}
	switch {
	case !m.Moves && m.Changes:
		fmt.Fprintf(&b, "its registers change, its instruction pointer was at %#x each time", m.Looks[0].PC)
	case !m.Moves && len(m.Looks) > 1:
		fmt.Fprintf(&b, "its instruction pointer stands at %#x", m.Looks[0].PC)
	case !m.Moves:
		fmt.Fprintf(&b, "its instruction pointer was at %#x", m.Looks[0].PC)
	case len(m.In) == 1:
		b.WriteString("its instruction pointer moves within")
	default:
		b.WriteString("its instruction pointer moves")
	}
	switch {
	case !m.Moves && len(names) > 0, m.Moves && len(names) > 1:
		b.WriteString(" in")
	}
	if len(names) > 0 {
		b.WriteString(" " + strings.Join(names, ", "))
	}
	if len(m.Looks) == 1 {
		b.WriteString("; 1 look")
	} else {
		fmt.Fprintf(&b, "; %d looks", len(m.Looks))
	}
	return b.String()
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.Func
	}
	return fmt.Sprintf("%s (%s:%d)", p.Func, filepath.Base(p.File), p.Line)
}
