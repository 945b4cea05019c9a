package proc

import (
	"fmt"
	"os"
	"path/filepath"
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
	s, err := parseStat(stat)
	if err != nil {
		p.Unknown = fmt.Sprintf("%s: %v", k.path("stat"), err)
		return p
	}
	p.RanNS = s.ran()
	switch {
	case s.state == 'T':
		p.Paused = "stopped by a signal"
	case s.state == 't':
		p.Paused = "stopped by a tracer"
	case k.frozen():
		p.Paused = "frozen by its control group"
	}
	return p
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
