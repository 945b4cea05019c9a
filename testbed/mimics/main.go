// Command mimics proves what lifesign's mimic checkers are worth. It weaves real
// systems, unmodified, runs each on a disk (hungfs) or behind a wire (cutproxy)
// of its own under `lifesign run`, lets that go wrong in every way it can, and be
// well again, with the mimics on and with the mimics off, and prints a table: by
// whom the fault was found first, in which class, how long after the disk or the
// wire says that it first happened to somebody, which place was named, whether
// the recovery was told. A minute without a fault must stay without a finding. It
// exits with 1 if anything is not as expected.
//
// With -unnoticed it runs two programs that would notice what lifesign does
// beside them, one that lives on POSIX locks and one that watches its directory,
// and compares what they count with the mimics on and off.
//
// It shares no code with lifesign: it reads the JSON that users read.
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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

type flags struct {
	bin, subjects string
	short         bool
	unnoticed     bool
	only          string
	reuse, keep   bool
	parallel      int
	mimics        string
	healthy       time.Duration
}

func main() {
	var f flags
	flag.StringVar(&f.bin, "bin", "bin", "directory of lifesign and the rig, and for the subjects' programs")
	flag.StringVar(&f.subjects, "subjects", "testbed", "directory of the subjects")
	flag.BoolVar(&f.short, "short", false, "the few runs that every test run has time for, with mimics alone")
	flag.BoolVar(&f.unnoticed, "unnoticed", false, "only the programs that must notice nothing")
	flag.StringVar(&f.only, "only", "", "only the trials whose name contains this")
	flag.BoolVar(&f.reuse, "reuse", false, "run the programs that were built before, where they are there")
	flag.BoolVar(&f.keep, "keep", false, "keep the logs and the findings though all is as expected")
	flag.IntVar(&f.parallel, "parallel", 1, "how many trials run at a time: they mostly wait, but seconds are longer then")
	flag.StringVar(&f.mimics, "mimics", "both", "on, off, or both, one after the other")
	flag.DurationVar(&f.healthy, "healthy", time.Minute, "how long each subject runs without a fault")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "mimics:", err)
		os.Exit(1)
	}
}

var errNotAsExpected = errors.New("not everything is as expected")

func (f flags) run(ctx context.Context) error {
	b, err := f.bench()
	if err != nil {
		return err
	}
	trials := f.trials()
	if len(trials) == 0 && !f.unnoticed {
		return fmt.Errorf("no trial is named %q", f.only)
	}
	if b.scratch, err = os.MkdirTemp("", "lifesign-mimics-"); err != nil {
		return fmt.Errorf("make a directory for the subjects: %w", err)
	}
	wrong := 0
	if f.unnoticed {
		wrong, err = b.unnoticed(ctx, f.reuse)
	} else {
		wrong, err = b.runAll(ctx, trials, f.reuse, max(f.parallel, 1))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(b.scratch))
	}
	if wrong > 0 || f.keep {
		fmt.Fprintln(os.Stderr, "the logs and the findings are in", b.scratch)
	} else if err := os.RemoveAll(b.scratch); err != nil {
		return err
	}
	if wrong > 0 {
		return errNotAsExpected
	}
	return nil
}

// bench knows where everything is.
type bench struct {
	bin, subjects string
	scratch       string
	built         map[string]bool // programs
}

// bench makes the directories absolute: programs are run from elsewhere.
func (f flags) bench() (b bench, err error) {
	if b.bin, err = filepath.Abs(f.bin); err != nil {
		return b, err
	}
	b.built = map[string]bool{}
	b.subjects, err = filepath.Abs(f.subjects)
	return b, err
}

// trials are those that the flags choose.
func (f flags) trials() []trial {
	all := full(f.healthy)
	if f.short {
		all = short()
	}
	var chosen []trial
	for _, t := range all {
		if f.short && !t.mimics || f.mimics == "on" && !t.mimics || f.mimics == "off" && t.mimics {
			continue
		}
		if strings.Contains(t.String(), f.only) {
			chosen = append(chosen, t)
		}
	}
	return chosen
}

// runAll runs trials, so many at a time, and prints their table in their order.
func (b bench) runAll(ctx context.Context, trials []trial, reuse bool, parallel int) (wrong int, err error) {
	for _, t := range trials {
		if err := b.build(ctx, t, reuse); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make([]chan result, len(trials))
	for i := range ended {
		ended[i] = make(chan result, 1)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	defer group.Wait()
	for range parallel {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(trials); i = int(next.Add(1)) - 1 {
				ended[i] <- b.runOne(ctx, trials[i])
			}
		})
	}
	defer cancel() // before the wait
	table := newTable(os.Stdout)
	for i := range trials {
		r := <-ended[i]
		if r.err == nil {
			r.err = ctx.Err()
		}
		if r.err != nil { // what there is of the table is worth reading
			return 0, errors.Join(r.err, table.flush())
		}
		for _, w := range table.add(r.outcome) {
			fmt.Fprintf(os.Stderr, "%s: %s (%s)\n", trials[i], w, r.dir)
		}
	}
	return table.wrong, table.flush()
}

// result is an outcome, and where its logs are.
type result struct {
	outcome outcome
	dir     string
	err     error
}

func (b bench) runOne(ctx context.Context, t trial) (r result) {
	fmt.Fprintf(os.Stderr, "running %s\n", t)
	if r.dir, r.err = os.MkdirTemp(b.scratch, t.subject+"-"); r.err != nil {
		return r
	}
	r.outcome = b.run(ctx, t, r.dir)
	// The store of a run is large and says nothing.
	r.err = os.RemoveAll(filepath.Join(r.dir, "store"))
	return r
}

// build builds what a trial runs, each program once.
func (b bench) build(ctx context.Context, t trial, reuse bool) error {
	m, err := subject.Read(filepath.Join(b.subjects, t.subject))
	if err != nil {
		return err
	}
	if more := alsoWoven[t.subject]; more != "" {
		m.Scope += "," + more
	}
	once := func(program string, build func() error) error {
		if b.built[program] || reuse && exists(program) {
			return nil
		}
		b.built[program] = true
		fmt.Fprintf(os.Stderr, "building %s\n", filepath.Base(program))
		return build()
	}
	if t.clustered() {
		plain := b.plain(t.subject)
		if err := once(plain, func() error { return m.Plain(ctx, plain) }); err != nil {
			return err
		}
	}
	woven := b.woven(t.subject)
	return once(woven, func() error {
		_, err := m.Woven(ctx, filepath.Join(b.bin, "lifesign"), woven)
		return err
	})
}

func (b bench) woven(name string) string { return filepath.Join(b.bin, name+"-mimicked") }
func (b bench) plain(name string) string { return filepath.Join(b.bin, name+"-plain") }

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
