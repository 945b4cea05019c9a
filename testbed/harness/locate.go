package main

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

// precision is how near to the fault a finding comes, as OmegaGen's authors
// grade it.
type precision string

// The grades, best first.
const (
	operation precision = "operation" // the very line of each operation that ought to be named
	function  precision = "function"  // the function of each
	chain     precision = "chain"     // one of them is on the stack of what is named
	process   precision = "process"   // something else in the process
	nothing   precision = "-"
)

// locate grades the first finding by what ought to be named.
func locate(f finding, places []subject.Place) precision {
	all := func(match func(mention, subject.Place) bool) bool {
		mentions := f.mentions()
		for _, p := range places {
			if !slices.ContainsFunc(mentions, func(m mention) bool { return match(m, p) }) {
				return false
			}
		}
		return len(places) > 0
	}
	switch {
	case all(func(m mention, p subject.Place) bool { return slices.Contains(p.At, m.step.at()) }):
		return operation
	case all(func(m mention, p subject.Place) bool { return slices.Contains(p.Func, m.step.Site.Func) }):
		return function
	case onStack(f, places):
		return chain
	}
	return process
}

// onStack reports whether a place is on the stack of a goroutine of f, or is
// named by it.
func onStack(f finding, places []subject.Place) bool {
	for _, links := range [][]link{f.Chain, f.Waiters} {
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
	return slices.ContainsFunc(f.mentions(), func(m mention) bool {
		return slices.ContainsFunc(places, func(p subject.Place) bool { return slices.Contains(p.Func, m.step.Site.Func) })
	})
}

// ought lists what ought to be named, for the table.
func ought(places []subject.Place) string {
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

// stuckOnly leaves out what goes on again.
func stuckOnly(all []seen) []seen {
	var stuck []seen
	for _, s := range all {
		if s.Verdict != working {
			stuck = append(stuck, s)
		}
	}
	return stuck
}

// allOver reports whether for everything that was found it was also told that
// it goes on.
func allOver(all []seen) bool {
	open := map[uint64]bool{}
	for _, s := range all {
		open[s.Episode] = s.Verdict != working
	}
	for _, o := range open {
		if o {
			return false
		}
	}
	return true
}

const working = "working"
