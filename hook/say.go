package hook

import (
	"sync"

	"github.com/lifesign-go/lifesign/event"
)

// saying guards the ring of notes, which has one writer at a time. It is held for
// as long as a note takes to copy.
var saying sync.Mutex

// Say leaves f, which the program says of itself, in the page for an agent.
// Without one it does nothing.
func Say(f event.Finding) {
	if vitals.PID() == 0 {
		return
	}
	Declare("") // a page that has nothing else in it is worth reading now
	saying.Lock()
	defer saying.Unlock()
	vitals.Say(f)
}
