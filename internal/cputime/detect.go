package cputime

// Fault is what is wrong with utime and stime of /proc/PID/stat.
type Fault string

// The faults. They are three views of one: the sum runs ahead of the time that
// was run by a leap, and then stands still until that has come after.
const (
	StandsStill Fault = "stands still" // it has not moved while the process ran
	Leaps       Fault = "leaps"        // it has moved further than the process ran
	IsAhead     Fault = "is ahead"     // it says more than the process has run in its life
)

// The limits, in nanoseconds. Where utime and stime are right, their sum is the
// time that was run, cut off twice to whole hundredths of a second: it is never
// ahead and never more than 20 ms behind (17.9 ms were measured).
const (
	stretch   = 100e6 // a run of which at least something must show
	leapMore  = 30e6  // a leap is more than this, and
	leapRatio = 1.5   // more than this times what was run
	ahead     = 50e6
	behind    = 50e6
	twice     = 2 // that it stood still for a stretch is believed the second time
	enough    = 3 // stretches that must have been right before anything is called right
)

// Evidence is what samples have shown of utime and stime, of one process or of
// several. The zero Evidence shows nothing.
type Evidence struct {
	Processes int   // of which there were samples with a clock
	Stretches int   // of at least 100 ms of CPU time, each within one process
	Still     int   // those of them in which the sum did not move
	Leaps     int   // times it moved by more than 1.5 times what was run, and 30 ms
	Ahead     int   // samples in which it was more than 50 ms ahead
	MostAhead int64 // nanoseconds; 0 if it never was
	Behind    int64 // nanoseconds that it was behind at most
}

// Add adds what was seen of other processes.
func (e *Evidence) Add(o Evidence) {
	e.Processes += o.Processes
	e.Stretches += o.Stretches
	e.Still += o.Still
	e.Leaps += o.Leaps
	e.Ahead += o.Ahead
	e.MostAhead = most(e.MostAhead, o.MostAhead)
	e.Behind = most(e.Behind, o.Behind)
}

// Verdict says whether the kernel that this was seen of has the fault. One that
// has shown nothing of it may still have it: old kernels go wrong only when the
// ticks see a process in other modes than before.
func (e Evidence) Verdict() Verdict {
	switch {
	case e.Still >= twice || e.Leaps > 0 || e.Ahead > 0:
		return Affected
	case e.Stretches < enough || e.Still > 0 || e.Behind > behind:
		return CannotTell
	}
	return NotAffected
}

// detector compares the samples of one process. What it says of a sample without
// a clock is nothing: threads that came and went explain any difference.
type detector struct {
	seen   Evidence
	last   Sample // with a clock, if Processes is not 0
	anchor Sample // where the stretch began
}

func (d *detector) step(s Sample) Fault {
	if !s.Clock() {
		return ""
	}
	if d.seen.Processes == 0 {
		d.seen.Processes = 1
		d.last, d.anchor = s, s
	}
	last, anchor := d.last, d.anchor
	d.last = s
	d.seen.Behind = most(d.seen.Behind, s.Before-s.Stat)
	d.seen.MostAhead = most(d.seen.MostAhead, s.Stat-s.After)

	// Of all that may have been run between two readings of Stat each rule takes
	// what speaks against it.
	still := false
	if s.Before-anchor.After >= stretch {
		d.seen.Stretches++
		d.anchor = s
		if still = s.Stat == anchor.Stat; still {
			d.seen.Still++
		}
	}
	leapt := float64(s.Stat-last.Stat) > leapRatio*float64(s.After-last.Before)+leapMore
	if leapt {
		d.seen.Leaps++
	}
	before := s.Stat-s.After > ahead
	if before {
		d.seen.Ahead++
	}
	switch {
	case still:
		return StandsStill
	case leapt:
		return Leaps
	case before:
		return IsAhead
	}
	return ""
}

func most(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}
