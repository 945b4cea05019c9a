package attach

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// teller makes findings of one dump.
type teller struct {
	w  *Watch
	at int64
	a  *Actions
}

// episode is the time during which something stands.
type episode struct {
	number uint64
	rank   int // of what was told
	dump   int // the last one that showed it
	last   event.Finding
}

// Ranks of what is told: only what is more certain is told again.
const (
	untold = iota
	undecided
	inferred
	proven
)

func rankOf(c event.Class, v event.Verdict) int {
	switch {
	case c == event.Proven:
		return proven
	case v == event.Stuck:
		return inferred
	}
	return undecided
}

// tell tells f, unless as much was told of what is known as key.
func (t *teller) tell(key string, f event.Finding) {
	e := t.w.episodes[key]
	if e == nil {
		t.w.count++
		e = &episode{number: t.w.count}
		t.w.episodes[key] = e
	}
	e.dump = t.w.dumps
	if r := rankOf(f.Class, f.Verdict); r > e.rank {
		f.Episode = e.number
		e.rank, e.last = r, f
		t.a.Findings = append(t.a.Findings, f)
	}
}

// keep notes that what was told as key still stands.
func (t *teller) keep(key string) {
	if e := t.w.episodes[key]; e != nil {
		e.dump = t.w.dumps
	}
}

// recover ends the episodes that a dump does not show, and tells that what was
// told as stuck goes on.
func (w *Watch) recover(t *teller) {
	var over []string
	for key, e := range w.episodes {
		if e.dump != w.dumps && !strings.HasPrefix(key, "pile ") {
			over = append(over, key)
		}
	}
	sort.Strings(over)
	for _, key := range over {
		e := w.episodes[key]
		delete(w.episodes, key)
		if e.last.Verdict != event.Stuck {
			continue
		}
		f := e.last
		f.Verdict, f.Class, f.At = event.Working, event.Inferred, t.at
		f.What = fmt.Sprintf("no goroutine stands at %s any more", f.Place.Site.Place())
		f.Chain, f.Waiters = nil, nil
		f.Evidence = []event.Evidence{{Source: event.Runtime, At: t.at, Text: "the dump shows nobody there"}}
		f.Refuted = "it stands again"
		t.a.Findings = append(t.a.Findings, f)
	}
}

// finding makes one of goroutines that stand in the same, of which the first is
// its place.
func (t *teller) finding(v event.Verdict, c event.Class, what string, kind event.Kind, object string, gs []*Goroutine) event.Finding {
	f := event.Finding{Verdict: v, Class: c, What: what, At: t.at}
	for i, g := range gs {
		l := t.link(g, kind, object)
		switch {
		case i == 0:
			f.Place = *l.Waits
			f.Chain = []event.Link{l}
		case i <= maxWaiters:
			l.Stack = nil
			f.Waiters = append(f.Waiters, l)
		}
	}
	for i, g := range gs {
		if i == maxTold {
			f.Evidence = append(f.Evidence, t.says(event.Runtime, "and %d more goroutines", len(gs)-i))
			break
		}
		f.Evidence = append(f.Evidence, t.says(event.Runtime, "goroutine %d waits in %s%s, in %s at %s:%d; %s",
			g.ID, g.Reason, minutes(g), g.own().Func, g.own().File, g.own().Line, t.watched(g)))
	}
	return f
}

const (
	maxWaiters = 50
	maxTold    = 8
)

func (t *teller) link(g *Goroutine, kind event.Kind, object string) event.Link {
	own := g.own()
	pkg, fn := cutFunc(own.Func)
	s := event.Step{
		Site:  event.Site{Kind: kind, Package: pkg, File: own.File, Line: own.Line, Func: fn, Object: object},
		Since: t.since(g),
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(lockAddr(g), "0x"), 16, 64); err == nil {
		s.Object = n
	}
	l := event.Link{Goroutine: g.ID, Waits: &s}
	for _, f := range g.Frames {
		l.Stack = append(l.Stack, f.Frame)
	}
	return l
}

// since is when a goroutine ran last, for all that is known: by the runtime's
// minutes, or by when it was first seen there.
func (t *teller) since(g *Goroutine) int64 {
	ns := t.w.honest - t.w.seen[g.ID].since
	if m := int64(g.Minutes) * int64(time.Minute); m > ns {
		ns = m
	}
	return t.at - ns
}

func minutes(g *Goroutine) string {
	switch g.Minutes {
	case 0:
		return ""
	case 1:
		return " and has not run for a minute"
	}
	return fmt.Sprintf(" and has not run for %d minutes", g.Minutes)
}

func (t *teller) watched(g *Goroutine) string {
	d := time.Duration(t.w.honest - t.w.seen[g.ID].since)
	if d <= 0 {
		return "seen there once"
	}
	return fmt.Sprintf("seen there, unchanged, for %s", round(d))
}

func (t *teller) says(s event.Source, format string, args ...any) event.Evidence {
	return event.Evidence{Source: s, At: t.at, Text: fmt.Sprintf(format, args...)}
}

// blind is what cannot be seen from here of a wait for a lock.
const blind = "who holds a lock cannot be seen without woven hooks"
