package main

import (
	"fmt"
	"time"

	"github.com/lifesign-go/lifesign/cmd/errands"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/dump"
	"github.com/lifesign-go/lifesign/internal/mimics"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/sample"
)

// mimicry carries what the program's mimic checkers come to, to their judge, and the
// judge's errands to the helper, which is started when the first one is there. It
// decides nothing, and waits for nobody.
type mimicry struct {
	judge  *mimics.Judge
	helper *errands.Helper
	past   past
	say    func(string)
	off    bool // the helper cannot be had
	pid    int
	at     int64 // of the last step, 0 if there was none
	meant  int64 // how long after it the next was meant to be
}

func newMimicry(say func(string)) *mimicry {
	return &mimicry{judge: mimics.New(mimics.Config{}), say: say}
}

// step has a sample judged. meant is when the next one is to come.
func (m *mimicry) step(s event.Sample, pid int, meant time.Duration) []event.Finding {
	m.pid = pid
	var outcomes []event.Outcome
	if m.helper != nil {
		outcomes = m.helper.Outcomes(nil)
	}
	m.past.came(outcomes)
	m.judge.Marks(s.Goroutines)
	late := int64(0)
	if m.at != 0 && s.At-m.at > m.meant {
		late = s.At - m.at - m.meant
	}
	m.at, m.meant = s.At, int64(meant)
	acts := m.judge.Step(s.At, late, s.Mimics, outcomes)
	for _, e := range acts.Errands {
		m.do(e)
	}
	if m.helper != nil {
		m.helper.Abandon(acts.Abandon...)
	}
	return acts.Findings
}

// do has an errand done. The judge hears nothing of one that cannot be, and takes it for
// lost.
func (m *mimicry) do(e event.Errand) {
	if m.helper == nil && !m.off {
		h, err := errands.Start(errands.Config{PID: m.pid})
		if err != nil {
			m.off = true
			m.say("nothing is done again beside the program: " + err.Error())
		}
		m.helper = h
	}
	if m.helper != nil {
		m.past.gave(e)
		m.helper.Do(e)
	}
}

// add adds to what the program can read of the agent's verdict: what mimics have found
// stuck counts as what was inferred.
func (m *mimicry) add(v *page.Verdict) {
	if verdict, what := m.judge.Stuck(); verdict == event.Stuck && v.Code == page.VerdictWorking {
		v.Code, v.Text = page.VerdictInferred, what
	}
}

// doubts reports whether something is suspected of which more will be known soon.
func (m *mimicry) doubts() bool { return m.judge.Doubts() }

// outlive is told that the program has ended.
func (m *mimicry) outlive() {
	if m.helper != nil {
		m.helper.Outlive()
	}
}

// close ends the helper. It returns what was done, "" if nothing was.
func (m *mimicry) close() string {
	if m.helper == nil {
		return ""
	}
	m.helper.Close()
	c := m.helper.Counts()
	text := fmt.Sprintf("mimics: %d operations done again beside it, in %v of its disks' time", c.Done+c.Failed+c.Differ, c.DiskTime.Round(time.Millisecond))
	if c.Unable > 0 {
		text += fmt.Sprintf("; %d not done, the last because %s", c.Unable, c.Why)
	}
	if c.Hung > 0 {
		text += fmt.Sprintf("; %d hung", c.Hung)
	}
	if c.Lacks != "" {
		text += "; " + c.Lacks
	}
	return text
}

// mimic has what the mimic checkers came to judged, and tells what follows.
func (a *agent) mimic(s event.Sample, meant time.Duration) {
	for _, f := range a.mimics.step(s, a.page.PID(), meant) {
		a.tell.finding(f)
		if f.Verdict == event.Stuck {
			a.found++
		}
	}
}

// did returns what mimics came to lately, newest first. Any goroutine may call it.
func (a *agent) did() []dump.Mimic {
	if a.mimics == nil {
		return nil
	}
	return a.mimics.past.list(clock.Monotonic())
}

// lingers is how long the agent goes on at most when the program has ended.
const lingers = time.Second

// linger goes on with what mimics suspect when the program has ended: a write that was
// refused may be why it has. Of what is well in the end nothing is told: whoever was in
// something is not any more.
func (a *agent) linger() {
	if a.mimics == nil || !a.known {
		return
	}
	a.mimics.outlive()
	for end := time.Now().Add(lingers); time.Now().Before(end); time.Sleep(hurry) {
		s, ok, err := a.sampler.Sample(sample.Wanted{})
		if err != nil || !ok {
			return
		}
		s.Goroutines = nil
		a.mimic(s, hurry)
		if !a.mimics.doubts() {
			return
		}
	}
}

// mimicked reports whether mimics have found f.
func mimicked(f event.Finding) bool {
	for _, e := range f.Evidence {
		if e.Source == event.Mimics {
			return true
		}
	}
	return false
}
