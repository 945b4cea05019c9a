// Command workbench measures what watching costs the subjects that are their
// own load: the same program, plain, and woven with lifesign beside it, without
// mimics and with them, in alternating runs. Throughput is taken at full load, latency and CPU time at a
// rate that leaves the machine mostly idle, with the CPU time of the agent and of its
// helper counted in. What starting takes is left out: who watches a server starts
// once. It writes a file of benchmark lines for each of the three, to be compared
// with benchstat, and prints the medians, the spread of the ratios of neighbouring
// runs, and what the helper, which does what mimics come to, reads and writes. It only reports: on a shared machine one percent cannot be
// enforced.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

type flags struct {
	bin, subjects, only string
	rounds              int
	time                time.Duration
}

func main() {
	var f flags
	flag.StringVar(&f.bin, "bin", "bin", "directory of lifesign, and for the programs and the files for benchstat")
	flag.StringVar(&f.subjects, "subjects", "testbed", "directory of the subjects")
	flag.StringVar(&f.only, "only", "", "only the subjects whose name contains this")
	flag.IntVar(&f.rounds, "rounds", 7, "runs of each program for each load")
	flag.DurationVar(&f.time, "time", 5*time.Second, "how long a run lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "workbench:", err)
		os.Exit(1)
	}
}

// load is a subject and the units of work a second that leave it mostly idle.
type load struct {
	name, subject string
	rate          string
}

var loads = []load{
	{"EtcdPut", "etcd", "400"},
	{"BboltWrite", "bboltremap", "200"},
	{"BadgerWrite", "badger", "400"},
	{"HTTPServer", "httpserver", "4000"},
}

// ways is in how many ways a program is run: plain, and woven with the mimics off
// and on.
const ways = 3

// program is a subject's program, in one of these ways.
type program struct {
	argv []string
	out  io.Writer // of benchmark lines
}

func (f flags) run(ctx context.Context) error {
	bin, err := filepath.Abs(f.bin)
	if err != nil {
		return err
	}
	fmt.Printf("%-12s %-16s %12s %12s %12s  %7s  %-15s %-7s %s\n", "load", "measure", "plain", "mimics off", "mimics on", "ratio", "spread", "wanted", "on/off")
	var files [ways]*os.File
	for i, name := range []string{"plain.txt", "off.txt", "woven.txt"} {
		if files[i], err = os.Create(filepath.Join(bin, name)); err != nil {
			return fmt.Errorf("make a file for benchstat: %w", err)
		}
		defer files[i].Close()
	}
	for _, l := range loads {
		if !strings.Contains(l.subject, f.only) {
			continue
		}
		m, err := subject.Read(filepath.Join(f.subjects, l.subject))
		if err != nil {
			return err
		}
		plain, woven := filepath.Join(bin, l.subject+"-plain"), filepath.Join(bin, l.subject+"-woven")
		if err := m.Plain(ctx, plain); err != nil {
			return err
		}
		lifesign := filepath.Join(bin, "lifesign")
		if _, err := m.Woven(ctx, lifesign, woven); err != nil {
			return err
		}
		programs := [ways]program{
			{[]string{plain}, files[0]},
			{[]string{lifesign, "run", "-mimics", "off", "--", woven}, files[1]},
			{[]string{lifesign, "run", "-mimics", "on", "--", woven}, files[2]},
		}
		if err := f.compare(ctx, l, programs); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// compare runs the programs in turn, and changes who comes first from round to
// round, so that a machine that grows warm or tired favours nobody.
func (f flags) compare(ctx context.Context, l load, programs [ways]program) error {
	var full, idle [ways][]run
	for i := range f.rounds {
		for j := range programs {
			k := (i + j) % ways
			p := programs[k]
			r, err := f.once(ctx, p)
			if err != nil {
				return err
			}
			full[k] = append(full[k], r)
			fmt.Fprintf(p.out, "Benchmark%s/full %d %.1f units/s\n", l.name, r.units, r.perSecond(f.time))
			if r, err = f.once(ctx, p, "-rate", l.rate); err != nil {
				return err
			}
			idle[k] = append(idle[k], r)
			fmt.Fprintf(p.out, "Benchmark%s/rate %d %d p50-ns %d p99-ns %.0f cpu-ns/unit\n", l.name, r.units, r.p50, r.p99, r.cpuPerUnit())
		}
	}
	l.row("units/s", full, func(r run) float64 { return r.perSecond(f.time) }, 0.99)
	l.row("p99, µs", idle, func(r run) float64 { return float64(r.p99) / 1e3 }, 1.02)
	l.row("CPU, µs a unit", idle, func(r run) float64 { return r.cpuPerUnit() / 1e3 }, 1.01)
	l.helper(idle[ways-1])
	return nil
}

// row prints a measure. Runs with the same index were neighbours in time.
func (l load) row(name string, runs [ways][]run, of func(run) float64, want float64) {
	var values [ways][]float64
	var ratios []float64
	for i := range runs[0] {
		for k := range runs {
			values[k] = append(values[k], of(runs[k][i]))
		}
		ratios = append(ratios, values[ways-1][i]/values[0][i])
	}
	plain, off, on := median(values[0]), median(values[1]), median(values[2])
	fmt.Printf("%-12s %-16s %12.1f %12.1f %12.1f  %7.3f  %.3f to %.3f  %-7.2f %.3f\n",
		l.name, name, plain, off, on, on/plain, slices.Min(ratios), slices.Max(ratios), want, on/off)
}

// helper prints what the mimics' helper did to disks, the median of each count.
func (l load) helper(runs []run) {
	a := func(of func(traffic) int64) float64 {
		var values []float64
		for _, r := range runs {
			values = append(values, float64(of(r.steady.helped))/r.steady.lasted.Seconds())
		}
		return median(values)
	}
	fmt.Printf("%-12s %-16s %.1f reads and %.1f writes a second, %.0f and %.0f bytes a second; of the disk %.0f and %.0f\n", l.name, "the helper",
		a(func(t traffic) int64 { return t.reads }), a(func(t traffic) int64 { return t.writes }),
		a(func(t traffic) int64 { return t.read }), a(func(t traffic) int64 { return t.wrote }),
		a(func(t traffic) int64 { return t.fetched }), a(func(t traffic) int64 { return t.stored }))
}

// median of an even number of values is the lower of the two in the middle.
func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[(len(v)-1)/2] }

// run is what a program said in the end, and what it took.
type run struct {
	units    int64
	p50, p99 int64
	steady   meter
}

func (r run) perSecond(d time.Duration) float64 { return float64(r.units) / d.Seconds() }
func (r run) cpuPerUnit() float64               { return float64(r.steady.cpu) / float64(r.steady.units) }

// once runs a program without its fault.
func (f flags) once(ctx context.Context, p program, args ...string) (run, error) {
	var r run
	dir, err := os.MkdirTemp("", "lifesign-bench-")
	if err != nil {
		return r, fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	args = slices.Concat(p.argv[1:], []string{"-dir", dir, "-after", "0", "-for", f.time.String()}, args)
	cmd := exec.CommandContext(ctx, p.argv[0], args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("start %s: %w", p.argv[0], err)
	}
	r.steady.agent = cmd.Process.Pid
	for s := bufio.NewScanner(out); s.Scan(); {
		_, _ = fmt.Sscanf(s.Text(), "end %d %d %d", &r.units, &r.p50, &r.p99) // other lines are other things
		r.steady.line(s.Text())
	}
	if err := cmd.Wait(); err != nil {
		return r, fmt.Errorf("run %s: %w", p.argv[0], err)
	}
	if r.units == 0 {
		return r, fmt.Errorf("%s did no work", strings.Join(p.argv, " "))
	}
	if r.steady.units == 0 {
		return r, fmt.Errorf("%s did not run for long enough to be measured (-time)", strings.Join(p.argv, " "))
	}
	return r, nil
}
