package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A run that needs the machine to itself has it; the others fill the room that
// there is, in order.
func TestRunsShareTheMachine(t *testing.T) {
	cases := []scenario{
		{name: "waits"}, {name: "waits too"}, {name: "busy", program: "busy"}, {name: "writes", busyDisk: true},
		{name: "vanishes", want: want{kind: isVanished}}, {name: "waits at last"},
	}
	for _, parallel := range []int{1, 2, 8, 12} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const runs = 20
				var mu sync.Mutex // guards what follows
				now, most, made := map[string]int{}, map[string]int{}, map[string]int{}
				all, begun := 0, 0
				r := runner{parallel: parallel}
				r.start(t.Context(), cases, runs, func(i, run int) {
					c := cases[i]
					mu.Lock()
					now[c.name]++
					all++
					made[c.name]++
					most[c.name] = max(most[c.name], now[c.name])
					most["all"] = max(most["all"], all)
					if c.share(parallel) == parallel && all > 1 {
						t.Errorf("%q is not alone", c.name)
					}
					if i < begun {
						t.Errorf("%q begins after case %d", c.name, begun)
					}
					begun = i
					mu.Unlock()
					time.Sleep(10 * time.Second)
					mu.Lock()
					now[c.name]--
					all--
					mu.Unlock()
				})
				for _, c := range cases {
					if made[c.name] != runs {
						t.Errorf("%q was made %d times, want %d", c.name, made[c.name], runs)
					}
				}
				if most["all"] != parallel || most["waits"] != parallel {
					t.Errorf("at most %d runs went on at a time, %d of one that waits; want %d", most["all"], most["waits"], parallel)
				}
				if got, want := most["writes"], min(parallel, fewDisks); got != want {
					t.Errorf("%d disks were busy at a time, want %d", got, want)
				}
			})
		})
	}
}

// An interrupt ends the table soon, and nothing that was begun is left behind.
func TestInterruptedRunsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var ended atomic.Int32
		start := time.Now()
		runner{parallel: 4}.start(ctx, []scenario{{}, {}, {}}, 20, func(i, run int) {
			if run == 6 {
				stop()
			}
			sleep(ctx, time.Minute)
			ended.Add(1)
		})
		if took := time.Since(start); took > 3*time.Minute || ended.Load() != 60 {
			t.Errorf("%d of 60 runs have ended after %v", ended.Load(), took)
		}
	})
}
