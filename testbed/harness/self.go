package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
	"github.com/lifesign-go/lifesign/testbed/internal/findings"
	"github.com/lifesign-go/lifesign/testbed/internal/mono"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
	"github.com/lifesign-go/lifesign/testbed/internal/trouble"
)

const (
	recovery = 10 * time.Second // for a subject to work again after its disk does, and for lifesign to say so
	grace    = 3 * time.Second  // for a subject to end when it is told to
)

// self is a run of a subject that is its own load: a main program that works,
// and says how it fares on standard output.
type self struct {
	r     runner
	s     scenario
	found *findings.File
	disk  *trouble.Maker // nil if the subject makes its fault itself, or has none
	proc  *child.Proc
	story loadStory
	begun chan int // the process id, once the subject has told it
}

// runSelf runs such a subject once.
func (r runner) runSelf(ctx context.Context, s scenario, dir string) outcome {
	o := outcome{scenario: s}
	x := &self{r: r, s: s, begun: make(chan int, 1), found: &findings.File{Name: filepath.Join(dir, "findings.jsonl")}}
	o.err = x.run(ctx, dir, &o)
	x.found.Look()
	var unreadable error
	o.found, unreadable = x.found.List()
	o.load = x.story.account
	for _, err := range []error{x.story.err, unreadable} {
		if o.err == nil {
			o.err = err
		}
	}
	return o
}

func (x *self) run(ctx context.Context, dir string, o *outcome) error {
	store := filepath.Join(dir, "store")
	if x.s.self.Disk {
		var err error
		if x.disk, store, err = trouble.Disk(ctx, filepath.Join(x.r.bin, "hungfs"), dir); err != nil {
			return err
		}
		defer x.disk.Stop()
	}
	store = filepath.Join(store, "data")
	if err := os.MkdirAll(store, 0o755); err != nil {
		return fmt.Errorf("make the subject's directory: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, logName))
	if err != nil {
		return fmt.Errorf("make lifesign's log: %w", err)
	}
	defer log.Close()
	stop, err := x.start(ctx, store, log)
	if err != nil {
		return err
	}
	defer stop()
	select {
	case pid := <-x.begun:
		// lifesign may have given the subject a group of its own.
		defer child.Kill(pid)
		return x.watch(ctx, pid, o)
	case <-x.proc.Done():
		return fmt.Errorf("the subject ended before it began: %v", x.proc.Err())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// start starts the subject, under lifesign unless the scenario has it alone.
func (x *self) start(ctx context.Context, store string, log io.Writer) (stop func(), err error) {
	args := []string{x.r.program(x.s), "-dir", store, "-for", x.s.duration().String()}
	if !x.s.hangs {
		args = append(args, "-after", "0")
	}
	args = append(append(args, x.s.self.Args...), x.s.load...)
	if !x.s.alone {
		args = append([]string{filepath.Join(x.r.bin, "lifesign"), "run", "-json", x.found.Name, "--"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	lines, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, log
	cmd.WaitDelay = grace
	if x.proc, err = child.Start(cmd); err != nil {
		return nil, err
	}
	var reading sync.WaitGroup
	reading.Go(func() { x.listen(lines) })
	return func() {
		x.proc.Stop(grace)
		w.Close()
		reading.Wait()
	}, nil
}

// listen reads what the subject says.
func (x *self) listen(r io.Reader) {
	report.Subject(r, func(pid int) { x.begun <- pid }, x.story.hear)
}

// watch follows the subject until its time is up, or its fault was found.
func (x *self) watch(ctx context.Context, pid int, o *outcome) error {
	if x.disk != nil {
		return x.hang(ctx, o)
	}
	disturbing := make(chan error, 1)
	go func() { disturbing <- x.s.disturbAll(ctx, pid, x.proc.Done(), &x.story) }()
	if err := x.follow(ctx, nil); err != nil {
		return err
	}
	if x.s.disturb != undisturbed {
		return <-disturbing
	}
	return nil
}

// hang lets the disk hang under the subject, and answer again.
func (x *self) hang(ctx context.Context, o *outcome) error {
	wait(ctx, before)
	held, err := x.disk.Tell(ctx, "hold", "held")
	if err != nil {
		return err
	}
	x.story.hear(report.Line{Event: report.Stall, At: mono.Now(), LastAck: held})
	if err := x.follow(ctx, time.After(patience)); err != nil {
		return err
	}
	x.story.mark(&x.story.from)
	if _, err := x.disk.Tell(ctx, "release", "released"); err != nil {
		return err
	}
	for end := time.After(recovery); !o.recovered || !o.again; {
		select {
		case <-end:
			return nil
		case <-x.proc.Done():
			return fmt.Errorf("the subject ended when its disk answered again: %v", x.proc.Err())
		case <-time.After(findings.Period):
		}
		x.found.Look()
		all, _ := x.found.List()
		o.recovered = len(all) == 0 || findings.AllOver(all)
		x.story.mark(&x.story.to)
		o.again = x.story.to.Acked > x.story.from.Acked
	}
	return nil
}

// follow looks at the findings until the subject ends, the time is up, or a
// fault has happened, was found, and a moment has passed.
func (x *self) follow(ctx context.Context, up <-chan time.Time) error {
	tick := time.NewTicker(findings.Period)
	defer tick.Stop()
	var enough <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the run took too long: %w", context.Cause(ctx))
		case <-x.proc.Done():
			return nil
		case <-up:
			return nil
		case <-enough:
			return nil
		case <-tick.C:
		}
		x.found.Look()
		all, _ := x.found.List()
		if enough == nil && x.s.hangs && x.story.stalled() && len(findings.StuckOnly(all)) > 0 {
			enough = time.After(linger)
		}
	}
}
