package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
	"github.com/lifesign-go/lifesign/testbed/internal/findings"
	"github.com/lifesign-go/lifesign/testbed/internal/mono"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
	"github.com/lifesign-go/lifesign/testbed/internal/trouble"
)

const (
	starting = 30 * time.Second // for a subject to begin its work
	grace    = 3 * time.Second  // to end when it is told to
	slack    = time.Minute      // for a run beyond its phases
	logName  = "lifesign.log"
)

// outcome is what one run showed. Times are CLOCK_MONOTONIC nanoseconds, 0 if it
// did not happen.
type outcome struct {
	trial     trial
	found     []findings.Seen
	fault     int64 // it first happened to somebody
	ended     int64 // the subject ended by itself
	again     bool  // the subject worked when all was well again
	recovered bool  // and lifesign said so, of all that it had found
	err       error // why the run is void
}

// stage is where a run happens: what can go wrong, and the subject.
type stage struct {
	dir      string
	makers   []*trouble.Maker // of what goes wrong, all at once
	findings *findings.File
	done     <-chan struct{} // the subject has ended, or lifesign
	work     atomic.Int64    // that the subject has done
	cleanup  []func()
}

func (s *stage) later(f func()) { s.cleanup = append(s.cleanup, f) }

func (s *stage) close() {
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		s.cleanup[i]()
	}
}

// run runs a trial once.
func (b bench) run(ctx context.Context, t trial, dir string) outcome {
	ctx, cancel := context.WithTimeout(ctx, t.phases()+slack)
	defer cancel()
	o := outcome{trial: t}
	s := &stage{dir: dir, findings: &findings.File{Name: filepath.Join(dir, "findings.jsonl")}}
	defer s.close()
	if o.err = b.start(ctx, t, s); o.err != nil {
		return o
	}
	o.err = s.story(ctx, &o)
	s.findings.Look()
	var unreadable error
	if o.found, unreadable = s.findings.List(); o.err == nil {
		o.err = unreadable
	}
	return o
}

// phases is how long a trial takes at most.
func (t trial) phases() time.Duration {
	if t.fault == nil {
		return starting + t.healthy
	}
	return 2*starting + t.fault.before + trouble.Patience + t.fault.lasts + linger + recovery
}

// start starts the subject and its load, on its medium.
func (b bench) start(ctx context.Context, t trial, s *stage) error {
	if t.clustered() {
		return b.cluster(ctx, t, s)
	}
	data := filepath.Join(s.dir, "store")
	if t.on == disk {
		d, mount, err := trouble.Disk(ctx, filepath.Join(b.bin, "hungfs"), s.dir)
		if err != nil {
			return err
		}
		s.later(d.Stop)
		s.makers, data = append(s.makers, d), mount
	}
	data = filepath.Join(data, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return fmt.Errorf("make the subject's directory: %w", err)
	}
	if t.subject == nats {
		return b.server(ctx, t, s, data)
	}
	return b.alone(ctx, t, s, append([]string{"-dir", data}, t.load...))
}

// alone starts a subject that is its own load, and returns when it works.
func (b bench) alone(ctx context.Context, t trial, s *stage, args []string) error {
	log, err := os.Create(filepath.Join(s.dir, logName))
	if err != nil {
		return fmt.Errorf("make lifesign's log: %w", err)
	}
	s.later(func() { log.Close() })
	args = append(b.lifesign(t, s), append([]string{b.woven(t.subject), "-after", "0", "-for", (t.phases() + slack).String()}, args...)...)
	begun := make(chan int, 1)
	p, err := s.launch(ctx, exec.CommandContext(ctx, args[0], args[1:]...), log, begun)
	if err != nil {
		return err
	}
	s.done = p.Done()
	select {
	case pid := <-begun:
		// lifesign may have given the subject a group of its own.
		s.later(func() { _ = child.Kill(pid) })
	case <-p.Done():
		return fmt.Errorf("the subject ended before it began: %v", p.Err())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.working(ctx)
}

// lifesign is the command line that a subject is run with. What is slow or unknown is
// told too: of what nobody can be certain that is all that there is to be said.
func (b bench) lifesign(t trial, s *stage) []string {
	args := []string{filepath.Join(b.bin, "lifesign"), "run", "-all", "-json", s.findings.Name}
	if t.mimics {
		return append(args, "-mimics", "on", "--")
	}
	return append(args, "-mimics", "off", "--")
}

// launch starts a subject and follows its work.
func (s *stage) launch(ctx context.Context, cmd *exec.Cmd, log io.Writer, begun chan int) (*child.Proc, error) {
	lines, w := io.Pipe()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = w, log, grace
	p, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		report.Subject(lines, func(pid int) { begun <- pid }, func(l report.Line) {
			if l.Event == report.Progress {
				s.work.Store(l.Acked)
			}
		})
	}()
	s.later(func() {
		p.Stop(grace)
		w.Close()
		<-read
	})
	return p, nil
}

// working waits for the subject's first work.
func (s *stage) working(ctx context.Context) error {
	up := time.After(starting)
	for s.work.Load() == 0 {
		select {
		case <-up:
			return fmt.Errorf("the subject did no work in %v", starting)
		case <-s.done:
			return fmt.Errorf("the subject ended before it worked")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(findings.Period):
		}
	}
	return nil
}

// story is health, the fault, and recovery.
func (s *stage) story(ctx context.Context, o *outcome) error {
	f := o.trial.fault
	if f == nil {
		return s.healthy(ctx, o.trial.healthy)
	}
	if err := s.healthy(ctx, f.before); err != nil {
		return err
	}
	if o.trial.dies { // with all the time until its next work, and the mimic of the last to come
		done := s.work.Load()
		s.until(ctx, starting, func() bool { return s.work.Load() > done })
	}
	for _, m := range s.makers {
		at, err := m.Tell(ctx, f.command, f.word)
		if err != nil {
			return err
		}
		if o.fault == 0 || at < o.fault {
			o.fault = at
		}
	}
	if s.until(ctx, f.lasts, func() bool { return f.want != slow && o.noticed(s) }) {
		s.until(ctx, linger, func() bool { return false })
	}
	select {
	case <-s.done:
		o.ended = mono.Now()
		return nil
	default:
	}
	done := s.work.Load()
	for _, m := range s.makers {
		recover, word := "release", "released"
		if o.trial.on == wire {
			recover, word = "recover", "recovered"
		}
		if _, err := m.Tell(ctx, recover, word); err != nil {
			return err
		}
	}
	s.until(ctx, recovery, func() bool {
		all, _ := s.findings.List()
		o.recovered, o.again = findings.AllOver(acting(all)), s.work.Load() > done+1
		return o.recovered && o.again
	})
	return ctx.Err()
}

// acting are the findings that call for something, and that those are over.
func acting(all []findings.Seen) (list []findings.Seen) {
	for _, f := range all {
		if f.Verdict != "slow" && f.Verdict != "unknown" {
			list = append(list, f)
		}
	}
	return list
}

// noticed reports whether something was found since the fault that is what is
// wanted of it.
func (o *outcome) noticed(s *stage) bool {
	all, _ := s.findings.List()
	for _, f := range all {
		if f.At >= o.fault && o.trial.fault.fits(f.Finding) {
			return true
		}
	}
	return false
}

// healthy lets the subject work.
func (s *stage) healthy(ctx context.Context, d time.Duration) error {
	worked := s.work.Load()
	s.until(ctx, d, func() bool { return false })
	select {
	case <-s.done:
		return fmt.Errorf("the subject ended by itself though nothing was wrong")
	default:
	}
	if s.work.Load() == worked {
		return fmt.Errorf("the subject did no work though nothing was wrong")
	}
	return ctx.Err()
}

// until follows the findings for as long as d, while the subject runs, and
// returns early, with true, if enough says so.
func (s *stage) until(ctx context.Context, d time.Duration, enough func() bool) bool {
	up := time.After(d)
	tick := time.NewTicker(findings.Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.done:
			// What it has told last may be in the file only now.
			s.findings.Look()
			return enough()
		case <-up:
			return false
		case <-tick.C:
		}
		s.findings.Look()
		if enough() {
			return true
		}
	}
}
