package main

import (
	"context"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// What a subject tells the harness: lines on standard output, times in
// nanoseconds of CLOCK_MONOTONIC.
//
//	begin PID               who this is
//	work TIME COUNT         so many units of healthy work are done
//	fault TIME              the fault happened; a subject without one never says it
//	end COUNT P50 P99       the totals, latencies of a unit in nanoseconds
//
// Subjects are modules of their own that pin one system each, and share no
// package. This file is the same in all of them, which a test of the harness
// checks.

var (
	dir   = flag.String("dir", "", "an empty directory for stores")
	after = flag.Duration("after", 2*time.Second, "how long until the fault is made; 0 is never")
	lasts = flag.Duration("for", 20*time.Second, "how long in all")
	storm = flag.Duration("storm", 0, "how long each storm of garbage collections lasts, one every 20s; 0 is none")
	bears = flag.Bool("bears", false, "try again what fails, and do not end")
	rate  = flag.Float64("rate", 0, "units of work a second at most; 0 is as fast as it goes")
)

// begin reads the flags and tells of the work, until the time is up or somebody
// ends the program, which is then over whatever stands.
func begin() {
	flag.Parse()
	if *dir == "" {
		fail("ask for a directory", fmt.Errorf("-dir is missing"))
	}
	fmt.Printf("begin %d\n", os.Getpid())
	if *storm > 0 {
		go storms(*storm)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, *lasts)
	go func() {
		defer stop()
		defer cancel()
		for ctx.Err() == nil {
			fmt.Printf("work %d %d\n", now(), done.Load())
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		fmt.Printf("end %d %d %d\n", done.Load(), quantile(0.50), quantile(0.99))
		os.Exit(0)
	}()
}

// storms makes garbage and collects it, again and again.
func storms(d time.Duration) {
	for {
		time.Sleep(20*time.Second - d)
		for end := time.Now().Add(d); time.Now().Before(end); runtime.GC() {
			garbage = make([][]byte, 1000)
			for i := range garbage {
				garbage[i] = make([]byte, 4<<10)
			}
		}
	}
}

var garbage [][]byte // keeps the compiler from doing without

// fail ends a subject that cannot do its work: its run is void.
func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}

// faultDue returns when it is time to make the fault, or never.
func faultDue() {
	if *after <= 0 {
		select {}
	}
	time.Sleep(*after)
}

// now is the clock that processes of a host share.
func now() int64 {
	var ts syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// fault tells that the fault happened at a time.
func fault(at int64) { fmt.Printf("fault %d\n", at) }

// attempt does what a fault keeps from ending. It tells the fault, dated when
// the attempt began, if the attempt is not over within a time that no healthy
// system of this size needs.
func attempt(f func()) (over bool) {
	began := now()
	ended := make(chan struct{})
	go func() {
		f()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-time.After(2 * time.Second):
		fault(began)
		return false
	}
}

var (
	done      atomic.Int64
	latencies [64 * 32]atomic.Int64 // by power of two, and 32 steps within it
)

// work does units for ever, one after another, at the rate wanted of each of
// so many workers. A unit's latency counts from when it was due.
func work(workers int, unit func(i int) error) {
	start := now()
	interval := 0.0
	if *rate > 0 {
		interval = float64(time.Second) / *rate * float64(workers)
	}
	for i := 0; ; i++ {
		due := now()
		if interval > 0 {
			due = start + int64(float64(i)*interval)
			time.Sleep(time.Duration(due - now()))
		}
		for err := unit(i); err != nil; err = unit(i) {
			if !*bears {
				fail("do a unit of work", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		latencies[bucket(now()-due)].Add(1)
		done.Add(1)
	}
}

func bucket(ns int64) int {
	v := uint64(max(ns, 32))
	shift := bits.Len64(v) - 6
	return shift*32 + int(v>>shift)
}

// quantile is the upper end of the bucket that the q-quantile is in.
func quantile(q float64) int64 {
	var all, sum int64
	for i := range latencies {
		all += latencies[i].Load()
	}
	for i := range latencies {
		sum += latencies[i].Load()
		if sum > 0 && float64(sum) >= q*float64(all) {
			shift := i/32 - 1
			return int64(i%32+33) << shift
		}
	}
	return 0
}
