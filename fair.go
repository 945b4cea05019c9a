package lifesign

import "time"

// stopwatch counts the time in which this process could run, as far as it can
// tell: it is looked at once in a slice, and an interval in which it was not is
// not counted. Whoever was stopped, frozen, suspended or starved with it has
// had no chance either.
type stopwatch struct {
	slice   time.Duration // between two looks, if all is well
	last    time.Time     // of the last look
	counted time.Duration
}

// late is how many slices an interval may be long and still counts, as it is
// with the judge's samples.
const late = 3

// newStopwatch returns one that is fine enough for a budget.
func newStopwatch(budget time.Duration, now time.Time) stopwatch {
	slice := budget / 8
	switch {
	case slice > 100*time.Millisecond:
		slice = 100 * time.Millisecond
	case slice < time.Millisecond:
		slice = time.Millisecond
	}
	return stopwatch{slice: slice, last: now}
}

// look counts the interval that ends now.
func (s *stopwatch) look(now time.Time) time.Duration {
	if d := now.Sub(s.last); d > 0 && d <= late*s.slice {
		s.counted += d
	}
	s.last = now
	return s.counted
}
