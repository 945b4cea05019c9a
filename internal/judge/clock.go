package judge

import "github.com/lifesign-go/lifesign/event"

// clock counts the time that may be held against somebody: that of the
// intervals between two samples in which, as far as can be told, both the
// watcher and the watched could run.
type clock struct {
	started bool
	at      int64 // when the last sample was taken
	paused  bool  // it found the process paused
	honest  int64 // nanoseconds counted so far
	epoch   int   // grows with every void interval: what stood before it has to stand anew
	ticks   int   // intervals so far
	void    int   // those of them that were not counted
}

// advance takes the time of s into account and reports whether s can be
// judged: a paused process cannot. An interval longer than late is void.
func (c *clock) advance(s event.Sample, late int64) bool {
	paused := s.Process.Paused != ""
	if c.started {
		c.ticks++
		// Subtracting may overflow for hostile times; it is then negative or
		// too long, and void either way, unless s.At came before c.at.
		d := s.At - c.at
		if paused || c.paused || s.At <= c.at || d <= 0 || d > late {
			c.void++
			c.epoch++
		} else {
			c.honest += d
		}
	}
	c.started, c.at, c.paused = true, s.At, paused
	return !paused
}
