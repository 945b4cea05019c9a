package main

import (
	"regexp"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

func TestNamesAreWhatMuteIsHeldAgainst(t *testing.T) {
	site := func(line int, fn string) event.Site {
		return event.Site{Kind: event.RLock, Package: "example.com/m/server", File: "/src/server/stream.go", Line: line, Func: fn, Object: "server.stream.mu"}
	}
	finding := event.Finding{
		Verdict: event.Stuck, What: "stuck",
		Place: event.Step{Site: site(1339, "(*stream).lastSeq")},
		Chain: []event.Link{{Waits: &event.Step{Site: site(5344, "(*stream).put")}, Region: &event.Site{Func: "(*client).readLoop"}}},
	}
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
		if got := r.muted(finding); got != want {
			t.Errorf("-mute %s: %v, want %v", pattern, got, want)
		}
	}
}
