// Command natsbench measures what watching costs a NATS server: the same
// server, plain and woven with lifesign beside it, in alternating runs under
// the same load on loopback. It prints the medians of both, their ratio, and
// the spread of the ratios of neighbouring runs, which says how much of the
// difference is the machine's. It only reports: on a shared machine one percent
// cannot be enforced.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/report"
	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

type flags struct {
	bin, subjects string
	subject       string
	rounds        int
	time          time.Duration
}

func main() {
	var f flags
	flag.StringVar(&f.bin, "bin", "bin", "directory of lifesign and natsload, and for the servers")
	flag.StringVar(&f.subjects, "subjects", "testbed", "directory of the subjects")
	flag.StringVar(&f.subject, "subject", "nats7458mended", "the subject")
	flag.IntVar(&f.rounds, "rounds", 7, "runs of each server for each measure")
	flag.DurationVar(&f.time, "time", 4*time.Second, "how long a run's load lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "natsbench:", err)
		os.Exit(1)
	}
}

// measure is one thing that is compared.
type measure struct {
	name string
	load []string
	of   func(report.Line) float64
	unit string
	want float64 // the ratio of woven to plain that is wanted
}

// Latencies are taken at rates that leave the machine mostly idle, from when a
// publish was due: under full load they would measure the queue.
var measures = []measure{
	{"core publish, throughput", []string{"-target", "core", "-publishers", "2"}, perSecond, "msg/s", 0.99},
	{"core publish, p99", []string{"-target", "core", "-publishers", "2", "-rate", "4000"}, p99, "µs", 1.02},
	{"JetStream publish, throughput", []string{"-getters", "0", "-publishers", "16"}, perSecond, "msg/s", 0.99},
	{"JetStream publish, p99", []string{"-getters", "0", "-publishers", "8", "-rate", "2000"}, p99, "µs", 1.02},
}

func perSecond(l report.Line) float64 { return l.PerSecond }

func p99(l report.Line) float64 { return float64(l.P99) / float64(time.Microsecond) }

func (f flags) run(ctx context.Context) error {
	if f.rounds < 1 {
		return fmt.Errorf("-rounds is at least 1")
	}
	b, err := f.build(ctx)
	if err != nil {
		return err
	}
	b.scratch, err = os.MkdirTemp("", "lifesign-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the servers: %w", err)
	}
	defer os.RemoveAll(b.scratch)
	fmt.Printf("%-30s %12s %12s  %-6s %7s  %-15s %s\n", "measure", "plain", "woven", "unit", "ratio", "spread", "wanted")
	for _, m := range measures {
		plain, woven, err := b.alternate(ctx, m, f.rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Println(row(m, plain, woven))
	}
	return nil
}

// bench knows where everything is.
type bench struct {
	lifesign, load, plain, woven string
	scratch                      string
	time                         time.Duration
}

func (f flags) build(ctx context.Context) (bench, error) {
	bin, err := filepath.Abs(f.bin)
	if err != nil {
		return bench{}, err
	}
	b := bench{
		lifesign: filepath.Join(bin, "lifesign"), load: filepath.Join(bin, "natsload"),
		plain: filepath.Join(bin, f.subject+"-plain"), woven: filepath.Join(bin, f.subject+"-woven"),
		time: f.time,
	}
	m, err := subject.Read(filepath.Join(f.subjects, f.subject))
	if err != nil {
		return b, err
	}
	if err := m.Plain(ctx, b.plain); err != nil {
		return b, err
	}
	_, err = m.Woven(ctx, b.lifesign, b.woven)
	return b, err
}

// alternate measures both servers in turn, and changes who comes first from
// round to round, so that a machine that grows warm or tired favours nobody.
func (b bench) alternate(ctx context.Context, m measure, rounds int) (plain, woven []float64, err error) {
	for i := range rounds {
		for j := range 2 {
			isWoven := (i+j)%2 == 1
			l, err := b.once(ctx, m, isWoven)
			if err != nil {
				return nil, nil, err
			}
			if isWoven {
				woven = append(woven, m.of(l))
			} else {
				plain = append(plain, m.of(l))
			}
		}
	}
	return plain, woven, nil
}

// once runs a fresh server under m's load and returns the load's totals.
func (b bench) once(ctx context.Context, m measure, woven bool) (report.Line, error) {
	var end report.Line
	dir, err := os.MkdirTemp(b.scratch, "run-")
	if err != nil {
		return end, fmt.Errorf("make the server's directory: %w", err)
	}
	defer os.RemoveAll(dir)
	o := subject.Options{Dir: dir, Binary: b.plain, Stderr: os.Stderr}
	if woven {
		o.Binary, o.Lifesign = b.woven, b.lifesign
	}
	server, err := subject.Start(ctx, o)
	if err != nil {
		return end, err
	}
	defer server.Stop()
	args := append([]string{"-url", server.URL, "-duration", b.time.String()}, m.load...)
	cmd := exec.CommandContext(ctx, b.load, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return end, err
	}
	if err := cmd.Start(); err != nil {
		return end, fmt.Errorf("start the load: %w", err)
	}
	err = report.Each(out, func(l report.Line) { end = l })
	if waitErr := cmd.Wait(); err == nil {
		err = waitErr
	}
	if err == nil && (end.Event != report.End || end.Acked == 0 || end.Failed > 0) {
		err = fmt.Errorf("the load published %d messages, %d failed", end.Acked, end.Failed)
	}
	return end, err
}
