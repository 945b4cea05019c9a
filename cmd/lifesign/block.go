package main

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// block renders a finding for a person: the verdict first, then where, since
// when, by what chain, on what evidence.
func block(f event.Finding, name string, pid int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nlifesign: %s (%s): %s, process %d\n", strings.ToUpper(string(f.Verdict)), f.Class, name, pid)
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s%s\n", label, strings.ReplaceAll(text, "\n", "\n            "))
		}
	}
	row("what", f.What)
	row("where", fmt.Sprintf("%s in %s", f.Place.Site.Place(), f.Place.Site.Func))
	row("since", fmt.Sprintf("%s, %s before this was found", clockTime(f.Place.Since), seconds(f.At-f.Place.Since)))
	row("called", called(f))
	row("chain", chain(f))
	row("waiting", waiting(f.Waiters))
	row("evidence", evidence(f.Evidence))
	row("refuted", "if "+f.Refuted)
	return b.String() + "\n"
}

// called tells by what calls the goroutine came to the place, innermost first,
// and in which region that was. What is below the program's own code, in the
// runtime, in sync and in lifesign, is left out.
func called(f event.Finding) string {
	if len(f.Chain) == 0 {
		return ""
	}
	first := f.Chain[0]
	var lines []string
	for _, frame := range first.Stack {
		if own(frame.Func) {
			lines = append(lines, fmt.Sprintf("%s:%d in %s", frame.File, frame.Line, unqualified(frame.Func)))
		}
	}
	if r := first.Region; r != nil {
		lines = append(lines, fmt.Sprintf("%s, the loop of %s", r.Place(), r.Func))
	}
	return strings.Join(lines, "\n")
}

// own reports whether a function is the program's own.
func own(name string) bool {
	for _, prefix := range []string{"runtime.", "sync.", "internal/", "github.com/lifesign-go/lifesign/hook."} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// unqualified leaves away the directories of a function's package:
// server.(*stream).lastSeq.
func unqualified(name string) string {
	end := strings.IndexAny(name, "([")
	if end < 0 {
		end = len(name)
	}
	return name[strings.LastIndexByte(name[:end], '/')+1:]
}

// chain tells who waits for whom, a line a goroutine.
func chain(f event.Finding) string {
	var lines []string
	for i, l := range f.Chain {
		s := fmt.Sprintf("goroutine %d", l.Goroutine)
		if l.Holds != nil {
			s += fmt.Sprintf(" %s since %s, taken at %s in %s", heldAs(l.Holds.Site), clockTime(l.Holds.Since), l.Holds.Site.Place(), l.Holds.Site.Func)
		}
		if l.Waits != nil {
			if l.Holds != nil {
				s += "\n  and"
			}
			s += fmt.Sprintf(" %s since %s, at %s in %s", waitsFor(l.Waits.Site), clockTime(l.Waits.Since), l.Waits.Site.Place(), l.Waits.Site.Func)
		}
		if i > 0 {
			s = "→ " + s
		}
		lines = append(lines, s)
	}
	if f.Cycle && len(f.Chain) > 0 {
		lines = append(lines, fmt.Sprintf("→ goroutine %d: the chain closes on itself", f.Chain[0].Goroutine))
	}
	return strings.Join(lines, "\n")
}

func waitsFor(s event.Site) string {
	switch s.Kind {
	case event.RLock:
		return "waits for the read lock of " + s.Object
	case event.RWLock:
		return "waits for the write lock of " + s.Object
	case event.Lock, event.Locker:
		return "waits for the lock " + s.Object
	case event.Send:
		return "waits to send on " + s.Object
	case event.Receive, event.Range:
		return "waits to receive from " + s.Object
	case event.Select:
		return "waits in a select"
	case event.Never:
		return "waits for ever"
	default:
		return "is in " + s.Object
	}
}

func heldAs(s event.Site) string {
	switch s.Kind {
	case event.RLock:
		return "holds the read lock of " + s.Object
	case event.RWLock:
		return "holds the write lock of " + s.Object
	default:
		return "holds the lock " + s.Object
	}
}

// waiting counts those whose chains end at the same place, by where they wait.
func waiting(links []event.Link) string {
	type group struct {
		text  string
		count int
	}
	var groups []*group
	at := map[string]*group{}
	for _, l := range links {
		if l.Waits == nil {
			continue
		}
		text := fmt.Sprintf("%s in %s", l.Waits.Site.Place(), l.Waits.Site.Func)
		if at[text] == nil {
			at[text] = &group{text: text}
			groups = append(groups, at[text])
		}
		at[text].count++
	}
	sort.SliceStable(groups, func(i, k int) bool { return groups[i].count > groups[k].count })
	var lines []string
	for _, g := range groups {
		n := "1 more goroutine"
		if g.count > 1 {
			n = fmt.Sprintf("%d more goroutines", g.count)
		}
		lines = append(lines, n+" at "+g.text)
	}
	return strings.Join(lines, "\n")
}

func evidence(list []event.Evidence) string {
	var lines []string
	for _, e := range list {
		lines = append(lines, fmt.Sprintf("%s: %s", e.Source, e.Text))
	}
	return strings.Join(lines, "\n")
}

func clockTime(t int64) string { return wall(t).Format("15:04:05.000") }

func seconds(ns int64) string { return fmt.Sprintf("%.2f s", time.Duration(ns).Seconds()) }
