package main

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// settles is how long a run is left alone before its CPU time is counted.
const settles = time.Second

// meter counts the work and the CPU time of a run, once it has settled, by the
// lines that the program tells.
type meter struct {
	agent, program int   // processes; the same if nobody watches
	from           int64 // CLOCK_MONOTONIC nanoseconds at which the run had settled, 0 before

	cpu0, cpu     time.Duration // of all, exact; cpu is since then
	units0, units int64

	at0     int64         // of the line from which on it is counted
	lasted  time.Duration // of what is counted
	helper  int           // the agent's helper, 0 if there is none yet
	helped0 traffic
	helped  traffic // by the helper, since then
}

// line takes a line of the program's into account.
func (m *meter) line(text string) {
	var pid int
	if _, err := fmt.Sscanf(text, "begin %d", &pid); err == nil {
		m.program = pid
		return
	}
	var at, count int64
	if _, err := fmt.Sscanf(text, "work %d %d", &at, &count); err != nil {
		return
	}
	program := processTime(m.program)
	if program == 0 {
		return // it has ended, and has no clock any more
	}
	cpu := program
	var helped traffic
	if m.agent != m.program {
		cpu += processTime(m.agent)
		if m.helper == 0 {
			m.helper = helperOf(m.agent)
		}
		if m.helper != 0 { // 0 would be this very process
			cpu += processTime(m.helper)
			helped = trafficOf(m.helper)
		}
	}
	switch {
	case m.from == 0:
		m.from = at + int64(settles)
	case at < m.from:
	case m.cpu0 == 0:
		m.cpu0, m.units0, m.at0, m.helped0 = cpu, count, at, helped
	default:
		m.cpu, m.units, m.lasted, m.helped = cpu-m.cpu0, count-m.units0, time.Duration(at-m.at0), helped.since(m.helped0)
	}
}

// processTime is the CPU time of a process, threads that have ended included, by
// the clock that the kernel has for each (clock_getcpuclockid(3)). It is 0 for a
// process that is no more.
func processTime(pid int) time.Duration {
	const sched = 2 // CPUCLOCK_SCHED
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^pid<<3|sched), uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
