package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "program")
	script := `#!/bin/sh
echo begin $$
echo work 2 3
echo work 1000000002 4
echo work 1000000003 9
[ "$1" = -dir ] && [ -d "$2" ] && sleep 0.2 && echo end 10 20 30
`
	if err := os.WriteFile(name, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	f := flags{time: 2 * time.Second}
	r, err := f.once(t.Context(), program{argv: []string{name}, out: io.Discard})
	if err != nil || r.units != 10 || r.p50 != 20 || r.p99 != 30 || r.perSecond(f.time) != 5 || r.steady.units != 5 {
		t.Errorf("once = %+v, %v", r, err)
	}
	if _, err := f.once(t.Context(), program{argv: []string{"true"}, out: io.Discard}); err == nil {
		t.Error("a program that does no work is no error")
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{9, 1, 5, 7}); got != 5 {
		t.Errorf("median is %v, want 5", got)
	}
}

// TestMeter: what is counted is the work and the CPU time since the run has settled.
func TestMeter(t *testing.T) {
	m := meter{agent: os.Getpid()}
	m.line(fmt.Sprintf("begin %d", os.Getpid()))
	m.line("work 5 10")
	burn(20 * time.Millisecond)
	m.line("work 1000000005 20")
	before := processTime(os.Getpid())
	burn(50 * time.Millisecond)
	m.line("work 1000000006 25")
	if most := processTime(os.Getpid()) - before + 10*time.Millisecond; m.units != 5 || m.cpu < 50*time.Millisecond || m.cpu > most {
		t.Errorf("%d units in %v, want 5 in 50 ms to %v", m.units, m.cpu, most)
	}
}

// burn uses the processor for as long as d, by the process's own clock.
func burn(d time.Duration) {
	for end := processTime(os.Getpid()) + d; processTime(os.Getpid()) < end; {
	}
}
