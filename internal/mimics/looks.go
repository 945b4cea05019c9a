package mimics

import (
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// severally is how many looks in a row must find the same, of what is only looked
// at.
const severally = 3

// looks follows what the program's half has seen of a connection, a listener, a
// pool or a function of the author's.
type looks struct {
	bad    int   // looks in a row that found it not well
	honest int64 // when the first of them came, on the honest clock
	at     int64 // the same, CLOCK_MONOTONIC
	last   int64 // when the last look came, on the honest clock
	good   int   // looks in a row that found it well
	before event.Mimic
	first  event.Mimic // of the bad ones
	again  bool        // bytes were sent again since the first of them
	seen   bool
}

func (l *looks) anew() { l.bad, l.good, l.seen = 0, 0, false }

// look takes what was looked at into account.
func (j *Judge) look(s *subject, m *event.Mimic) {
	l := &s.looks
	before := l.before
	if !l.seen {
		before = event.Mimic{}
	}
	bad := ill(m, &before, l.seen, j.floor)
	l.before, l.seen, l.last = *m, true, j.clock.honest
	s.came = j.clock.honest
	if !bad {
		l.bad, l.again = 0, false
		l.good++
	} else {
		if l.bad == 0 {
			l.honest, l.at, l.first, l.again = j.clock.honest, m.At, *m, false
		}
		l.bad++
		l.good = 0
		l.again = l.again || m.Numbers["retransmits"] > l.first.Numbers["retransmits"]
	}
	q := s.inquiry
	if q == nil {
		if k, ok := l.kind(s.deed, j); ok {
			j.suspectLook(s, k)
		}
		return
	}
	if q.closed || bad {
		return
	}
	q.well = l.good
}

// ill reports whether a look found that something is not well.
func ill(m, before *event.Mimic, again bool, floor int64) bool {
	n := m.Numbers
	switch m.Deed {
	case event.SeeConnection:
		if m.Err != "" { // it is closed: what became of it is the program's affair
			return false
		}
		silence, told := n["lastack"]
		unheard := n["unacked"] > 0 && (!told || silence > floor) && n["acked"] == before.Numbers["acked"]
		full := again && before.Numbers["sendqueue"] > 0 && n["sendqueue"] >= before.Numbers["sendqueue"] && n["acked"] == before.Numbers["acked"]
		return unheard || full
	case event.SeeListener:
		return n["max"] > 0 && n["waiting"] >= n["max"]
	case event.SeePool:
		return m.Err != "" || again && n["max"] > 0 && n["inuse"] >= n["max"] && n["waits"] > before.Numbers["waits"]
	case event.SeeOwn:
		return m.Err != ""
	}
	return false
}

// kind says of what is to be suspected, if anything is.
func (l *looks) kind(d event.Deed, j *Judge) (k kind, ok bool) {
	m := &l.before
	if l.bad > 0 && (l.hangs() || l.panicked()) {
		return refusing, true
	}
	if l.bad < severally || j.clock.honest-l.honest < j.floor {
		return 0, false
	}
	switch d {
	case event.SeeConnection:
		return silent, l.again || m.Numbers["sendqueue"] > 0 && m.Numbers["sendqueue"] >= l.first.Numbers["sendqueue"]
	case event.SeeListener:
		return full, true
	case event.SeePool:
		if m.Err == "" {
			return exhausted, true
		}
		return refusing, true
	case event.SeeOwn:
		return refusing, true
	}
	return 0, false
}

// hangs reports whether the last look was given up: there is no other before it
// ends.
func (l *looks) hangs() bool { return l.before.Numbers["hangs"] > 0 }

// panicked reports whether what was to be asked has panicked: then it is not
// asked any more.
func (l *looks) panicked() bool {
	return l.before.Deed == event.SeeOwn && strings.HasPrefix(l.before.Err, "panicked: ")
}
