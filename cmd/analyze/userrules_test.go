package analyze

import (
	"strings"
	"testing"
)

func TestParseRules(t *testing.T) {
	got, err := ParseRules("r", "# head\n\nvulnerable (*example.com/db.Conn).Query # slow\n\tidle  example.com/x.y/q.Next\r\nignore (io.Reader).Read")
	if err != nil {
		t.Fatal(err)
	}
	want := []userRule{
		{vulnerable, "(*example.com/db.Conn).Query", "r:3"},
		{idle, "example.com/x.y/q.Next", "r:4"},
		{ignore, "(io.Reader).Read", "r:5"},
	}
	if len(got.list) != len(want) {
		t.Fatalf("%v, want %v", got.list, want)
	}
	for i := range want {
		if got.list[i] != want[i] {
			t.Errorf("rule %d is %v, want %v", i, got.list[i], want[i])
		}
	}
}

func TestParseRulesRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{"vulnerable", `f:1: 1 word on the line: a rule is a verb (vulnerable, idle or ignore) and one function`},
		{"\nvulnerable a.F b.G", `f:2: 3 words on the line`},
		{"slow a.F", `f:1: "slow" is no verb: use vulnerable, idle or ignore`},
		{"idle F", `f:1: "F" is no function with its import path: write example.com/db.Open or (*example.com/db.Conn).Query`},
		{"idle example.com/F", `"example.com/F" is no function with its import path`},
		{"idle a.(*T).F", `is no function with its import path`},
		{"idle (*a.T.F", `its receiver has no closing parenthesis`},
		{"idle (T).F", `has no receiver with its import path`},
		{"idle (**a.T).F", `has no receiver with its import path`},
		{"idle (a.T).1", `names no method`},
		{"idle a.\xff", `is not UTF-8`},
		{"idle a.F\nignore a.F", `f:2: there is a rule for a.F at f:1 already: keep one`},
	}
	for _, tt := range tests {
		got, err := ParseRules("f", tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || got.list != nil {
			t.Errorf("%q: rules %v, error %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

// Whatever a file holds: an error names the line and is one line, and rules
// written down again are the same.
func FuzzParseRules(f *testing.F) {
	f.Add("vulnerable (*example.com/db.Conn).Query # x\nidle a/b.C\n")
	f.Add("ignore (a.T).M\nignore (a.T).M")
	f.Add("idle ().\x00")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ParseRules("f", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		var again strings.Builder
		for _, r := range rules.list {
			again.WriteString(string(r.verb) + " " + r.name + "\n")
		}
		second, err := ParseRules("f", again.String())
		if err != nil || len(second.list) != len(rules.list) {
			t.Errorf("%q: %v, error %v", again.String(), second.list, err)
		}
	})
}
