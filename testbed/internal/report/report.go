// Package report is the language in which natsload tells the harness and the
// bench what it sees: one JSON object a line on standard output.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Event says what a line is about.
type Event string

// The events, in the order in which they come. Stall may come never or often.
const (
	Ready    Event = "ready"    // the stream exists, the load begins
	Progress Event = "progress" // a look at the counters
	Stall    Event = "stall"    // no publish has been acknowledged for longer than the limit
	Resumed  Event = "resumed"  // one has been again
	End      Event = "end"      // the totals
)

// Line is one line. Times are CLOCK_MONOTONIC nanoseconds, latencies
// nanoseconds.
type Line struct {
	Event   Event `json:"event"`
	At      int64 `json:"at"`
	LastAck int64 `json:"last_ack"` // of the last publish acknowledged; before the first, when the load began, or 0 if it has not

	Acked   int64 `json:"acked"`   // publishes acknowledged, or delivered where there are no acknowledgements
	Failed  int64 `json:"failed"`  // publishes that ran into an error or a time-out
	Gets    int64 `json:"gets"`    // batched direct gets asked for
	Replies int64 `json:"replies"` // messages that came back for them

	PerSecond float64       `json:"per_second,omitempty"` // End only: Acked over the load's time
	P50       time.Duration `json:"p50,omitempty"`        // End only: median latency of a publish
	P99       time.Duration `json:"p99,omitempty"`        // End only
}

// Each calls f for every line of r until r ends or a line is not a report.
func Each(r io.Reader, f func(Line)) error {
	s := bufio.NewScanner(r)
	for s.Scan() {
		var l Line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return fmt.Errorf("read the load's report %q: %w", s.Text(), err)
		}
		f(l)
	}
	return s.Err()
}
