package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// queued is a finding like that of NATS 2.12.1.
func queued() event.Finding {
	site := func(kind event.Kind, line int, fn string) event.Site {
		return event.Site{Kind: kind, Package: "example.com/m/server", File: "/src/server/stream.go", Line: line, Func: fn, Object: "server.stream.mu"}
	}
	again := &event.Step{Site: site(event.RLock, 1339, "(*stream).lastSeq"), Object: 1, Since: 1e9}
	held := &event.Step{Site: site(event.RLock, 5176, "(*stream).get"), Object: 1, Since: 1e9}
	write := &event.Step{Site: site(event.RWLock, 5344, "(*stream).put"), Object: 1, Since: 1e9}
	loop := site(event.Region, 900, "(*client).readLoop")
	return event.Finding{
		Verdict: event.Stuck, Class: event.Proven, At: 1_860_000_000, Cycle: true,
		What:  "goroutine 7 waits for a read lock on server.stream.mu that it already holds; goroutine 9 queues for the write lock between the two",
		Place: *again,
		Chain: []event.Link{
			{Goroutine: 7, Waits: again, Holds: held, Region: &loop, Stack: []event.Frame{
				{Func: "runtime.gopark", File: "/go/proc.go", Line: 1},
				{Func: "sync.(*RWMutex).RLock", File: "/go/rwmutex.go", Line: 2},
				{Func: "github.com/lifesign-go/lifesign/hook.RLock", File: "/src/hook/lock.go", Line: 3},
				{Func: "example.com/m/server.(*stream).lastSeq", File: "/src/server/stream.go", Line: 1339},
				{Func: "example.com/m/server.visit[go.shape.struct{a/b.c}]", File: "/src/server/visit.go", Line: 4},
			}},
			{Goroutine: 9, Waits: write},
		},
		Waiters: []event.Link{
			{Goroutine: 11, Waits: write},
			{Goroutine: 12, Waits: held},
			{Goroutine: 13, Waits: held},
		},
		Evidence: []event.Evidence{
			{Source: event.Marks, Text: "goroutine 7 has been there for 0.9 s"},
			{Source: event.Runtime, Text: "a writer is pending"},
		},
		Refuted: "goroutine 7 or 9 moves",
	}
}

// inCall is one whose chain ends in a call, and for which there is no stack.
func inCall() event.Finding {
	f := queued()
	f.Verdict, f.Class, f.Cycle, f.Waiters = event.Unknown, event.Undecided, false, nil
	f.Chain[0] = event.Link{Goroutine: 7, Waits: f.Chain[1].Waits}
	f.Chain[1] = event.Link{Goroutine: 9, Holds: f.Chain[1].Waits, Waits: &event.Step{
		Site: event.Site{Kind: event.Call, File: "/src/server/store.go", Line: 8, Func: "flush", Object: "(*os.File).Sync"}, Since: 1e9,
	}}
	return f
}

func TestBlock(t *testing.T) {
	times := regexp.MustCompile(`\d\d:\d\d:\d\d\.\d\d\d`)
	for name, f := range map[string]event.Finding{"queued": queued(), "incall": inCall()} {
		got := times.ReplaceAllString(block(f, "server", 4711), "hh:mm:ss.mmm")
		file := filepath.Join("testdata", "block_"+name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs (-update accepts it):\n%s", name, got)
		}
	}
}

func TestNamesAreWhatMuteIsHeldAgainst(t *testing.T) {
	for pattern, want := range map[string]bool{
		`stream\.go:1339$`:        true,
		`^example.com/m/server\.`: true,
		`\(\*stream\)\.put$`:      true,
		`^server\.stream\.mu$`:    true,
		`readLoop`:                false,
		`nothing`:                 false,
		`stuck`:                   false,
	} {
		r := reporter{mute: []*regexp.Regexp{regexp.MustCompile(pattern)}}
		if got := r.muted(queued()); got != want {
			t.Errorf("-mute %s: %v, want %v", pattern, got, want)
		}
	}
}
