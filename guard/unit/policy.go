package unit

import (
	"fmt"
	"time"
)

// Config says how many crashes are contained, and what then. The zero Config is
// the default.
type Config struct {
	Most   int           // crashes that are contained in Within; 0 is 10
	Same   int           // crashes with one fingerprint that are contained in Within; 0 is 5
	Within time.Duration // 0 is a minute
	Grace  time.Duration // from escalation to the end of the program; 0 is 10 seconds, less than 0 never ends it

	// Report, if not nil, is told of each crash, on a goroutine of its own, instead
	// of the standard logger. One that does not return in time is not called again
	// until it has: then crashes are counted only.
	Report func(*Crash)

	// Dumps is the directory for minidumps of crashes; if it is "", the environment
	// variable LIFESIGN_DUMPS names it, or there are none. They are written, four a
	// minute at most, by the goroutine that reports: a crash does not wait for them.
	Dumps string

	// Drain, if not nil, is called once, on a goroutine of its own, when crashes
	// escalate, to stop taking work. Draining reports true by then.
	Drain func(why string)
}

func (c Config) fill() Config {
	if c.Most == 0 {
		c.Most = 10
	}
	if c.Same == 0 {
		c.Same = 5
	}
	if c.Within == 0 {
		c.Within = time.Minute
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	return c
}

// tally decides which crash is one too many. It is pure: time is that of the
// crashes.
type tally struct {
	recent []recent // in Within, oldest first
}

type recent struct {
	at          time.Time
	fingerprint uint64
}

// add counts a crash and returns why it escalates, "" if it does not.
func (t *tally) add(c *Crash, cfg Config) string {
	keep := t.recent[:0]
	same := 1
	for _, r := range t.recent {
		if c.At.Sub(r.at) < cfg.Within {
			keep = append(keep, r)
			if r.fingerprint == c.Fingerprint {
				same++
			}
		}
	}
	t.recent = append(keep, recent{c.At, c.Fingerprint})
	switch why := left(c); {
	case why != "":
		return why
	case same > cfg.Same:
		return fmt.Sprintf("the same crash %d times in %v", same, cfg.Within)
	case len(t.recent) > cfg.Most:
		return fmt.Sprintf("%d crashes in %v", len(t.recent), cfg.Within)
	}
	return ""
}

// left returns why c escalates whatever number it has, "" if it does not.
func left(c *Crash) string {
	switch {
	case len(c.Locks) > 0:
		return fmt.Sprintf("a unit has crashed and left %s locked", c.Locks[0])
	case c.Region != "":
		return fmt.Sprintf("a unit has crashed in the region %s, which the program would go on without", c.Region)
	}
	return ""
}
