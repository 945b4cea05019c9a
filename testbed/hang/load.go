package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// allowedCPUs returns the CPUs on which this process may run.
func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for the CPUs: %w", err)
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

func lastCPU() int {
	cpus, err := allowedCPUs()
	if err != nil || len(cpus) == 0 {
		return 0
	}
	return cpus[len(cpus)-1]
}

// spin is a busy loop on one CPU: left to the scheduler, all may be given the same.
func spin(cpu int, d time.Duration) error {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("keep to CPU %d: %w", cpu, err)
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return nil
}

// load keeps every core busy until the stage ends.
func load(s *stage, d time.Duration) error {
	cpus, err := allowedCPUs()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, cpu := range cpus {
		if _, err := s.start(exec.Command(self, "-spin", d.String(), "-cpu", strconv.Itoa(cpu))); err != nil {
			return err
		}
	}
	return nil
}
