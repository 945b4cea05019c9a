package lifesign

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/guard/unit"
)

// HealthOption changes when a health handler fails.
type HealthOption func(*health)

// OnInferred has Livez fail also when something is stuck, inferred: nothing has
// moved for longer than a budget. Without it only proof counts, for who asks
// for /livez restarts the program.
func OnInferred() HealthOption { return func(h *health) { h.inferred = true } }

// OnUnknown has a handler fail when the program has not been judged for longer
// than after. Without it "cannot tell" is told and takes no work away: a judge
// that is late is late because the machine is, mostly.
func OnUnknown(after time.Duration) HealthOption { return func(h *health) { h.unknown = &after } }

// Livez answers whether the program should be left alone. It fails, with status
// 503, only when something is proven to be stuck: waiting will not mend that.
//
// Like Readyz it answers from what is known already. It takes no lock of the
// program's, asks nobody, and says how old its answer is; an answer older than
// two seconds is none, and told as unknown.
func Livez(options ...HealthOption) http.Handler {
	return newHealth(health{}, options)
}

// Readyz answers whether the program should be given work. It fails, with
// status 503, when something is stuck, proven or inferred, when an assertion or
// invariant does not hold, while a Call hangs, and once crashes have escalated
// (package guard).
func Readyz(options ...HealthOption) http.Handler {
	return newHealth(health{inferred: true, complaints: true}, options)
}

// health is a handler, and what it fails for beside proof.
type health struct {
	inferred   bool
	complaints bool
	unknown    *time.Duration // an age beyond which unknown is a failure
}

func newHealth(h health, options []HealthOption) http.Handler {
	for _, o := range options {
		o(&h)
	}
	return &h
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := Current()
	a := h.answer(s)
	body, err := json.MarshalIndent(a, "", "\t")
	if err != nil { // a finding has nothing in it that cannot be marshalled
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !a.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.Method != http.MethodHead {
		w.Write(append(body, '\n'))
	}
}

// fails says why the handler fails, "" if it does not.
func (h *health) fails(s Status) string {
	switch {
	case s.Verdict == event.Stuck && s.Class == event.Proven:
		return "something is stuck, proven"
	case s.Verdict == event.Stuck && h.inferred:
		return "something is stuck, inferred"
	case h.complaints && len(s.Complaints) > 0:
		return s.Complaints[0].What
	case h.complaints && draining():
		why, _ := unit.Draining()
		return why
	case s.Verdict == event.Unknown && h.unknown != nil && (s.Age < 0 || s.Age > *h.unknown):
		return s.What
	}
	return ""
}

// draining reports whether contained crashes have escalated.
func draining() bool {
	_, yes := unit.Draining()
	return yes
}

// answer is the body of an answer.
type answer struct {
	OK         bool          `json:"ok"`
	Why        string        `json:"why,omitempty"` // why it is not
	Verdict    event.Verdict `json:"verdict"`
	Class      event.Class   `json:"class"`
	What       string        `json:"what"`
	By         Judge         `json:"by"`
	Age        string        `json:"age,omitempty"` // of the verdict
	Findings   []brief       `json:"findings,omitempty"`
	Complaints []brief       `json:"complaints,omitempty"`
}

// brief is a finding in short: what is served to whoever asks has no stacks.
type brief struct {
	Verdict event.Verdict `json:"verdict"`
	Class   event.Class   `json:"class"`
	What    string        `json:"what"`
	Where   string        `json:"where,omitempty"`
}

func (h *health) answer(s Status) answer {
	why := h.fails(s)
	a := answer{
		OK: why == "", Why: why,
		Verdict: s.Verdict, Class: s.Class, What: s.What, By: s.By,
		Findings: briefs(s.Findings), Complaints: briefs(s.Complaints),
	}
	if s.Age >= 0 {
		a.Age = fmt.Sprintf("%.3fs", s.Age.Seconds())
	}
	return a
}

func briefs(all []event.Finding) []brief {
	var bs []brief
	for _, f := range all {
		b := brief{Verdict: f.Verdict, Class: f.Class, What: f.What}
		if site := f.Place.Site; site.File != "" {
			b.Where = fmt.Sprintf("%s in %s", site.Place(), site.Func)
		}
		bs = append(bs, b)
	}
	return bs
}
