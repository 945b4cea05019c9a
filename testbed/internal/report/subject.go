package report

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

// Subject reads what a subject that is its own load says on standard output (its
// tell.go has the language), to the end: begun is called with its process id, and
// hear with each line, in the words of this package.
func Subject(r io.Reader, begun func(pid int), hear func(Line)) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		var at, count int64
		var pid int
		var latency [2]time.Duration
		line := s.Text()
		switch {
		case scanned(line, "begin %d", &pid):
			hear(Line{Event: Ready, At: mono.Now()})
			begun(pid)
		case scanned(line, "work %d %d", &at, &count):
			hear(Line{Event: Progress, At: at, Acked: count})
		case scanned(line, "fault %d", &at):
			hear(Line{Event: Stall, At: mono.Now(), LastAck: at})
		case scanned(line, "end %d %d %d", &count, &latency[0], &latency[1]):
			hear(Line{Event: End, At: mono.Now(), Acked: count, P50: latency[0], P99: latency[1]})
		}
	}
	_, _ = io.Copy(io.Discard, r) // or the subject would stand at its output
}

func scanned(line, format string, a ...any) bool {
	n, err := fmt.Sscanf(line, format, a...)
	return err == nil && n == len(a)
}
