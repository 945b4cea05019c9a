package pause

import "time"

// Gap is a tick that came late, or clocks that went apart.
type Gap struct {
	From      int64         // the tick before
	Due       int64         // when this one was due
	Until     int64         // when it came
	Suspended time.Duration // by how much CLOCK_BOOTTIME went on alone
	RanNS     int64         // CPU time of the process since the tick before; -1 if it is not known
}

// Length is how long nothing ran, at least.
func (g Gap) Length() time.Duration {
	if g.Suspended > 0 {
		return g.Suspended
	}
	return time.Duration(g.Until - g.Due)
}

// Clocks finds gaps in a row of ticks. It knows no clock.
type Clocks struct {
	Least time.Duration // shorter gaps are none

	mono, boot, ran, due int64
}

// Tick takes both clocks at a tick, the CPU time of the process (-1 if it is not
// known), and when the next tick is due. It returns the gap that this one ends, if it
// does.
func (c *Clocks) Tick(mono, boot, ran, next int64) (Gap, bool) {
	g := Gap{From: c.mono, Due: c.due, Until: mono, RanNS: grown(c.ran, ran)}
	first := c.due == 0
	apart := time.Duration((boot - c.boot) - (mono - c.mono))
	c.mono, c.boot, c.ran, c.due = mono, boot, ran, next
	if first {
		return Gap{}, false
	}
	if apart >= c.Least {
		g.Suspended = apart
	}
	return g, g.Suspended > 0 || time.Duration(mono-g.Due) >= c.Least
}
