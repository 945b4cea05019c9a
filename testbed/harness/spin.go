package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// cpuSet is the kernel's cpu_set_t: a bit a CPU.
type cpuSet [16]uint64

func (s *cpuSet) has(cpu int) bool { return s[cpu/64]&(1<<(cpu%64)) != 0 }
func (s *cpuSet) add(cpu int)      { s[cpu/64] |= 1 << (cpu % 64) }

// allowedCPUs returns the CPUs on which this process, and so the server, may run.
func allowedCPUs() ([]int, error) {
	var set cpuSet
	_, _, errno := syscall.Syscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		return nil, fmt.Errorf("ask for the CPUs: %w", errno)
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set.has(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// spin is the busy loop. It stays on its CPU: left to the scheduler, on a
// machine with other work, all loops may be given the same, and the server
// lives well on another.
func spin(cpu int, d time.Duration) error {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	var set cpuSet
	set.add(cpu)
	_, _, errno := syscall.Syscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		return fmt.Errorf("keep to CPU %d: %w", cpu, errno)
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return nil
}
