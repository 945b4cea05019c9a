package proc

import (
	"fmt"
	"os"

	"github.com/lifesign-go/lifesign/event"
)

// Process tells whether the kernel lets the process run, how much CPU time it has
// had, and how often its quota of that was used up.
func (k Kernel) Process() event.Process {
	p := event.Process{RanNS: -1}
	stat, err := os.ReadFile(k.path("stat"))
	if err != nil {
		p.Unknown = err.Error()
		return p
	}
	s, err := parseStat(stat)
	if err != nil {
		p.Unknown = fmt.Sprintf("%s: %v", k.path("stat"), err)
		return p
	}
	groups := k.groups()
	p.RanNS, p.Throttled = s.ran(), k.quota(groups)
	switch {
	case s.state == 'T':
		p.Paused = "stopped by a signal"
	case s.state == 't':
		p.Paused = "stopped by a tracer"
	case k.frozen(groups):
		p.Paused = "frozen by its control group"
	}
	return p
}
