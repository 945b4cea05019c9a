package main

import (
	"strings"
	"testing"
)

const output = `goos: linux
pkg: github.com/lifesign-go/lifesign/hook
BenchmarkMark-2     	200000000	         4.100 ns/op	       0 B/op	       0 allocs/op
BenchmarkMark-2     	200000000	         9.100 ns/op	       0 B/op	       0 allocs/op
BenchmarkMark-2     	200000000	         5.100 ns/op	       0 B/op	       0 allocs/op
BenchmarkMutex/plain-2  	100000000	        10.00 ns/op	       0 B/op	       0 allocs/op
BenchmarkMutex/woven-2  	 50000000	        26.00 ns/op	       0 B/op	       0 allocs/op
BenchmarkCopy/plain-2  	100000000	        10.00 ns/op	       0 B/op	       0 allocs/op
BenchmarkCopy/woven-2  	 50000000	        12.00 ns/op	      16 B/op	       1 allocs/op
PASS
`

func TestJudge(t *testing.T) {
	results, err := parse(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		l    limit
		want string // part of the row
		bad  bool
	}{
		{"the least counts", limit{name: "Mark", ns: 6}, "4.1 ns   wanted 6 ns", false},
		{"nanoseconds only reported", limit{name: "Mark", ns: 4}, "not reached here", false},
		{"ratio within", limit{name: "Mutex", ratio: 2.7, pair: true}, "× 2.60   limit × 2.7", false},
		{"ratio over", limit{name: "Mutex", ratio: 2.5, pair: true}, "OVER", true},
		{"ratio without limit", limit{name: "Mutex", pair: true}, "× 2.60", false},
		{"allocates", limit{name: "Copy", ratio: 2.5, pair: true}, "ALLOCATES 1", true},
		{"names of its own", limit{name: "Mutex", pair: true, own: "plain", twin: "woven"}, "× 0.38", false},
		{"difference within", limit{name: "Mutex", pair: true, more: 20}, "16.0 ns more, wanted 20", false},
		{"difference only reported", limit{name: "Mutex", pair: true, more: 15}, "16.0 ns more, wanted 15, not reached here", false},
		{"may allocate", limit{name: "Copy", pair: true, may: 1}, "× 1.20", false},
		{"missing", limit{name: "Guard"}, "MISSING", true},
		{"twin missing", limit{name: "Mark", pair: true}, "MISSING", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			row, bad := tt.l.judge(results)
			if !strings.Contains(row, tt.want) || bad != tt.bad {
				t.Errorf("row %q, over: %v, want %q, over: %v", row, bad, tt.want, tt.bad)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":     "",
		"failed":      "BenchmarkMark-2 1 2.0 ns/op\n--- FAIL: BenchmarkMutex\n",
		"not numbers": "BenchmarkMark-2 1 fast ns/op\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parse(strings.NewReader(in)); err == nil {
				t.Errorf("parse(%q) = %v, want an error", in, got)
			}
		})
	}
}
