package cputime

import (
	"math"
	"math/rand"

	"github.com/lifesign-go/lifesign/event"
)

// A model of what a kernel does with a process's CPU time, from the description
// of kernel/sched/cputime.c before and after commit 9d7fb0427648.

const (
	millisecond = int64(1e6)
	second      = int64(1e9)
	jiffy       = 4 * millisecond // HZ=250
)

// accounts is what the kernel keeps of a process: what ran, what the ticks saw,
// and what it has told last.
type accounts struct {
	ran              int64 // nanoseconds: sum_exec_runtime of all threads, those that have ended included
	user, system     int64 // ticks seen in each mode
	toldUser, toldSy int64 // jiffies
}

// adjust is how utime and stime are made when somebody asks, in jiffies.
type adjust func(a *accounts) (user, system int64)

// split divides what ran, in jiffies, in the proportion of the ticks.
func (a *accounts) split() (run, user, system int64) {
	run = a.ran / jiffy
	switch {
	case a.user == 0:
		return run, 0, run
	case a.system == 0:
		return run, run, 0
	}
	system = run * a.system / (a.user + a.system)
	return run, run - system, system
}

// independent is the old way: while what was told is not less than what ran,
// nothing is told anew; else each figure advances by itself, and never goes back.
func independent(a *accounts) (int64, int64) {
	run, user, system := a.split()
	if a.toldUser+a.toldSy < run {
		a.toldSy = most(a.toldSy, system)
		a.toldUser = most(a.toldUser, user)
	}
	return a.toldUser, a.toldSy
}

// together is the mended way: neither figure goes back, and the other one takes
// what is left, so that the sum is what ran.
func together(a *accounts) (int64, int64) {
	run, _, system := a.split()
	if a.toldUser+a.toldSy < run {
		system = most(system, a.toldSy)
		user := run - system
		if user < a.toldUser {
			user = a.toldUser
			system = run - user
		}
		a.toldUser, a.toldSy = user, system
	}
	return a.toldUser, a.toldSy
}

// world is a machine with one process on it.
type world struct {
	adjust  adjust
	load    float64 // processors that the process keeps busy
	threads int     // how many there are at a time
	churn   float64 // threads that end a second, and that others replace
	seen    float64 // part of the CPU time that the ticks see
	late    int64   // how long the reader of a sample may be interrupted
	noClock bool    // the process's clock cannot be read

	rand *rand.Rand
	now  int64
	accounts
	alive []event.Thread // ascending
	next  int
}

// step lets time pass.
func (w *world) step(d int64) {
	for len(w.alive) < w.threads {
		w.next++
		w.alive = append(w.alive, event.Thread{ID: w.next})
	}
	w.now += d
	// The system's share goes from 30 % to 70 % and back in a minute.
	share := 0.5 - 0.2*math.Cos(2*math.Pi*float64(w.now)/float64(60*second))
	for left := w.load * float64(d) * (0.5 + w.rand.Float64()); left > 0; left -= float64(d) {
		ran := int64(math.Min(left, float64(d)))
		w.ran += ran
		w.alive[w.rand.Intn(len(w.alive))].RanNS += ran
		if w.rand.Float64() < w.seen*float64(ran)/float64(jiffy) {
			if w.rand.Float64() < share {
				w.system++
			} else {
				w.user++
			}
		}
	}
	if w.rand.Float64() < w.churn*float64(d)/float64(second) {
		i := w.rand.Intn(len(w.alive))
		w.alive = append(w.alive[:i], w.alive[i+1:]...)
	}
}

// stat is utime+stime of /proc/PID/stat, each cut off to hundredths of a second.
func (w *world) stat() int64 {
	user, system := w.adjust(&w.accounts)
	return (user*jiffy/tick + system*jiffy/tick) * tick
}

// interrupt is what may happen to a reader between two readings.
func (w *world) interrupt() {
	if w.late > 0 && w.rand.Intn(10) == 0 {
		for end := w.now + w.rand.Int63n(w.late); w.now < end; {
			w.step(jiffy)
		}
	}
}

// sample reads the process as a sampler does.
func (w *world) sample() Sample {
	s := Sample{Before: w.ran}
	w.interrupt()
	s.Stat = w.stat()
	w.interrupt()
	s.After, s.At = w.ran, w.now
	if w.noClock {
		s.Before, s.After = -1, -1
	}
	s.Threads = append([]event.Thread{}, w.alive...)
	return s
}

// wait lets time pass until the next sample is due.
func (w *world) wait(d int64) {
	for end := w.now + d; w.now < end; {
		w.step(jiffy)
	}
}
