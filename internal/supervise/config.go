package supervise

import (
	"fmt"
	"time"
)

// Policy says after which ends a program is started again.
type Policy string

// The policies.
const (
	Never   Policy = "no"
	OnCrash Policy = "on-crash"
	Always  Policy = "always"
)

// Verdicts are those that lead to a restart.
type Verdicts struct {
	Stuck    bool // stuck, proven
	Inferred bool // stuck, inferred, by two sources, for the action budget
	Vanished bool // vanished, proven
}

// Config is what the user wants. What is zero has the default that Defaults names.
type Config struct {
	Restart Policy
	On      Verdicts

	Readiness bool          // a start is over when the program says that it is ready
	Deadline  time.Duration // for a start that is to become ready; 0 has none

	Grace     time.Duration // from SIGTERM to SIGQUIT
	QuitGrace time.Duration // from SIGQUIT to SIGKILL
	KillGrace time.Duration // from SIGKILL to "unkillable"

	Base  time.Duration // the longest wait before the first restart
	Max   time.Duration // the longest wait before any
	Loop  int           // so many restarts without a quiet time are a crash loop
	Quiet time.Duration // up for so long is quiet

	Budget time.Duration // how long stuck, inferred, must have stood
	Seed   uint64        // of the jitter
}

// Defaults are what is taken for what a Config leaves zero. The grace is that of
// docker stop, the budget the action budget of lifesign's design; the rest was
// chosen.
var Defaults = Config{
	Restart: Never,
	Grace:   10 * time.Second, QuitGrace: 2 * time.Second, KillGrace: 5 * time.Second,
	Base: 100 * time.Millisecond, Max: 30 * time.Second, Loop: 5, Quiet: time.Minute,
	Budget: 10 * time.Second,
}

func (c Config) filled() Config {
	d := Defaults
	if c.Restart == "" {
		c.Restart = d.Restart
	}
	for _, f := range []struct {
		have *time.Duration
		def  time.Duration
	}{
		{&c.Grace, d.Grace}, {&c.QuitGrace, d.QuitGrace}, {&c.KillGrace, d.KillGrace},
		{&c.Base, d.Base}, {&c.Max, d.Max}, {&c.Quiet, d.Quiet}, {&c.Budget, d.Budget},
	} {
		if *f.have <= 0 {
			*f.have = f.def
		}
	}
	if c.Loop <= 0 {
		c.Loop = d.Loop
	}
	if c.Max < c.Base {
		c.Max = c.Base
	}
	return c
}

// Signal is what a program is sent.
type Signal string

// The signals of a stop. Interrupt is SIGTERM's place when a user has typed ^C.
const (
	Terminate Signal = "SIGTERM"
	Interrupt Signal = "SIGINT"
	Quit      Signal = "SIGQUIT"
)

// Exit is how a program has ended.
type Exit struct {
	Known  bool // whether anybody knows
	Status int  // if it was by exit
	Signal int  // if it was by a signal, else 0
	Name   string
}

// benign are the signals by which a program is ended on purpose: SIGHUP, SIGINT,
// SIGPIPE, SIGTERM, by their numbers on every Linux.
var benign = map[int]bool{1: true, 2: true, 13: true, 15: true}

// Crash reports whether e is one, by rule 2.
func (e Exit) Crash() bool {
	switch {
	case !e.Known:
		return true
	case e.Signal != 0:
		return !benign[e.Signal]
	}
	return e.Status != 0
}

func (e Exit) String() string {
	switch {
	case !e.Known:
		return "its exit status is unknown"
	case e.Signal != 0 && e.Name != "":
		return "it was ended by " + e.Name
	case e.Signal != 0:
		return fmt.Sprintf("it was ended by signal %d", e.Signal)
	}
	return fmt.Sprintf("it exited with status %d", e.Status)
}
