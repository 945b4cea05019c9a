package analyze_test

import (
	"context"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

const slipped = `package main

import "os"

//lifesign:ignore

func main() {
	//lifesign:idle

	os.Remove("a") //lifesign:watch
	select {} //lifesign:idle
	//lifesign:ignore
}

type T struct {
	n int //lifesign:idle
}

//lifesign:idle
//lifesign:ignore
func twice() {
	switch {
	case true: //lifesign:vulnerable
		os.Remove("b")
	}
}
`

// A directive that stands on nothing would silently do nothing.
func TestDirectivesThatStandOnNothing(t *testing.T) {
	_, err := analyze.Analyze(context.Background(), loadedFrom(t, slipped), analyze.Config{})
	if err == nil {
		t.Fatal("no error")
	}
	nothing := "it is attached to nothing: put it on a function declaration, on a statement's line or on the line above"
	want := []string{
		"main.go:5: //lifesign:ignore: " + nothing,
		"main.go:8: //lifesign:idle: " + nothing,
		"main.go:10: //lifesign:watch: there is no such directive: use vulnerable, idle or ignore; or mimic",
		"main.go:12: //lifesign:ignore: " + nothing,
		"main.go:16: //lifesign:idle: " + nothing,
		"main.go:20: //lifesign:ignore: there is another one at ",
		"main.go:23: //lifesign:vulnerable: " + nothing,
	}
	got := strings.Split(err.Error(), "\n")
	for i := 0; i < len(got) || i < len(want); i++ {
		if i >= len(got) || i >= len(want) || !strings.Contains(got[i], want[i]) {
			t.Fatalf("errors\n%s\nwant\n%s", err, strings.Join(want, "\n"))
		}
	}
}

func TestRulesThatNameNothing(t *testing.T) {
	prog := loaded(t)
	for text, want := range map[string]string{
		"idle sync.Nothing":         "f:1: package sync has no function sync.Nothing: go doc lists what it has",
		"\nidle (*sync.Mutex).Wait": "f:2: package sync has no function (*sync.Mutex).Wait",
		"idle (sync.Mutex).Lock":    "f:1: (sync.Mutex).Lock is declared as (*sync.Mutex).Lock: write that",
		"ignore example.org/none.F": "f:1: no package", // listed, not refused
	} {
		rules, err := analyze.ParseRules("f", text)
		if err != nil {
			t.Fatal(err)
		}
		m, err := analyze.Analyze(context.Background(), prog, analyze.Config{Rules: rules})
		switch {
		case m != nil:
			if s := m.Skipped[0]; !strings.Contains(s.Place+": "+s.Why, want) {
				t.Errorf("%q: skipped %v, want %q", text, s, want)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
