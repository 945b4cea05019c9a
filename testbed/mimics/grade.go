package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
)

// fits reports whether a finding is what is wanted of the fault.
func (f *fault) fits(x findings.Finding) bool {
	switch f.want {
	case stuck:
		return x.Verdict == "stuck"
	case wrong:
		return x.Verdict == "wrong"
	case told, slow:
		return x.Verdict != findings.Working
	}
	return false
}

// sight is what was found of one fault, in the words of the table.
type sight struct {
	first  *findings.Seen // that fits, after the fault
	by     string         // who gave its earliest evidence
	mimics *findings.Seen // the first that has evidence of mimics
	others *findings.Seen // the first without
	early  []string       // before the fault, or where there is none
	place  string
	named  bool // a place of the fault, or one that leads there
	odd    []string
}

// see sorts what was found.
func (o outcome) see() sight {
	var s sight
	for i := range o.found {
		f := &o.found[i]
		if f.Verdict == findings.Working {
			continue
		}
		if o.trial.fault == nil || f.At < o.fault {
			if f.Verdict == "slow" || f.Verdict == "unknown" {
				continue // nobody is told who has not asked for it
			}
			s.early = append(s.early, describe(f.Finding))
			continue
		}
		if f.By("mimics") {
			if s.mimics == nil {
				s.mimics = f
			}
		} else if s.others == nil {
			s.others = f
		}
		if !o.trial.fault.fits(f.Finding) {
			continue
		}
		if f.Verdict == "unknown" && !o.trial.about(f.Finding) {
			continue // who waits for who cannot go on: true, and no answer
		}
		if !o.trial.about(f.Finding) {
			s.odd = append(s.odd, describe(f.Finding))
		}
		if s.first == nil {
			s.first, s.by, s.place, s.named = f, f.First(), f.Place.At(), o.trial.about(f.Finding)
		}
	}
	return s
}

func describe(f findings.Finding) string {
	return fmt.Sprintf("%s, %s: %s at %s", f.Verdict, f.Class, f.What, f.Place.At())
}

// about reports whether f names a place that the fault has to do with.
func (t trial) about(f findings.Finding) bool {
	has := func(fn string) bool {
		return slices.ContainsFunc(t.names, func(n string) bool { return fn == n || strings.HasSuffix(path.Base(fn), "."+n) })
	}
	if has(f.Place.Site.Func) {
		return true
	}
	for _, links := range [][]findings.Link{f.Chain, f.Waiters} {
		for _, l := range links {
			if l.Waits != nil && has(l.Waits.Site.Func) || slices.ContainsFunc(l.Stack, func(fr findings.Frame) bool { return has(fr.Func) }) {
				return true
			}
		}
	}
	return false
}

// since is how long after the fault a reader of the file knew of f.
func (o outcome) since(f *findings.Seen) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", time.Duration(f.SeenAt-o.fault).Seconds())
}

// grade returns what is wrong with a run, nothing if all is as expected.
func (o outcome) grade() []string {
	if o.err != nil {
		return []string{"void: " + o.err.Error()}
	}
	s := o.see()
	var bad []string
	for _, f := range s.early {
		bad = append(bad, "false: "+f)
	}
	if o.trial.fault == nil {
		return bad
	}
	bad = append(bad, o.gradeFault(s)...)
	switch {
	case o.ended != 0 && !o.trial.dies:
		bad = append(bad, "the subject ended by itself")
	case o.ended != 0:
	case !o.again:
		bad = append(bad, "the subject did not work again")
	case !o.recovered:
		bad = append(bad, "nothing said that it goes on again")
	}
	return bad
}

// tooSoon is how soon after its own first refused write a program, and lifesign with it, may
// end without a finding: it takes a second look to know, and lifesign stays for a
// second at most to have it. The rest is for a machine that is busy.
const tooSoon = 5 * time.Second

// gradeFault is what is wrong with what was said of the fault.
func (o outcome) gradeFault(s sight) (bad []string) {
	want := o.trial.fault.want
	if want == slow {
		for _, f := range o.found {
			if f.Verdict == "stuck" {
				bad = append(bad, "slow is not stuck: "+describe(f.Finding))
			}
		}
		return bad
	}
	for _, f := range o.found {
		if want == told && f.Class == "proven" {
			bad = append(bad, "proven: "+describe(f.Finding))
		}
	}
	// Without mimics nobody can know what is only refused, wrong or lost.
	must := want == stuck || o.trial.mimics
	switch {
	case s.first == nil && must && o.trial.dies && o.ended != 0 && time.Duration(o.ended-o.fault) < tooSoon:
		// Its own write was the first that was refused, and it ended at once, which says it all.
	case s.first == nil && must && o.ended != 0:
		bad = append(bad, fmt.Sprintf("not found in the %.1f s until the subject ended", time.Duration(o.ended-o.fault).Seconds()))
	case s.first == nil && must && o.trial.blind != "":
	case s.first == nil && must:
		bad = append(bad, "not found")
	case s.first != nil && !s.named:
		bad = append(bad, "the place has nothing to do with it: "+s.odd[0])
	case s.first != nil && want == wrong && !s.first.By("mimics"):
		bad = append(bad, "found without mimics, which nobody can: "+describe(s.first.Finding))
	}
	return bad
}
