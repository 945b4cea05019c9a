package mimics

import (
	"fmt"
	"hash/fnv"
	"path"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// op names the operation of a mimic.
func (j *Judge) op(m *event.Mimic) string {
	file := "the file of descriptor " + fmt.Sprint(m.FD)
	if m.Path != "" {
		file = j.redact(m.Path)
	}
	peer := m.Address
	if peer != "" {
		peer = j.redact(peer)
	}
	switch m.Deed {
	case event.DoWrite:
		return "write to " + file
	case event.DoSync:
		return "sync of " + file
	case event.DoRead:
		return "read of " + file
	case event.DoTruncate:
		return "truncation of " + file
	case event.DoOpen:
		return "open of " + file
	case event.DoDirectory:
		return "sync of the directory " + j.redact(path.Dir(m.Path))
	case event.DoDial:
		return "connecting to " + peer
	case event.DoHandshake:
		return "TLS handshake with " + peer
	case event.SeeConnection:
		return "the connection to " + peer
	case event.SeeListener:
		return "the listener at " + peer
	case event.SeePool:
		return "the pool of database connections"
	case event.SeeOwn:
		return "its author's check"
	}
	return string(m.Deed)
}

// what is a finding's one sentence.
func (j *Judge) what(q *inquiry, v event.Verdict) string {
	op := j.op(q.about(j.culprit(q)))
	switch q.kind {
	case hanging:
		return j.whatHangs(q, v, op)
	case failing:
		text := fmt.Sprintf("%s fails with %s, %s in a row in %s", op, j.problem(&q.out), times(q.bad+1), span(q.badAt-q.began))
		return text + j.program(q, "fails")
	case differing:
		if q.s.deed == event.DoSync {
			op = "what is made durable by " + op
		}
		text := fmt.Sprintf("%s is not kept: what is read back differs, %s", op, times(len(q.s.differs)))
		if q.lastBad.End == event.Differ {
			text += " (" + j.scrub(q.lastBad.Text) + ")"
		}
		return text + on(q.s.device)
	case slowing:
		return fmt.Sprintf("%s takes %s, %s in all but one percent before%s", op, span(q.s.usual.middle()), span(q.s.usual.learnt.slowest()), on(q.s.device))
	case silent:
		return j.whatSilent(q, v, op)
	case full:
		return fmt.Sprintf("%s has had a full queue for %s: nobody accepts, or not as many as come", op, span(j.clock.honest-q.began))
	case exhausted:
		return fmt.Sprintf("%s has had all of them in use for %s, and more and more wait", op, span(j.clock.honest-q.began))
	}
	name := q.s.place.site.Object
	if name == "" {
		name = q.s.place.site.Func
	}
	said := j.scrub(q.s.looks.before.Err)
	switch l := &q.s.looks; {
	case l.panicked():
		return fmt.Sprintf("%s %s is not asked any more, for it has %s", op, name, said)
	case l.hangs():
		return fmt.Sprintf("%s %s %s", op, name, said)
	}
	return fmt.Sprintf("%s %s fails, %s in a row: %s", op, name, times(q.s.looks.bad), said)
}

func (j *Judge) whatHangs(q *inquiry, v event.Verdict, op string) string {
	e := q.errand
	verb := "stands"
	if v == event.Slow {
		verb = "takes its time"
	}
	text := fmt.Sprintf("%s %s (%s in the helper so far)", op, verb, span(j.age(e)))
	if name := e.stand.resource(); name != "" {
		text += " on " + j.scrub(name)
		switch e.stand.word(j) {
		case kernelStalls, kernelDoubts:
			text += ", which has answered nothing"
		case kernelMoves:
			text += ", which gets on"
		}
	} else {
		text += on(j.scrub(q.s.device))
	}
	if w, ok := q.controlled(); ok {
		text += fmt.Sprintf("; %s it takes %s", inWords(w.out.Where), span(w.out.Took))
	}
	if v == event.Stuck {
		return text + j.program(q, "stands")
	}
	return text
}

// program says how the program itself fares.
func (j *Judge) program(q *inquiry, verb string) string {
	n, _ := q.ownFailures(j)
	switch {
	case q.marks.since > 0 && verb == "stands" && q.standsToo(j):
		return fmt.Sprintf("; goroutine %d of the program stands there too", q.marks.goroutine)
	case n > 0:
		return "; the program has met it too"
	}
	return "; the program itself may not have come to it yet"
}

func (j *Judge) whatSilent(q *inquiry, v event.Verdict, op string) string {
	n := q.s.looks.before.Numbers
	text := fmt.Sprintf("%s is silent for %s", op, span(j.clock.honest-q.began))
	if n["unacked"] > 0 {
		text += fmt.Sprintf(", %d segments not acknowledged", n["unacked"])
	} else {
		text += fmt.Sprintf(", %d bytes in its send queue", n["sendqueue"])
	}
	if v == event.Stuck {
		return text + ", and no new one can be made"
	}
	if w, ok := q.words[event.Here]; ok && w.out.End == event.Done {
		return text + "; a new one can be made"
	}
	return text
}

// controlled returns the control's word, if it is a good one.
func (q *inquiry) controlled() (word, bool) {
	for _, where := range []event.Where{event.Memory, event.Loopback} {
		if w, ok := q.words[where]; ok && w.out.End == event.Done {
			w.out.Where = where
			return w, true
		}
	}
	return word{}, false
}

func refuted(q *inquiry, v event.Verdict) string {
	switch {
	case q.kind == differing:
		return "what the helper wrote to that directory is read back as it was written"
	case q.kind == failing || q.kind == refusing:
		return "it succeeds in between"
	case q.kind == slowing || v == event.Slow:
		return "it takes as long as ever, or does not end at all"
	case q.kind == hanging:
		return "the helper's operation ends, or another one there does"
	}
	return "one look shows that it gets on"
}

// inWords says where a second look was done.
func inWords(w event.Where) string {
	switch w {
	case event.Here:
		return "to the same address"
	case event.Beside:
		return "in the directory above"
	case event.Nearby:
		return "elsewhere on the device"
	case event.Memory:
		return "in memory"
	case event.Loopback:
		return "to the helper's own listener"
	}
	return string(w)
}

func on(device string) string {
	if device == "" {
		return ""
	}
	return ", on " + device
}

// problem says how an errand ended.
func (j *Judge) problem(o *event.Outcome) string {
	text := j.scrub(o.Text)
	switch {
	case o.Errno == "":
		return text
	case text == "":
		return o.Errno
	}
	return o.Errno + " (" + text + ")"
}

// arguments tells what a mimic was given: of data its length and a short hash.
func arguments(m *event.Mimic) string {
	var parts []string
	if m.Offset > 0 {
		parts = append(parts, fmt.Sprintf("at offset %d", m.Offset))
	} else if m.Offset < 0 && m.Deed == event.DoWrite {
		parts = append(parts, "appended")
	}
	if m.Size > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes", m.Size))
	}
	if len(m.Data) > 0 {
		h := fnv.New32a()
		h.Write(m.Data)
		text := fmt.Sprintf("hash %08x", h.Sum32())
		if int64(len(m.Data)) < m.Size {
			text += fmt.Sprintf(" of the first %d", len(m.Data))
		}
		parts = append(parts, text)
	}
	if m.Pass > 0 {
		parts = append(parts, fmt.Sprintf("of pass %d", m.Pass))
	}
	return strings.Join(parts, ", ")
}

// scrub redacts the paths and addresses in a text.
func (j *Judge) scrub(text string) string {
	var b strings.Builder
	from := 0
	flush := func(to int) {
		word := text[from:to]
		end := strings.TrimRight(word, ":")
		if strings.HasPrefix(end, "/") && len(end) > 1 || isAddress(end) {
			b.WriteString(j.redact(end))
			b.WriteString(word[len(end):])
		} else {
			b.WriteString(word)
		}
	}
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(" \t\n\"'()<>,;→", text[i]) >= 0 {
			flush(i)
			b.WriteByte(text[i])
			from = i + 1
		}
	}
	flush(len(text))
	return b.String()
}

// isAddress reports whether a word looks like a host and a port.
func isAddress(word string) bool {
	i := strings.LastIndexByte(word, ':')
	if i <= 0 || i == len(word)-1 || strings.Trim(word[i+1:], "0123456789") != "" {
		return false
	}
	return strings.Trim(word[:i], "0123456789") != ""
}

// known has the errors that are compared with those of the program: their numbers
// on Linux, and what programs are told of them.
var known = map[string]struct {
	number int64
	text   string
}{
	"ENOSPC": {28, "no space left on device"}, "EROFS": {30, "read-only file system"}, "EIO": {5, "input/output error"},
	"EDQUOT": {122, "disk quota exceeded"}, "ESTALE": {116, "stale"}, "EPIPE": {32, "broken pipe"},
	"ECONNREFUSED": {111, "connection refused"}, "ECONNRESET": {104, "connection reset by peer"}, "ECONNABORTED": {103, "connection abort"},
	"EHOSTUNREACH": {113, "no route to host"}, "ENETUNREACH": {101, "network is unreachable"}, "ETIMEDOUT": {110, "connection timed out"},
	"ENOTCONN": {107, "not connected"},
}

// sameError reports whether an error that the program was given is the one that
// the helper met.
func sameError(o *event.Outcome, f *failure) bool {
	e := known[o.Errno]
	switch {
	case f.errno != 0 && e.number != 0:
		return f.errno == e.number
	case e.text != "":
		return strings.Contains(f.text, e.text)
	}
	return o.Text != "" && strings.Contains(f.text, o.Text)
}

// timedOut reports whether an error that the program was given is one of waiting
// in vain.
func timedOut(f *failure) bool {
	return f.errno == known["ETIMEDOUT"].number || strings.Contains(f.text, "timeout") || strings.Contains(f.text, "timed out") || strings.Contains(f.text, "deadline exceeded")
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// span tells a stretch of time with two digits or so.
func span(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2g ms", d.Seconds()*1e3)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
