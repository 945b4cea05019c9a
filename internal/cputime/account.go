package cputime

import "github.com/lifesign-go/lifesign/event"

// Sample is what was read of one process at one instant. All times are in
// nanoseconds.
type Sample struct {
	At int64 // CLOCK_MONOTONIC when After was read; without a clock, when Threads were

	// The process's clock, read just before and just after Stat, so that however
	// long the reader was interrupted, what is right for Stat lies between. Both
	// are -1 if it cannot be read.
	Before, After int64

	Stat    int64          // utime and stime of /proc/PID/stat together
	Threads []event.Thread // at DepthCounters, ascending by ID; nil if they were not read
}

// Clock reports whether the process's clock was read.
func (s Sample) Clock() bool { return s.Before >= 0 && s.After >= 0 }

// Interval is what a process did between two samples.
type Interval struct {
	From, To int64 // CLOCK_MONOTONIC
	Ran      int64 // CPU time
	Exact    bool  // Ran has the threads that have come and gone; if not, it is a lower bound
	Stat     int64 // CPU time as /proc/PID/stat tells it
	Fault    Fault // what is wrong with Stat, "" if nothing

	Threads []ThreadTime // what each thread that is there now has run; valid until the next Step
	Ended   int64        // what is left of Ran: threads that are no longer there; 0 unless Threads were read, and Ran is exact
}

// ThreadTime is the CPU time of a thread.
type ThreadTime struct {
	ID  int
	Ran int64
}

// Share returns the CPU time in percent of one processor.
func (i Interval) Share() float64 { return percent(i.Ran, i.To-i.From) }

// EndedShare returns the part of threads that are no longer there.
func (i Interval) EndedShare() float64 { return percent(i.Ended, i.To-i.From) }

// StatShare returns what /proc/PID/stat makes of it.
func (i Interval) StatShare() float64 { return percent(i.Stat, i.To-i.From) }

// Share returns a thread's part in percent of one processor.
func (t ThreadTime) Share(i Interval) float64 { return percent(t.Ran, i.To-i.From) }

func percent(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Account adds up the samples of one process. The zero Account is ready to use.
type Account struct {
	detector detector
	started  bool
	last     Sample       // without its threads
	total    int64        // CPU time since the process was started
	threads  []ThreadTime // CPU time so far, as the last sample had it
	spare    []ThreadTime // the one before, to be used again
	moved    []ThreadTime // what an Interval shows
}

// Step takes the next sample. It returns what the process has done since the one
// before; ok is false for the first.
func (a *Account) Step(s Sample) (i Interval, ok bool) {
	ran := a.step(s.Threads)
	fault := a.detector.step(s)
	last := a.last
	a.last, a.last.Threads = s, nil
	if !a.started {
		a.started = true
		a.total = s.After
		if !s.Clock() {
			// Those that ended before the first sample are known to utime and stime alone.
			a.total = ran
			if s.Stat > ran {
				a.total = s.Stat
			}
		}
		return Interval{}, false
	}
	i = Interval{From: last.At, To: s.At, Ran: ran, Stat: s.Stat - last.Stat, Fault: fault, Threads: a.moved}
	if s.Clock() && last.Clock() {
		i.Exact = true
		i.Ran = s.After - last.After
		if s.Threads != nil && i.Ran > ran {
			i.Ended = i.Ran - ran
		}
	}
	if i.Ran < 0 { // kernels before 3.18 may count a thread that ends twice for a moment
		i.Ran = 0
	}
	a.total += i.Ran
	return i, true
}

// Total returns the CPU time of the process since it was started. It never goes
// back.
func (a *Account) Total() int64 { return a.total }

// Evidence returns what the samples have shown of the kernel's utime and stime.
func (a *Account) Evidence() Evidence { return a.detector.seen }

// step returns what the threads have run since the last sample. Both lists
// ascend, so one walk finds who came and who went; a thread that has run less
// than before is another one of that number.
func (a *Account) step(threads []event.Thread) (ran int64) {
	now, moved, before := a.spare[:0], a.moved[:0], a.threads
	for _, t := range threads {
		for len(before) > 0 && before[0].ID < t.ID {
			before = before[1:]
		}
		d := t.RanNS
		sum := d
		if len(before) > 0 && before[0].ID == t.ID {
			switch was := before[0].Ran; {
			case t.Err != "": // it could not be read: the next sample has the rest
				d, sum = 0, was
			case d >= was:
				d -= was
			}
			before = before[1:]
		}
		ran += d
		now = append(now, ThreadTime{t.ID, sum})
		moved = append(moved, ThreadTime{t.ID, d})
	}
	a.spare, a.threads, a.moved = a.threads, now, moved
	return ran
}
