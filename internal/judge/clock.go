package judge

import (
	"math"

	"github.com/lifesign-go/lifesign/event"
)

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
// judged: a paused process cannot. An interval longer than late is void, unless
// the watcher meant it to be so long.
func (c *clock) advance(s event.Sample, late int64) bool {
	paused := s.Process.Paused != ""
	if c.started {
		c.ticks++
		// Subtracting may overflow for hostile times; it is then negative or
		// too long, and void either way, unless s.At came before c.at.
		d := s.At - c.at
		if paused || c.paused || s.At <= c.at || d <= 0 || d > longest(d, s.Node, late) {
			c.void++
			c.epoch++
		} else {
			c.honest += d
		}
	}
	c.started, c.at, c.paused = true, s.At, paused
	return !paused
}

// longest returns how long an interval of d may be to count: as usual, or three
// times what the watcher meant it to be. A watcher that looks at many threads takes
// its time, and says by how much it was late; the rest was meant.
func longest(d int64, n *event.Node, usual int64) int64 {
	if n == nil || n.Late < 0 || n.Late > d {
		return usual
	}
	if meant := d - n.Late; meant > usual/3 && meant < math.MaxInt64/3 {
		return 3 * meant
	}
	return usual
}
