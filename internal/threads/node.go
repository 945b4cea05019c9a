package threads

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// machine is what is remembered of the machine.
type machine struct {
	known  bool
	first  event.Node // as it was found
	now    event.Node
	oopsed bool // since it was found
	said   []string
	told   bool
}

// maxSaid bounds the kernel's messages that are remembered.
const maxSaid = 16

func (m *machine) see(n *event.Node) {
	if !m.known {
		m.known, m.first = true, *n
	}
	m.now = *n
	m.oopsed = m.oopsed || n.Oopses > m.first.Oopses || n.Died && !m.first.Died
	for _, s := range n.Messages {
		if len(m.said) < maxSaid {
			m.said = append(m.said, s)
		}
	}
}

// evidence is what speaks for an oops.
func (m *machine) evidence(at int64) []event.Evidence {
	if !m.oopsed {
		return nil
	}
	list := []event.Evidence{{Source: event.Kernel, At: at, Text: fmt.Sprintf("the kernel has oopsed %d times, %d of them since it was watched", m.now.Oopses, m.now.Oopses-m.first.Oopses)}}
	for _, s := range m.said {
		list = append(list, event.Evidence{Source: event.Kernel, At: at, Text: "the kernel says: " + s})
	}
	return list
}

// starvedShare is how much of the time some task must have had no processor, in
// percent, before the machine is said to be starved; thrashes the same for all
// tasks and memory.
const (
	starvedShare = 60
	thrashes     = 20
)

// Node returns the verdict on the machine. Its thread is none.
func (j *Judge) Node() event.Standing {
	m := &j.node
	s := event.Standing{Verdict: event.Unknown, Class: event.Undecided, What: "the machine was not asked", Refuted: "it is asked", Since: j.at}
	if !m.known {
		return s
	}
	say := func(v event.Verdict, c event.Class, what, refuted string) event.Standing {
		s.Verdict, s.Class, s.What, s.Refuted = v, c, what, refuted
		return s
	}
	s.Evidence = m.evidence(j.at)
	device := j.deadDevice()
	switch {
	case m.oopsed:
		return say(event.Crashed, event.Proven, "the kernel has oopsed: threads are gone, and what they held is held for ever", "its count of oopses is wrong")
	case device != "":
		return say(event.Stuck, event.Inferred, device+" answers nobody", "it completes a request")
	case m.now.CPU >= starvedShare:
		return say(event.Starved, event.Inferred, fmt.Sprintf("in %.0f %% of the last ten seconds some task had no processor", m.now.CPU), "processors are idle")
	case m.now.Memory >= thrashes:
		return say(event.Slow, event.Inferred, fmt.Sprintf("in %.0f %% of the last ten seconds everything waited for memory", m.now.Memory), "memory is free")
	case m.first.Oopses > 0 || m.first.Died:
		return say(event.Unknown, event.Undecided, "the kernel had oopsed before it was watched: what is missing since then cannot be told", "it was started anew")
	}
	return say(event.Working, event.Inferred, "nothing speaks against it", "the kernel oopses")
}

// deadDevice names a device on which a thread is stuck. Its counters are those of
// the whole machine.
func (j *Judge) deadDevice() string {
	name := ""
	for _, t := range j.tasks {
		if r := t.now.Resource; t.standing.Verdict == event.Stuck && r != nil && r.Kind == event.OnDevice && t.stalled >= 0 && (name == "" || r.Name < name) {
			name = r.Name
		}
	}
	return name
}
