// Command hang makes what threads can stand in, for real: a program each, on
// silent file systems, frozen and dead disks, in frozen cgroups, behind locks
// that nobody gives back. It has lifesign look at each as a user would, and says
// whether its verdict, class and words are right, and how long they took. It
// exits with 1 if a limit is broken.
//
// It imports nothing of lifesign: it reads the JSON of `lifesign inspect` and of
// `lifesign watch`. What it makes is undone by a process of its own (keeper.go),
// also when it is killed. It needs Linux, root, gcc, /dev/fuse, loop devices, ip
// and mkfs.ext4.
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
)

type flags struct {
	bin   string
	raw   bool
	short bool
	only  string

	healthy   bool
	time      time.Duration
	subjects  string
	unchanged bool
	runs      int
	parallel  int
	keep      time.Duration
	spin      time.Duration
	cpu       int
}

func main() {
	var f flags
	flag.StringVar(&f.bin, "bin", "bin", "directory of lifesign and of the testbed's programs")
	flag.BoolVar(&f.raw, "raw", false, "print what the kernel shows of each case, without lifesign")
	flag.BoolVar(&f.short, "short", false, "the few cases that every test run has time for, once")
	flag.StringVar(&f.only, "only", "", "only the cases whose name contains this")
	flag.IntVar(&f.runs, "runs", 20, "runs of each case, with and without load")
	flag.IntVar(&f.parallel, "parallel", 12, "how many runs go on at a time; those that keep a processor busy, or have a tenth of a second, go alone")
	flag.BoolVar(&f.healthy, "healthy", false, "watch real programs that do what they are there for")
	flag.DurationVar(&f.time, "time", 10*time.Minute, "with -healthy, for how long")
	flag.StringVar(&f.subjects, "subjects", "testbed", "with -healthy, the directory that etcd's is in")
	flag.BoolVar(&f.unchanged, "unchanged", false, "count what calls return in a program that is watched, and in one that is not")
	flag.DurationVar(&f.keep, "keep", 0, "be a keeper for so long at most; the harness starts itself so")
	flag.DurationVar(&f.spin, "spin", 0, "be a busy loop for so long; the harness starts itself so")
	flag.IntVar(&f.cpu, "cpu", 0, "with -spin, the CPU to take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "hang:", err)
		os.Exit(1)
	}
}

var errNotAsExpected = errors.New("not everything is as expected")

func (f flags) run(ctx context.Context) error {
	switch {
	case f.keep > 0:
		return keep(os.Stdin, os.Stdout, f.keep)
	case f.spin > 0:
		return spin(f.cpu, f.spin)
	}
	cases := f.cases()
	if len(cases) == 0 && !f.healthy {
		return fmt.Errorf("no case is named %q", f.only)
	}
	r, end, err := newRunner(ctx, f.bin)
	if err != nil {
		return err
	}
	defer end()
	r.parallel = max(1, f.parallel)
	switch {
	case f.healthy:
		return healthyTable(ctx, r, f.subjects, f.time, f.only, os.Stdout)
	case f.unchanged:
		return unchangedTable(ctx, r, 10*time.Second, os.Stdout)
	case f.raw:
		return rawTable(ctx, r, cases, os.Stdout)
	case f.short:
		ok, err := r.pass(ctx, cases, 1, false, false, os.Stdout)
		if err == nil && !ok {
			err = errNotAsExpected
		}
		return err
	}
	return observeTable(ctx, r, cases, f.runs, os.Stdout)
}

func (f flags) cases() []scenario {
	var chosen []scenario
	for _, c := range scenarios() {
		if strings.Contains(c.name, f.only) && (c.short || !f.short) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// runner performs cases.
type runner struct {
	bin, programs string
	parallel      int // runs at a time
}

// newRunner builds the programs in a directory that goes with end.
func newRunner(ctx context.Context, bin string) (r runner, end func(), err error) {
	if r.bin, err = filepath.Abs(bin); err != nil {
		return r, nil, err
	}
	k, err := startKeeper(longest)
	if err != nil {
		return r, nil, err
	}
	end = func() {
		if err := k.end(); err != nil {
			fmt.Fprintln(os.Stderr, "hang:", err)
		}
	}
	if r.programs, err = os.MkdirTemp("", "lifesign-hang-programs-"); err == nil {
		err = k.note("remove", r.programs)
	}
	if err == nil {
		err = compile(ctx, r.programs)
	}
	if err != nil {
		end()
		return r, nil, err
	}
	return r, end, nil
}

// longest is longer than all of the harness can take.
const longest = 12 * time.Hour
