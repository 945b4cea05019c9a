package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Process tells whether the kernel lets the process run, and how much CPU time
// it has had.
func (k Kernel) Process() event.Process {
	p := event.Process{RanNS: -1}
	stat, err := os.ReadFile(k.path("stat"))
	if err != nil {
		p.Unknown = err.Error()
		return p
	}
	state, ran, err := parseStat(stat)
	if err != nil {
		p.Unknown = fmt.Sprintf("%s: %v", k.path("stat"), err)
		return p
	}
	p.RanNS = ran
	switch {
	case state == 'T':
		p.Paused = "stopped by a signal"
	case state == 't':
		p.Paused = "stopped by a tracer"
	case k.frozen():
		p.Paused = "frozen by its control group"
	}
	return p
}

// tick is the unit of utime and stime: USER_HZ is 100 on every architecture
// that Go runs on.
const tick = 10_000_000

// parseStat returns the state and the CPU time in nanoseconds from a
// /proc/PID/stat line. The name in it may hold anything, parentheses too.
func parseStat(b []byte) (state byte, ran int64, err error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("no name in %.60q", b)
	}
	f := bytes.Fields(b[end+1:])
	const utime, stime = 11, 12 // counted from the state
	if len(f) <= stime || len(f[0]) != 1 {
		return 0, 0, fmt.Errorf("too few fields in %.60q", b)
	}
	u, err := strconv.ParseInt(string(f[utime]), 10, 53)
	if err != nil {
		return 0, 0, fmt.Errorf("user time: %w", err)
	}
	s, err := strconv.ParseInt(string(f[stime]), 10, 53)
	if err != nil {
		return 0, 0, fmt.Errorf("system time: %w", err)
	}
	return f[0][0], (u + s) * tick, nil
}

// frozen asks the control group's freezer, of version 2 (alone, or in a hybrid
// hierarchy) or 1. Without one the answer is no.
func (k Kernel) frozen() bool {
	groups, err := os.ReadFile(k.path("cgroup"))
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(groups), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		if f[0] == "0" && (k.says("frozen 1", f[2], "cgroup.events") || k.says("frozen 1", "unified", f[2], "cgroup.events")) {
			return true
		}
		if f[1] == "freezer" && k.says("FROZEN", "freezer", f[2], "freezer.state") {
			return true
		}
	}
	return false
}

// says reports whether a control group's file is there and has text in it.
func (k Kernel) says(text string, path ...string) bool {
	b, err := os.ReadFile(filepath.Join(append([]string{k.Sys, "fs", "cgroup"}, path...)...))
	return err == nil && strings.Contains(string(b), text)
}
