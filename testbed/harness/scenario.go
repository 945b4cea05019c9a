package main

import (
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/subject"
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

	self *subject.Case // of a subject that is its own load
	env  []string      // NATS only: of the server, NAME=VALUE
}

// disturbance is what is done to a server in the middle of its load.
type disturbance string

const (
	undisturbed disturbance = ""
	stopped     disturbance = "stopped" // SIGSTOP, and SIGCONT after disturbed
	starved     disturbance = "starved" // all CPUs taken by busy loops of higher priority
	everything  disturbance = "both in turn, again and again"
)

const (
	disturbed = 5 * time.Second
	before    = 3 * time.Second // of undisturbed load
	after     = 4 * time.Second
	pause     = 12 * time.Second // between disturbances that come again and again
	patience  = 15 * time.Second // for the fault to occur, it takes some milliseconds, and to be found
)

const (
	faulty = "nats7458"
	mended = "nats7458mended"
)

// Without direct gets the fault cannot occur.
var (
	fifty    = []string{"-publishers", "40", "-getters", "10"} // connections
	noGets   = []string{"-getters", "0"}
	lateGets = []string{"-gets-after", (before + disturbed + after).String()}
)

// The subjects that are their own load: those with a fault, and those in which
// it is mended.
var (
	faults = []string{"raft503", "prom13861", "badger1529", "bboltremap", "pebblehang", "sarama2378", "etcd", "promtsdb", "badger"}
	mends  = []string{"prom13861mended", "badger1529mended", "sarama2378mended"}
	// Some that are woven in seconds, one of each kind of fault.
	quick = []string{"raft503"}
)

// full is what `make testbed` runs.
func full(modules map[string]subject.Module, runs int, quiet time.Duration) []scenario {
	s := []scenario{
		baseline(),
		fault(runs),
		{name: "mended", subject: mended, lasts: quiet},
	}
	s = append(s, cases(modules, faults, runs)...)
	s = append(s, cases(modules, mends, 1)...)
	return append(s, disturbances()...)
}

// short is what `make test` runs. How long a finding takes is told and not
// graded: tests run on machines that do other work too.
func short(modules map[string]subject.Module) []scenario {
	once := fault(1)
	once.expect = readAgain.untimed()
	s := []scenario{
		once,
		{name: "mended", subject: mended, lasts: 20 * time.Second},
		{name: "mended, stopped", subject: mended, disturb: stopped},
		{name: "mended, 50 connections", subject: mended, load: fifty, lasts: 40 * time.Second, disturb: everything},
	}
	return append(s, cases(modules, quick, 1)...)
}

// cases are those that the subjects' own files describe.
func cases(modules map[string]subject.Module, names []string, runs int) []scenario {
	var all []scenario
	for _, name := range names {
		for _, c := range modules[name].Cases {
			s := scenario{name: c.Name, subject: name, self: &c, runs: runs, hangs: len(c.Ought.Places) > 0, lasts: before + patience}
			if c.Disk {
				s.lasts = before + 2*patience + recovery
			}
			all = append(all, s)
		}
	}
	return all
}

// controls are real systems without a fault under full load, stopped, starved
// and made to collect garbage again and again: nothing is to be found.
func controls(d time.Duration) []scenario {
	storm := []string{"-storm", "5s"}
	alone := &subject.Case{}
	return []scenario{
		{name: "etcd, watches and puts", subject: "etcd", self: alone, load: storm, lasts: d, disturb: everything},
		{name: "JetStream, 50 connections", subject: mended, load: fifty, lasts: d, disturb: everything},
		{name: "JetStream, collecting garbage", subject: mended, load: fifty, lasts: d, env: []string{"GOGC=1", "GOMEMLIMIT=1MiB"}},
		{name: "prometheus notifier", subject: "prom13861mended", self: alone, load: storm, lasts: d, disturb: everything},
		{name: "prometheus tsdb", subject: "promtsdb", self: alone, load: append(storm, "-rate", "4000"), lasts: d, disturb: everything},
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
	if s.disturb != undisturbed && s.disturb != everything {
		d = before + disturbed + after
		if s.hangs {
			d += patience
		}
	}
	return d
}

// ought is what a finding ought to name.
func (s scenario) ought() []subject.Place {
	switch {
	case s.self != nil:
		return s.self.Ought.Places
	case s.expect != nil:
		return s.expect.places()
	}
	return nil
}
