package main

import (
	"time"
)

// scenario is a subject, what is done to it, and what must be found.
type scenario struct {
	name    string
	subject string   // the module below testbed
	alone   bool     // plain and without lifesign: what is known without it
	load    []string // natsload's flags beside the server's address
	lasts   time.Duration
	disturb disturbance
	hangs   bool // the server has a fault that this load meets
	runs    int
	expect  *expectation
}

// disturbance is what is done to a server in the middle of its load.
type disturbance string

const (
	undisturbed disturbance = ""
	stopped     disturbance = "stopped" // SIGSTOP, and SIGCONT after disturbed
	starved     disturbance = "starved" // all CPUs taken by busy loops of higher priority
)

const (
	disturbed = 5 * time.Second
	before    = 3 * time.Second // of undisturbed load
	after     = 4 * time.Second
	patience  = 15 * time.Second // for the fault to occur, it takes some milliseconds
)

const (
	faulty = "nats7458"
	mended = "nats7458mended"
)

// Without direct gets the fault cannot occur.
var (
	noGets   = []string{"-getters", "0"}
	lateGets = []string{"-gets-after", (before + disturbed + after).String()}
)

// full is what `make testbed` runs.
func full(runs int, quiet time.Duration) []scenario {
	s := []scenario{
		baseline(),
		fault(runs),
		{name: "mended", subject: mended, lasts: quiet},
	}
	return append(s, disturbances()...)
}

// short is what `make test` runs. How long a finding takes is told and not
// graded: tests run on machines that do other work too.
func short() []scenario {
	once := fault(1)
	once.expect = readAgain.untimed()
	return []scenario{
		once,
		{name: "mended", subject: mended, lasts: 20 * time.Second},
		{name: "mended, stopped", subject: mended, disturb: stopped},
	}
}

// soak repeats everything that must stay silent for about d.
func soak(d time.Duration) []scenario {
	const share = 4 // a quarter of the time for the disturbances
	s := []scenario{{name: "mended", subject: mended, lasts: d - d/share}}
	round := time.Duration(len(disturbances())) * (before + disturbed + after)
	for range max(1, d/share/round) {
		s = append(s, disturbances()...)
	}
	return s
}

func fault(runs int) scenario {
	return scenario{name: faulty, subject: faulty, lasts: patience, hangs: true, runs: runs, expect: &readAgain}
}

func baseline() scenario {
	return scenario{name: faulty + " alone", subject: faulty, lasts: patience, hangs: true, alone: true}
}

// disturbances are what must not be taken for a fault, and, last, a fault
// after each: lifesign must not be silent because it went blind.
func disturbances() []scenario {
	return []scenario{
		{name: "mended, stopped", subject: mended, disturb: stopped},
		{name: "mended, starved", subject: mended, disturb: starved},
		{name: "faulty without gets, stopped", subject: faulty, disturb: stopped, load: noGets},
		{name: "faulty without gets, starved", subject: faulty, disturb: starved, load: noGets},
		{name: "stopped, then the fault", subject: faulty, disturb: stopped, load: lateGets, hangs: true, expect: &readAgain},
		{name: "starved, then the fault", subject: faulty, disturb: starved, load: lateGets, hangs: true, expect: &readAgain},
	}
}

// duration is how long the load lasts.
func (s scenario) duration() time.Duration {
	d := s.lasts
	if s.disturb != undisturbed {
		d = before + disturbed + after
		if s.hangs {
			d += patience
		}
	}
	return d
}
