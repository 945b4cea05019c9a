package supervise

import (
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Kind is what has happened.
type Kind int

// What can happen. The first event is one of Vacant, Left and Adopted.
const (
	Vacant      Kind = iota + 1 // nothing of an earlier supervisor's runs
	Left                        // the program of an earlier one has ended, and has left processes behind
	Adopted                     // it runs: PID, Since, Ready, Halfway
	Started                     // PID
	StartFailed                 // Text says why; nothing was started
	IsReady                     // the program has said so, or was seen to be
	Extend                      // the program asks for more time, For
	Exited                      // the program itself has ended: Exit
	Gone                        // nothing of it is left
	Judged                      // a finding about it
	StopAsked                   // by the user, with Signal
)

// Event is one thing that has happened. Which fields count its Kind says.
type Event struct {
	Kind    Kind
	PID     int
	Since   int64 // when it was started, CLOCK_MONOTONIC nanoseconds
	Ready   bool
	Halfway bool // its supervisor was about to stop it
	Text    string
	For     time.Duration
	Exit    Exit
	Signal  Signal // Terminate or Interrupt

	Verdict event.Verdict
	Class   event.Class
	Episode uint64
	Sources int // independent ones
}

// Finding makes an event of a finding.
func Finding(f event.Finding) Event {
	return Event{Kind: Judged, Verdict: f.Verdict, Class: f.Class, Episode: f.Episode, Text: f.What, Sources: Sources(f.Evidence)}
}

// Sources counts the independent sources of evidence: marks and the runtime show the
// same goroutine twice, and what a watcher says of itself is none.
func Sources(evidence []event.Evidence) int {
	seen := map[event.Source]bool{}
	for _, e := range evidence {
		switch e.Source {
		case event.Watcher:
		case event.Runtime:
			seen[event.Marks] = true
		default:
			seen[e.Source] = true
		}
	}
	return len(seen)
}

// Deed is what is to be done.
type Deed int

// What can be to do. They are done in the order in which they come.
const (
	Start    Deed = iota + 1 // the program
	Send                     // Signal to the program
	Kill                     // SIGKILL to all of its processes
	Dump                     // keep what can be seen of the program: Text says why
	Say                      // Text, to the user
	Up                       // the program is up: whoever waits for that may be told
	Stopping                 // it is being stopped for good
	End                      // nothing more will be done
)

// Act is one thing to do.
type Act struct {
	Deed   Deed
	Signal Signal
	Text   string
}

// Actions is what follows from a step.
type Actions struct {
	Do   []Act
	Next int64 // call Step again at this time at the latest; 0: when something happens
}

func (a *Actions) add(d Deed, text string) { a.Do = append(a.Do, Act{Deed: d, Text: text}) }

func (a *Actions) send(s Signal) { a.Do = append(a.Do, Act{Deed: Send, Signal: s}) }
