// Command kernels measures lifesign on Go's own blocking kernels, real faults of
// real programs that GoBench has reduced to some lines each and that Go ships as
// tests of its goroutine-leak profile. It copies them into a program that does
// healthy work beside them, plain and rooted: rooted, what a kernel makes is kept
// reachable, as it is in a server. Then it weaves the program and runs each
// kernel under lifesign, and asks goleak, the goroutine-leak profile and
// go-deadlock of the same faults.
//
// Kernels are races: a run in which no goroutine is left over is repeated.
// Everything is printed as a table, and summed up; it exits with 1 only if the
// healthy part was found stuck or did not work.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

type flags struct {
	bin, program string
	only         string
	settle       time.Duration
	tries, jobs  int
}

func main() {
	var f flags
	flag.StringVar(&f.bin, "bin", "bin", "directory of lifesign")
	flag.StringVar(&f.program, "program", "testbed/kernels/program", "directory of the program that the kernels are put into")
	flag.StringVar(&f.only, "only", "", "only the kernels whose name contains this")
	flag.DurationVar(&f.settle, "settle", 14*time.Second, "how long a kernel runs")
	flag.IntVar(&f.tries, "tries", 3, "runs of a kernel that leaves nothing over, at most")
	flag.IntVar(&f.jobs, "jobs", 2, "kernels that run at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

// variant is a way to build the kernels.
type variant struct {
	name string
	rewriting
}

var variants = []variant{{"plain", rewriting{}}, {"rooted", rewriting{rooted: true}}}

func (f flags) run(ctx context.Context) error {
	scratch, err := os.MkdirTemp("", "lifesign-kernels-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	lifesign, err := filepath.Abs(filepath.Join(f.bin, "lifesign"))
	if err != nil {
		return err
	}
	var sums []sum
	for _, v := range variants {
		p, err := f.build(ctx, lifesign, scratch, v)
		if err != nil {
			return err
		}
		results, err := f.runAll(ctx, p)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n%s\n", v.name, table(results))
		sums = append(sums, summarise(v.name, results))
	}
	fmt.Print(totals(sums))
	for _, s := range sums {
		if s.wrong > 0 || s.idle > 0 {
			return errors.New("the healthy part was found stuck, or did not work")
		}
	}
	return nil
}

// runAll runs the kernels of a program, some at a time.
func (f flags) runAll(ctx context.Context, p program) ([]result, error) {
	var mu sync.Mutex // guards results and failed
	var results []result
	var failed error
	names := make(chan string)
	var running sync.WaitGroup
	for range f.jobs {
		running.Go(func() {
			for name := range names {
				r, err := p.try(ctx, name, f.tries, f.settle)
				mu.Lock()
				results = append(results, r)
				if failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range p.names {
		if strings.Contains(name, f.only) && ctx.Err() == nil {
			names <- name
		}
	}
	close(names)
	running.Wait()
	slices.SortFunc(results, func(a, b result) int { return strings.Compare(a.name, b.name) })
	return results, failed
}

// lines reads lines of a word and a number.
func lines(out []byte) map[string]int64 {
	m := map[string]int64{}
	for _, line := range bytes.Split(out, []byte("\n")) {
		var word string
		var n int64
		if k, _ := fmt.Sscanf(string(line), "%s %d", &word, &n); k == 2 {
			m[word] = n
		}
	}
	return m
}
