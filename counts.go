package lifesign

import (
	"encoding/json"
	"sync/atomic"
)

// counts are the library's own figures. Its fields are written atomically, and
// only where something is out of the ordinary; Calls is the exception.
var counts Counts

// Counts are the library's figures since the program began, except Hanging and
// Violated, which are of this moment.
type Counts struct {
	Calls      uint64 `json:"calls"`      // functions that Call has run
	Hung       uint64 `json:"hung"`       // those that went over their budget
	Hanging    uint64 `json:"hanging"`    // those that have not returned since
	Refused    uint64 `json:"refused"`    // calls that a Caller did not make because one hung
	Panics     uint64 `json:"panics"`     // panics in calls for which nobody waited any more
	Violations uint64 `json:"violations"` // times that an assertion or invariant did not hold
	Violated   uint64 `json:"violated"`   // assertions and invariants that do not hold
	Findings   uint64 `json:"findings"`   // findings of something stuck, by the watcher or the agent
	Unheard    uint64 `json:"unheard"`    // findings that were not reported: whoever reports them was behind
	Withheld   uint64 `json:"withheld"`   // times that the service manager's watchdog was not fed
}

// CountsNow returns the figures.
func CountsNow() Counts {
	return Counts{
		Calls:      atomic.LoadUint64(&counts.Calls),
		Hung:       atomic.LoadUint64(&counts.Hung),
		Hanging:    atomic.LoadUint64(&counts.Hanging),
		Refused:    atomic.LoadUint64(&counts.Refused),
		Panics:     atomic.LoadUint64(&counts.Panics),
		Violations: atomic.LoadUint64(&counts.Violations),
		Violated:   atomic.LoadUint64(&counts.Violated),
		Findings:   Current().Found,
		Unheard:    atomic.LoadUint64(&counts.Unheard),
		Withheld:   atomic.LoadUint64(&counts.Withheld),
	}
}

// Var is the counts and the verdict as a variable of package expvar:
//
//	expvar.Publish("lifesign", lifesign.Var{})
//
// Package lifesign does not do that by itself, because whoever imports expvar
// has /debug/vars, and the command line in it, on http.DefaultServeMux.
type Var struct{}

// String returns a JSON object.
func (Var) String() string {
	s := Current()
	b, err := json.Marshal(struct {
		Verdict string `json:"verdict"`
		Class   string `json:"class,omitempty"`
		By      string `json:"by,omitempty"`
		Counts
	}{string(s.Verdict), string(s.Class), string(s.By), CountsNow()})
	if err != nil {
		return "null"
	}
	return string(b)
}
