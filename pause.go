package lifesign

import (
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/pause"
)

// toldPause is the length from which on a pause is a finding: shorter ones are
// ordinary on a machine that is shared.
const toldPause = 200 * time.Millisecond

// WatchPauses looks for stretches of time in which nothing of the program ran, until
// stop is called, and says why (package pause). Those of 200 ms and more are findings:
// an agent tells them, which gets them by the vitals page, and so does Watch. Of each
// kind at most one in ten seconds is told. o.Report is called with all of them.
//
// A pause is never counted against the program: the judge leaves out time in which
// who looks was late, or the process did not run, whether it is told here or not.
func WatchPauses(o pause.Options) (stop func(), err error) {
	t := pauseTeller{report: o.Report, told: map[pause.Kind]int64{}}
	o.Report = t.pause
	w, err := pause.Watch(o)
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return func() { once.Do(w.Stop) }, nil
}

// pauseTeller tells pauses. It is called by one goroutine at a time.
type pauseTeller struct {
	report func(pause.Pause)
	told   map[pause.Kind]int64 // when one of a kind was told last
}

func (t *pauseTeller) pause(p pause.Pause) {
	last, any := t.told[p.Kind]
	if p.Kind.Pauses() && p.Length >= toldPause && (!any || p.Until-last >= quiet) {
		t.told[p.Kind] = p.Until
		complaints.mention(p.Finding())
	}
	if t.report != nil {
		t.report(p)
	}
}
