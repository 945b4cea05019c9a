package findings

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

// Precision is how near to the fault a finding comes, as OmegaGen's authors
// grade it.
type Precision string

// The grades, best first.
const (
	Operation Precision = "operation" // the very line of each operation that ought to be named
	Function  Precision = "function"  // the function of each
	Chain     Precision = "chain"     // one of them is on the stack of what is named
	Process   Precision = "process"   // something else in the process
	Nothing   Precision = "-"
)

// Locate grades the first finding by what ought to be named.
func Locate(f Finding, places []subject.Place) Precision {
	all := func(match func(Mention, subject.Place) bool) bool {
		mentions := f.Mentions()
		for _, p := range places {
			if !slices.ContainsFunc(mentions, func(m Mention) bool { return match(m, p) }) {
				return false
			}
		}
		return len(places) > 0
	}
	switch {
	case all(func(m Mention, p subject.Place) bool { return slices.Contains(p.At, m.Step.At()) }):
		return Operation
	case all(func(m Mention, p subject.Place) bool { return slices.Contains(p.Func, m.Step.Site.Func) }):
		return Function
	case onStack(f, places):
		return Chain
	}
	return Process
}

// onStack reports whether a place is on the stack of a goroutine of f, or is
// named by it.
func onStack(f Finding, places []subject.Place) bool {
	for _, links := range [][]Link{f.Chain, f.Waiters} {
		for _, l := range links {
			for _, fr := range l.Stack {
				at := path.Join(path.Base(path.Dir(fr.File)), path.Base(fr.File)) + ":" + strconv.Itoa(fr.Line)
				for _, p := range places {
					named := func(fn string) bool { return strings.HasSuffix(fr.Func, "."+fn) }
					if slices.Contains(p.At, at) || slices.ContainsFunc(p.Func, named) {
						return true
					}
				}
			}
		}
	}
	return slices.ContainsFunc(f.Mentions(), func(m Mention) bool {
		return slices.ContainsFunc(places, func(p subject.Place) bool { return slices.Contains(p.Func, m.Step.Site.Func) })
	})
}

// Ought lists what ought to be named, for the table.
func Ought(places []subject.Place) string {
	var parts []string
	for _, p := range places {
		part := p.At[0]
		if len(p.At) > 1 {
			part += " or its like"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// StuckOnly leaves out what goes on again.
func StuckOnly(all []Seen) []Seen {
	var stuck []Seen
	for _, s := range all {
		if s.Verdict != Working {
			stuck = append(stuck, s)
		}
	}
	return stuck
}

// AllOver reports whether for everything that was found it was also told that
// it goes on.
func AllOver(all []Seen) bool {
	open := map[uint64]bool{}
	for _, s := range all {
		open[s.Episode] = s.Verdict != Working
	}
	for _, o := range open {
		if o {
			return false
		}
	}
	return true
}

// Working is the verdict that something goes on again.
const Working = "working"
