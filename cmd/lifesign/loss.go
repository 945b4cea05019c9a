package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// losses looks for what the agent has lost sight of, and says so once each.
type losses struct {
	say     func(string)
	image   uint64 // of the program that has claimed the page, 0 if unknown
	looked  time.Time
	crowded bool
}

// imagePeriod is the time between two looks for another program in the
// process. An exec keeps the process, and nothing in the page tells of it.
const imagePeriod = time.Second

// look reports whether the program is still there. pid has claimed the page.
func (l *losses) look(pid int, s event.Sample) (there bool) {
	if s.Lost > 0 && !l.crowded {
		l.crowded = true
		l.say(fmt.Sprintf("there are more goroutines than the vitals page has room for (%d had none so far): what those without do is not watched, and nothing is proven that they could end", s.Lost))
	}
	if time.Since(l.looked) < imagePeriod {
		return true
	}
	l.looked = time.Now()
	now := image(pid)
	if l.image == 0 {
		l.image = now
	}
	if now == 0 || now == l.image {
		return true
	}
	l.say("nothing is watched any more: the process has executed another program in its place")
	return false
}

// image returns a number that changes when process pid executes a program: the
// address that its stack began at, which the kernel chooses by chance each time.
// It is 0 if the kernel does not tell.
func image(pid int) uint64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field is a name in brackets, with anything in it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const startStack = 28 - 3 // of proc_pid_stat(5), counted from the third
	if len(fields) <= startStack {
		return 0
	}
	n, err := strconv.ParseUint(string(fields[startStack]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
