package mimics

import (
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// evidence adds what speaks for a finding.
func (j *Judge) evidence(q *inquiry, f *event.Finding) {
	add := func(source event.Source, at int64, format string, args ...interface{}) {
		f.Evidence = append(f.Evidence, event.Evidence{Source: source, At: at, Text: fmt.Sprintf(format, args...)})
	}
	m := &q.mimic
	given := arguments(m)
	if given != "" {
		given = " (" + given + ")"
	}
	if q.kind.looked() {
		add(event.Mimics, f.At, "%s%s was found so in %d looks in a row%s", j.op(m), given, q.s.looks.bad, numbers(q.s.looks.before.Numbers))
	} else {
		add(event.Mimics, q.since, "%s as the program had it done at %s:%d%s: %s", j.op(m), q.s.place.site.File, q.s.place.site.Line, given, j.met(q))
	}
	if q.bad > 0 && q.kind == failing {
		add(event.Mimics, f.At, "done again, it has failed in the same way %s", times(q.bad))
	}
	for _, where := range q.validators() {
		if text := j.said(q, where); text != "" {
			add(event.Mimics, f.At, "%s", text)
		}
	}
	if e := q.errand; e != nil {
		j.kernelSays(e, add)
	}
	if q.marks.since > 0 {
		add(event.Marks, f.At, "goroutine %d of the program has been in it for %s", q.marks.goroutine, span(f.At-q.marks.since))
	}
	if n, last := q.ownFailures(j); n > 0 {
		add(event.Program, last.at, "the program's own operation has returned this %s lately: %s", times(n), j.scrub(last.text))
	}
	if q.kind == hanging && j.silentTo(q) {
		add(event.Mimics, f.At, "a connection of the program's to the same address is silent")
	}
	if text := j.scope(q); text != "" {
		add(event.Mimics, f.At, "%s", text)
	}
	for _, text := range j.trend.words() {
		add(event.Mimics, f.At, "%s", text)
	}
}

// met says how the errand ended that was suspected first.
func (j *Judge) met(q *inquiry) string {
	switch q.kind {
	case hanging:
		return "it has not ended in " + span(j.age(q.errand))
	case failing, differing:
		return j.problem(&q.out)
	}
	return fmt.Sprintf("the middle of the last %d took %s", window, span(q.s.usual.middle()))
}

// said tells what a validator said.
func (j *Judge) said(q *inquiry, where event.Where) string {
	if e := q.s.away[where]; e != nil && e.known && e.out.End == event.Hangs && j.age(e) >= j.floor {
		return fmt.Sprintf("%s it hangs too, for %s", inWords(where), span(j.age(e)))
	}
	w, ok := q.words[where]
	if !ok {
		return ""
	}
	switch w.out.End {
	case event.Done:
		return fmt.Sprintf("%s it took %s", inWords(where), span(w.out.Took))
	case event.Failed:
		return fmt.Sprintf("%s it fails: %s", inWords(where), j.problem(&w.out))
	case event.Differ:
		return fmt.Sprintf("%s it differs too: %s", inWords(where), j.problem(&w.out))
	case event.Unable:
		return fmt.Sprintf("%s it could not be tried: %s", inWords(where), j.problem(&w.out))
	}
	return ""
}

// kernelSays tells what the kernel shows of an errand that hangs.
func (j *Judge) kernelSays(e *errand, add func(source event.Source, at int64, format string, args ...interface{})) {
	th := e.stand.last
	if th == nil {
		return
	}
	text := fmt.Sprintf("the helper's thread %d is in state %s", th.ID, th.State)
	if th.Wchan != "" {
		text += ", in " + th.Wchan
	}
	if th.What != "" {
		text += ", in " + j.scrub(th.What)
	}
	add(event.Kernel, e.out.At, "%s, %s in a row", text, times(e.stand.same))
	r := th.Resource
	switch {
	case r == nil || r.Name == "":
	case r.Err != "":
		add(event.Kernel, e.out.At, "%s: %s", j.scrub(r.Name), j.scrub(r.Err))
	case r.Throttled != "":
		add(event.Kernel, e.out.At, "%s is held back: %s", j.scrub(r.Name), r.Throttled)
	case e.stand.stalled >= 0:
		add(event.Kernel, e.out.At, "%s had work for %s, %d in flight now, and finished nothing", j.scrub(r.Name), span(e.stand.read-e.stand.stalled), r.InFlight)
	case e.stand.answered >= 0:
		add(event.Kernel, e.out.At, "%s has moved, the last time %s ago", j.scrub(r.Name), span(j.clock.honest-e.stand.answered))
	}
}

// maxScope bounds the sites that a finding names beside its own.
const maxScope = 8

// scope tells what else in the program leads to what a finding is about: to the
// same directory, file or address, or the same device.
func (j *Judge) scope(q *inquiry) string {
	var names []string
	seen := map[*place]bool{q.s.place: true}
	total := 0
	for _, s := range j.order {
		if seen[s.place] || !q.s.alike(s) {
			continue
		}
		seen[s.place] = true
		if total++; total <= maxScope {
			at := s.place.site
			names = append(names, fmt.Sprintf("%s in %s (%s)", at.Place(), at.Func, s.deed))
		}
	}
	if total == 0 {
		return ""
	}
	text := "what else leads there: " + strings.Join(names, "; ")
	if total > maxScope {
		text += fmt.Sprintf("; and %d more", total-maxScope)
	}
	return text
}

// alike reports whether two subjects are about the same directory, address or
// device.
func (s *subject) alike(other *subject) bool {
	if s.device != "" && s.device == other.device {
		return true
	}
	a, b := &s.mimic, &other.mimic
	if a.Address != "" {
		return a.Address == b.Address
	}
	return a.Path != "" && b.Path != "" && directory(a.Path) == directory(b.Path)
}

func directory(p string) string { return p[:strings.LastIndexByte(p, '/')+1] }

// numbers tells those of a look that say the most.
func numbers(n map[string]int64) string {
	var parts []string
	for _, name := range []string{"unacked", "retransmits", "sendqueue", "waiting", "max", "open", "inuse", "waits"} {
		if v, ok := n[name]; ok {
			parts = append(parts, fmt.Sprintf("%s %d", name, v))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}
