package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

// expectation is what lifesign must say of a fault. A scenario without one
// must stay without a finding.
type expectation struct {
	verdict, class string
	cycle          bool
	lock           string // what the site's object must end in
	named          []naming
	within         time.Duration // median over the runs, from the fault to the line in the file; 0 is no limit
}

// naming is a place that a finding must name.
type naming struct {
	role findings.Role
	at   string
	fn   string
	why  string // what this place has to do with the fault
}

// readAgain is nats-server PR #7458 in v2.12.1. The three places are all there
// is to it, each necessary, and no other line of the server fits:
//
// The load asks for batches by sequence, so getDirectMulti, which takes the
// lock at another line, is never entered; a batch ends with the one call of
// lastSeq under the lock. The only other caller of lastSeq is the processing of
// mirrors, which this stream has not. And the stream of a single server is
// written to by processJetStreamMsg alone: the other 70 lines that take the
// write lock belong to the making, changing and removing of streams and
// consumers, to clusters, sources and atomic batches.
var readAgain = expectation{
	verdict: "stuck", class: "proven", cycle: true,
	lock: "stream.mu",
	named: []naming{
		{findings.Waits, "server/stream.go:1339", "(*stream).lastSeq", "lastSeq takes the read lock again"},
		{findings.Holds, "server/stream.go:5176", "(*stream).getDirectRequest", "getDirectRequest has held it since before"},
		{findings.Waits, "server/stream.go:5344", "(*stream).processJetStreamMsg", "processJetStreamMsg queued for writing in between"},
	},
	within: time.Second,
}

// untimed is e without the limit in time.
func (e expectation) untimed() *expectation {
	e.within = 0
	return &e
}

// check returns what is wrong with the findings of one run, nothing if they
// are as expected. A finding more than one is right if it too tells of this
// fault: two readers can be caught by the same writer.
func (e *expectation) check(found []findings.Seen) []string {
	if e == nil {
		var wrong []string
		for _, f := range found {
			wrong = append(wrong, fmt.Sprintf("false alarm: %s, %s: %s at %s", f.Verdict, f.Class, f.What, f.Place.At()))
		}
		return wrong
	}
	if len(found) == 0 {
		return []string{"not found"}
	}
	wrong := e.checkOne(found[0].Finding)
	for _, f := range found[1:] {
		if !e.tellsOf(f.Finding) {
			wrong = append(wrong, fmt.Sprintf("beside it: %s, %s: %s at %s", f.Verdict, f.Class, f.What, f.Place.At()))
		}
	}
	return wrong
}

func (e *expectation) checkOne(f findings.Finding) []string {
	var wrong []string
	if f.Verdict != e.verdict || f.Class != e.class {
		wrong = append(wrong, fmt.Sprintf("verdict %s, %s, want %s, %s", f.Verdict, f.Class, e.verdict, e.class))
	}
	if f.Cycle != e.cycle {
		wrong = append(wrong, fmt.Sprintf("cycle %v, want %v", f.Cycle, e.cycle))
	}
	mentions := f.Mentions()
	for _, n := range e.named {
		i := slices.IndexFunc(mentions, func(m findings.Mention) bool { return m.Role == n.role && m.Step.At() == n.at })
		switch {
		case i < 0:
			wrong = append(wrong, fmt.Sprintf("nobody %s at %s (%s)", n.role, n.at, n.why))
		case !strings.HasSuffix(mentions[i].Step.Site.Object, e.lock):
			wrong = append(wrong, fmt.Sprintf("%s is about %q, want %s", n.at, mentions[i].Step.Site.Object, e.lock))
		}
	}
	if !e.tellsOf(f) {
		wrong = append(wrong, fmt.Sprintf("the place is %s, none of the fault's", f.Place.At()))
	}
	return wrong
}

// tellsOf reports whether f's place is one at which this fault makes somebody
// wait. A cycle has no beginning: where a finding begins it is its own choice.
func (e *expectation) tellsOf(f findings.Finding) bool {
	return strings.HasSuffix(f.Place.Site.Object, e.lock) && slices.ContainsFunc(e.named, func(n naming) bool {
		return n.role == findings.Waits && n.at == f.Place.At()
	})
}

// places is what e has to be named, as subjects' own files say it.
func (e *expectation) places() []subject.Place {
	var ps []subject.Place
	for _, n := range e.named {
		ps = append(ps, subject.Place{At: []string{n.at}, Func: []string{n.fn}, Why: n.why})
	}
	return ps
}
