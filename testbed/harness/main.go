// Command harness judges lifesign by what a user sees of it. It builds real
// systems, with and without their real faults, weaves them with `lifesign
// build`, runs them with `lifesign run` under load, on disks that hang, stops
// and starves them, and compares the findings with what is true of each. The
// seconds it prints are from the fault to the finding's line in the file of
// findings. It exits with 1 if anything is not as expected.
//
// The harness shares no code with lifesign: it reads the JSON that users read,
// and dates the fault by what the load, the subject or the disk say, not by
// lifesign.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

type flags struct {
	bin, subjects string
	short, demo   bool
	soak          time.Duration
	controls      time.Duration
	only          string
	reuse         bool
	runs          int
	quiet         time.Duration
	spin          time.Duration
	cpu           int
}

func main() {
	var f flags
	flag.StringVar(&f.bin, "bin", "bin", "directory of lifesign and natsload, and for the subjects' programs")
	flag.StringVar(&f.subjects, "subjects", "testbed", "directory of the subjects")
	flag.BoolVar(&f.short, "short", false, "the few runs that every test run has time for")
	flag.BoolVar(&f.demo, "demo", false, "weave and run the faulty server once, and show what lifesign says")
	flag.DurationVar(&f.soak, "soak", 0, "only what must stay silent, for about so long")
	flag.DurationVar(&f.controls, "controls", 0, "only real systems without a fault under full load, for so long each")
	flag.StringVar(&f.only, "only", "", "only the cases whose name contains this")
	flag.BoolVar(&f.reuse, "reuse", false, "run the programs that were built before, where they are there")
	flag.IntVar(&f.runs, "runs", 5, "runs of each fault")
	flag.DurationVar(&f.quiet, "quiet", 5*time.Minute, "how long a mended server runs")
	flag.DurationVar(&f.spin, "spin", 0, "be a busy loop for so long; the harness starts itself so")
	flag.IntVar(&f.cpu, "cpu", 0, "with -spin, the CPU to take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(1)
	}
}

var errNotAsExpected = errors.New("not everything is as expected")

func (f flags) scenarios(modules map[string]subject.Module) []scenario {
	var all []scenario
	switch {
	case f.demo:
		all = []scenario{fault(1)}
	case f.short:
		all = short(modules)
	case f.controls > 0:
		all = controls(f.controls)
	case f.soak > 0:
		all = soak(f.soak)
	default:
		all = full(modules, f.runs, f.quiet)
	}
	var chosen []scenario
	for _, s := range all {
		if strings.Contains(s.name, f.only) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func (f flags) run(ctx context.Context) error {
	if f.spin > 0 {
		return spin(f.cpu, f.spin)
	}
	r, err := f.runner()
	if err != nil {
		return err
	}
	scenarios := f.scenarios(r.modules)
	if len(scenarios) == 0 {
		return fmt.Errorf("no case is named %q", f.only)
	}
	if err := r.build(ctx, scenarios); err != nil {
		return err
	}
	if r.scratch, err = os.MkdirTemp("", "lifesign-testbed-"); err != nil {
		return fmt.Errorf("make a directory for the servers: %w", err)
	}
	t := newTable(os.Stdout)
	for _, s := range scenarios {
		if err := r.runAll(ctx, s, t); err != nil {
			return err
		}
	}
	t.addAll()
	fmt.Println()
	if err := t.w.Flush(); err != nil {
		return err
	}
	if t.wrong > 0 {
		return fmt.Errorf("%w; the servers' logs and the findings are in %s", errNotAsExpected, r.scratch)
	}
	return os.RemoveAll(r.scratch)
}

// runner makes the directories absolute: programs are run from elsewhere.
func (f flags) runner() (runner, error) {
	bin, err := filepath.Abs(f.bin)
	if err != nil {
		return runner{}, err
	}
	subjects, err := filepath.Abs(f.subjects)
	if err != nil {
		return runner{}, err
	}
	r := runner{bin: bin, subjects: subjects, weave: f.demo, reuse: f.reuse, modules: map[string]subject.Module{}}
	names, err := filepath.Glob(filepath.Join(subjects, "*", "subject.json"))
	if err != nil {
		return r, err
	}
	for _, name := range names {
		dir := filepath.Dir(name)
		if r.modules[filepath.Base(dir)], err = subject.Read(dir); err != nil {
			return r, err
		}
	}
	return r, nil
}

// build builds the programs of the scenarios, each once.
func (r runner) build(ctx context.Context, scenarios []scenario) error {
	built := map[string]bool{}
	for _, s := range scenarios {
		program, module := r.program(s), r.modules[s.subject]
		if built[program] || r.weave || r.reuse && exists(program) {
			continue
		}
		built[program] = true
		if s.alone {
			fmt.Fprintf(os.Stderr, "building %s as it is\n", s.subject)
			if err := module.Plain(ctx, program); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(os.Stderr, "weaving %s\n", s.subject)
		took, err := module.Woven(ctx, filepath.Join(r.bin, "lifesign"), program)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "wove %s in %.0f s\n", s.subject, took.Seconds())
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// runAll runs a scenario as often as it says and adds it to the table.
func (r runner) runAll(ctx context.Context, s scenario, t *table) error {
	var runs []outcome
	for i := range max(1, s.runs) {
		fmt.Fprintf(os.Stderr, "running %s, at most %v\n", s.name, s.duration())
		dir, err := os.MkdirTemp(r.scratch, s.subject+"-")
		if err != nil {
			return fmt.Errorf("make the server's directory: %w", err)
		}
		o := r.run(ctx, s, dir)
		if o.err == nil {
			o.err = watched(filepath.Join(dir, logName))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		runs = append(runs, o)
		t.add(o)
		if s.disturb != undisturbed {
			fmt.Fprintf(os.Stderr, "%s: %s\n", s.name, o.load.rates())
		}
		if err := explain(o, i+1, filepath.Join(dir, logName)); err != nil {
			return err
		}
		// The store of a long run is large and says nothing.
		if err := os.RemoveAll(filepath.Join(dir, "store")); err != nil {
			return fmt.Errorf("remove the server's store: %w", err)
		}
	}
	t.addMedian(runs)
	return nil
}

// watched returns an error if lifesign says in its log that it does not watch:
// such silence proves nothing.
func watched(log string) error {
	data, err := os.ReadFile(log)
	if err != nil {
		return fmt.Errorf("read lifesign's log: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "lifesign: ") && (strings.Contains(line, "nothing is watched") || strings.Contains(line, "nothing can be proven")) {
			return errors.New(strings.TrimSpace(line))
		}
	}
	return nil
}

// explain says what is wrong with a run, and what lifesign itself said in it:
// where a run fails, its directory may not outlive the machine.
func explain(o outcome, run int, log string) error {
	wrong := o.grade()
	for _, w := range wrong {
		fmt.Fprintf(os.Stderr, "%s, run %d: %s\n", o.scenario.name, run, w)
	}
	if len(wrong) == 0 {
		return nil
	}
	data, err := os.ReadFile(log)
	if err != nil {
		return fmt.Errorf("read lifesign's log: %w", err)
	}
	const tail = 8 << 10
	_, err = os.Stderr.Write(data[max(0, len(data)-tail):])
	return err
}
