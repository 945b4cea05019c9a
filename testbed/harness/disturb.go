package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
)

// disturbAll disturbs a process once the load has lasted for a while, and, if
// the scenario says so, again and again in turn until the load is over.
func (s scenario) disturbAll(ctx context.Context, pid int, over <-chan struct{}, story *loadStory) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	turns := []disturbance{s.disturb}
	if s.disturb == everything {
		turns = []disturbance{stopped, starved}
	}
	for i := 0; ; i++ {
		wait(ctx, before)
		story.mark(&story.from)
		if ctx.Err() != nil {
			return nil
		}
		err := turns[i%len(turns)].apply(ctx, pid)
		story.mark(&story.to)
		if err != nil || s.disturb != everything {
			return err
		}
		wait(ctx, pause)
	}
}

// apply disturbs the process for as long as disturbed says, and undoes it.
func (d disturbance) apply(ctx context.Context, pid int) error {
	switch d {
	case stopped:
		return stop(ctx, pid)
	case starved:
		return starve(ctx, pid)
	}
	return nil
}

func stop(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	wait(ctx, disturbed)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		return fmt.Errorf("continue process %d: %w", pid, err)
	}
	return nil
}

// lowest is the weakest claim to the CPU: one part in 68 of that of a busy
// loop with the ordinary nice value 0.
const lowest = 19

// starve takes every CPU with a busy loop of its own, and gives the server the
// lowest priority until then, or, without the privilege to take it back, for
// good.
func starve(ctx context.Context, pid int) error {
	if err := renice(pid, lowest); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the busy loop: %w", err)
	}
	cpus, err := allowedCPUs()
	if err != nil {
		return err
	}
	var loops []*child.Proc
	defer func() {
		_ = renice(pid, 0) // which takes privileges
		for _, l := range loops {
			l.Stop(0)
		}
	}()
	for _, cpu := range cpus {
		// A loop ends by itself too, should the harness be killed.
		l, err := child.Start(exec.CommandContext(ctx, self, "-spin", (2 * disturbed).String(), "-cpu", strconv.Itoa(cpu)))
		if err != nil {
			return fmt.Errorf("start a busy loop: %w", err)
		}
		loops = append(loops, l)
	}
	wait(ctx, disturbed)
	return nil
}

// renice lowers every thread of the process. Those made later inherit it.
func renice(pid, nice int) error {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("list the threads of process %d: %v", pid, err)
	}
	for _, name := range names {
		tid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			return fmt.Errorf("list the threads of process %d: %w", pid, err)
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, tid, nice); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("renice thread %d: %w", tid, err)
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
