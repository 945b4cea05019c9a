package judge

import (
	"math"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// With a usual period of 50 ms, samples that come later count only if the watcher
// meant them to.
func TestWhichIntervalsCount(t *testing.T) {
	const ms = 1_000_000
	for _, test := range []struct {
		name string
		d    int64
		node *event.Node
		want bool
	}{
		{"usual", 50 * ms, nil, true},
		{"three periods", 150 * ms, nil, true},
		{"longer", 151 * ms, nil, false},
		{"usual, and late by all of it", 50 * ms, &event.Node{Late: 50 * ms}, true},
		{"long and on time", 1000 * ms, &event.Node{Late: 1 * ms}, true},
		{"long, and late by two periods", 3000 * ms, &event.Node{Late: 2000 * ms}, true},
		{"long, and later", 3001 * ms, &event.Node{Late: 2001 * ms}, false},
		{"long, and all of it late", 1000 * ms, &event.Node{Late: 1000 * ms}, false},
		{"later than long", 1000 * ms, &event.Node{Late: 1001 * ms}, false},
		{"early", 1000 * ms, &event.Node{Late: -1}, false},
		{"for ever", math.MaxInt64 - 1, &event.Node{}, false},
	} {
		var c clock
		c.advance(event.Sample{At: 1}, 150*ms)
		c.advance(event.Sample{At: 1 + test.d, Node: test.node}, 150*ms)
		if got := c.void == 0; got != test.want {
			t.Errorf("%s: counts %v, want %v", test.name, got, test.want)
		}
	}
}
