package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"time"
)

const cpuUsage = `usage: lifesign cpu [FLAGS] PID…
       lifesign cpu [FLAGS] -name REGEXP
       lifesign cpu -check [-for DURATION] [-json]

Cpu prints every second how much CPU time processes have had, by the scheduler's
account, and beside it what /proc/PID/stat says. Kernels before 4.3 can let the
latter stand still for many seconds and then leap, so that monitors show 0 % and
then some hundred percent. Percents are of one processor.

The CPU time is that of the process's own clock: to the nanosecond, and with the
threads that have ended. It takes no permission. A thread that runs at the moment
is counted up to its last clock tick. Where that clock cannot be read the threads
that are there are summed instead; what they say is a lower bound, marked ≥.

  -name REGEXP     the processes that have a matching name now; the kernel keeps
                   15 bytes of names
  -every DURATION  time between two readings; default 1s
  -for DURATION    end after so long; without it, when interrupted or when the
                   processes have ended
  -threads         show each thread that has run, too
  -json            print JSON lines: cpu_seconds and percent are what is believed,
                   stat_cpu_seconds and stat_percent what /proc/PID/stat says
  -listen ADDR     print nothing, but serve http://ADDR/metrics to Prometheus:
                   process_cpu_seconds_total, as an exporter in the process has
                   it, read at that moment; with labels pid and comm if there are
                   several processes
  -check           look at all processes, for 5s, and say whether this kernel is
                   affected, by its version and by its behaviour. Status 0 if it
                   is not, 3 if it is, 7 if that cannot be told
`

// What lifesign cpu -check ends with.
const (
	exitAffected   = 3
	exitCannotTell = 7
)

type cpuOptions struct {
	pids    []int
	name    *regexp.Regexp
	every   time.Duration
	limit   time.Duration // 0: none
	threads bool
	json    bool
	listen  string
	check   bool
}

// cpuCommand is lifesign cpu. It returns the exit status.
func cpuCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseCPU(args)
	if status, ends := unusable("cpu", cpuUsage, err, stdout, stderr); ends {
		return status
	}
	status, err := 0, ownProc()
	switch {
	case err != nil:
	case o.check:
		status, err = checkCPU(ctx, o, stdout)
	default:
		err = watchCPU(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "lifesign cpu: %v\n", err)
		return 1
	}
	return status
}

func parseCPU(args []string) (cpuOptions, error) {
	var o cpuOptions
	flags := flag.NewFlagSet("cpu", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", "", "")
	flags.DurationVar(&o.every, "every", time.Second, "")
	flags.DurationVar(&o.limit, "for", 0, "")
	flags.BoolVar(&o.threads, "threads", false, "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.StringVar(&o.listen, "listen", "", "")
	flags.BoolVar(&o.check, "check", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, arg := range flags.Args() {
		// A process's clock has its number in 29 bits.
		pid, err := strconv.ParseUint(arg, 10, 28)
		if err != nil || pid == 0 {
			return o, fmt.Errorf("%q is not the number of a process (flags come before them)", arg)
		}
		o.pids = append(o.pids, int(pid))
	}
	if *name != "" {
		var err error
		if o.name, err = regexp.Compile(*name); err != nil {
			return o, fmt.Errorf("-name: %w", err)
		}
	}
	return o, o.agree()
}

// agree says which of the flags exclude each other.
func (o cpuOptions) agree() error {
	switch {
	case o.every < 10*time.Millisecond:
		return errors.New("-every takes 10ms or more: /proc/PID/stat counts in steps of that")
	case o.limit < 0:
		return errors.New("-for cannot be negative")
	case o.check && (len(o.pids) > 0 || o.name != nil):
		return errors.New("-check looks at all processes: leave out PID and -name")
	case o.check && (o.threads || o.listen != ""):
		return errors.New("-check tells of the kernel alone: leave out -threads and -listen")
	case o.listen != "" && (o.threads || o.json):
		return errors.New("-listen prints nothing: leave out -threads and -json")
	case !o.check && (len(o.pids) > 0) == (o.name != nil):
		return errors.New("either PID or -name is needed")
	}
	return nil
}

// cpuWatch is what lifesign cpu does until it ends.
type cpuWatch struct {
	out cpuOutput // told each interval; nil if it is served instead
	say func(format string, args ...any)

	mu    sync.Mutex // guards the processes and their accounts: a monitor may ask at any time
	procs []*cpuProcess
}

// cpuOutput prints.
type cpuOutput interface {
	interval(p *cpuProcess, i cpuInterval) error
	end(p *cpuProcess) error
}

func watchCPU(ctx context.Context, o cpuOptions, stdout, stderr io.Writer) error {
	procs, err := openCPUs(o)
	if err != nil {
		return err
	}
	w := &cpuWatch{procs: procs, say: func(format string, args ...any) {
		fmt.Fprintf(stderr, "lifesign cpu: "+format+"\n", args...)
	}}
	switch {
	case o.listen != "":
		return w.serve(ctx, o)
	case o.json:
		w.out = &cpuJSON{stdout}
	default:
		w.out = &cpuTable{out: stdout, every: o.every}
	}
	return w.run(ctx, o)
}

// run reads all processes again and again, and once more when it is to end. It
// returns when the time is up, ctx is done or all processes have ended.
func (w *cpuWatch) run(ctx context.Context, o cpuOptions) error {
	watched := append([]*cpuProcess{}, w.procs...)
	for t := newTicks(o.every, o.limit); len(w.procs) > 0 && t.wait(ctx); {
		if err := w.step(); err != nil {
			return err
		}
	}
	if w.out == nil {
		return nil
	}
	for _, p := range watched {
		if err := w.out.end(p); err != nil {
			return err
		}
	}
	return nil
}

// step reads all processes and tells what they have done. Those that have ended
// are not read any more.
func (w *cpuWatch) step() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	going := w.procs[:0:0]
	for _, p := range w.procs {
		i, ok, err := p.step()
		if ok && w.out != nil {
			if err := w.out.interval(p, i); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, errEnded):
			p.close()
			w.say("process %d (%s) has ended", p.pid, printable(p.comm))
		case err != nil:
			return err
		default:
			going = append(going, p)
		}
	}
	w.procs = going
	return nil
}

// ticks says when to read.
type ticks struct {
	every time.Duration
	next  time.Time
	end   time.Time // zero: never
	last  bool
}

func newTicks(every, limit time.Duration) *ticks {
	t := &ticks{every: every, next: time.Now()}
	if limit > 0 {
		t.end = t.next.Add(limit)
	}
	return t
}

// wait returns when the next reading is due. It returns false after the last,
// which comes at the end or when ctx is done.
func (t *ticks) wait(ctx context.Context) bool {
	if t.last {
		return false
	}
	t.next = t.next.Add(t.every)
	if now := time.Now(); t.next.Before(now) { // what was missed is not made up for
		t.next = now
	}
	if !t.end.IsZero() && !t.next.Before(t.end) {
		t.next, t.last = t.end, true
	}
	due := time.NewTimer(time.Until(t.next))
	defer due.Stop()
	select {
	case <-due.C:
	case <-ctx.Done():
		t.last = true
	}
	return true
}
