//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// mapping reads a mapped file that has become shorter.
func mapping(bool) error {
	f, err := os.CreateTemp("", "crashes-")
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	if err := f.Truncate(1 << 16); err != nil {
		return err
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, 1<<16, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map a file: %w", err)
	}
	defer syscall.Munmap(mem)
	if err := f.Truncate(0); err != nil {
		return err
	}
	zero += int(mem[1<<15])
	return nil
}

// memory runs out of memory under a limit of its own.
func memory(bool) error {
	const limit = 1 << 30
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("limit the address space: %w", err)
	}
	for {
		kept = append(kept, make([]byte, 64<<20))
	}
}
