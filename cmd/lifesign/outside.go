package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/judge"
)

// outside watches the threads of one process. It decides nothing: it carries
// samples to the judge and the judge's wishes back.
type outside struct {
	process *observe.Process
	judge   *judge.Judge
	wanted  judge.Actions
}

func newOutside(pid int, m *observe.Machine, o observe.Options) (*outside, error) {
	p, err := observe.Open(pid, m, o)
	if err != nil {
		return nil, err
	}
	every := o.Every
	if every == 0 {
		every = observe.Period(0)
	}
	return &outside{process: p, judge: judge.New(judge.Config{Period: every})}, nil
}

// next waits until a sample is due, takes it and has it judged. An error is
// ctx's, or that of the sample.
func (o *outside) next(ctx context.Context) (event.Sample, judge.Actions, error) {
	if err := o.process.Wait(ctx, o.wanted.States, o.wanted.Resources); err != nil {
		return event.Sample{}, judge.Actions{}, err
	}
	s, err := o.process.Sample(o.wanted.States, o.wanted.Resources)
	if err != nil {
		return s, judge.Actions{}, err
	}
	o.wanted = o.judge.Step(s)
	return s, o.wanted, nil
}

// targets are the processes that a user has named: by number, or by a pattern.
type targets struct {
	pids []int
	name *regexp.Regexp // nil if they were named by number
}

// parseTargets makes targets of a command's arguments and its flag -name.
func parseTargets(args []string, name string) (targets, error) {
	var t targets
	switch {
	case name != "" && len(args) > 0:
		return t, errors.New("either process numbers or -name can be given, not both")
	case name != "":
		re, err := regexp.Compile(name)
		if err != nil {
			return t, fmt.Errorf("-name: %w", err)
		}
		t.name = re
		return t, nil
	case len(args) == 0:
		return t, errors.New("the number of a process is needed, or -name REGEXP (flags come before it)")
	}
	seen := map[int]bool{}
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil || pid <= 0 {
			return t, fmt.Errorf("%q is not the number of a process (-name REGEXP takes names)", a)
		}
		if !seen[pid] {
			t.pids = append(t.pids, pid)
		}
		seen[pid] = true
	}
	return t, nil
}

// find returns the processes that there are.
func (t targets) find(m *observe.Machine) ([]int, error) {
	if t.name == nil {
		return t.pids, nil
	}
	return observe.Named(m, t.name)
}

// atLeast parses a duration that has a least value.
func atLeast(d *time.Duration, least time.Duration) func(string) error {
	return func(s string) error {
		v, err := time.ParseDuration(s)
		if err == nil && v < least {
			err = fmt.Errorf("it must be at least %v", least)
		}
		*d = v
		return err
	}
}
