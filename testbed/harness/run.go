package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
	"github.com/lifesign-go/lifesign/testbed/internal/findings"
	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

const (
	slack  = 20 * time.Second // for a run beyond its load: start, last time-outs, end
	linger = time.Second      // after a fault was found, for findings that should not be
)

// outcome is what one run showed.
type outcome struct {
	scenario scenario
	found    []findings.Seen
	load     account
	health   int   // the status of /healthz while the fault stood, or at the end; NATS only
	err      error // why the run is void

	// With a disk that hangs and answers again:
	again     bool // the subject worked again
	recovered bool // lifesign said so, of all that it had found
}

// runner knows where everything is.
type runner struct {
	bin      string // lifesign and natsload, and where the subjects' programs go
	subjects string
	scratch  string // for stores and logs, emptied by whoever made it
	weave    bool   // weave as part of the run, for all to see
	reuse    bool   // what was built before is good enough
	modules  map[string]subject.Module
}

// run runs s once.
func (r runner) run(ctx context.Context, s scenario, dir string) outcome {
	ctx, cancel := context.WithTimeout(ctx, s.duration()+slack+r.weaving())
	defer cancel()
	if s.self != nil {
		return r.runSelf(ctx, s, dir)
	}
	o := outcome{scenario: s}
	opts := r.options(s, dir)
	log, err := os.Create(filepath.Join(dir, logName))
	if err != nil {
		o.err = fmt.Errorf("make lifesign's log: %w", err)
		return o
	}
	defer log.Close()
	opts.Stderr = log
	if r.weave {
		opts.Stderr = io.MultiWriter(log, os.Stderr)
	}
	server, err := subject.Start(ctx, opts)
	if err != nil {
		o.err = err
		return o
	}
	defer server.Stop()
	found := &findings.File{Name: server.Findings}
	if err := r.underLoad(ctx, s, server, found, &o); err != nil {
		o.err = err
	}
	found.Look()
	var unreadable error
	o.found, unreadable = found.List()
	if o.err == nil {
		o.err = unreadable
	}
	return o
}

func (r runner) weaving() time.Duration {
	if r.weave {
		return 5 * time.Minute
	}
	return 0
}

func (r runner) options(s scenario, dir string) subject.Options {
	o := subject.Options{Dir: dir, Env: s.env}
	switch {
	case s.alone:
		o.Binary = r.program(s)
	case r.weave:
		m := r.modules[s.subject]
		o.Lifesign, o.Weave = filepath.Join(r.bin, "lifesign"), &m
	default:
		o.Lifesign, o.Binary = filepath.Join(r.bin, "lifesign"), r.program(s)
	}
	return o
}

// program is the file of the subject's program.
func (r runner) program(s scenario) string {
	if s.alone {
		return filepath.Join(r.bin, s.subject+"-plain")
	}
	return filepath.Join(r.bin, s.subject+"-woven")
}

// underLoad loads the server, disturbs it, and follows both until the load is
// over or the fault stands and is found.
func (r runner) underLoad(ctx context.Context, s scenario, server *subject.Server, found *findings.File, o *outcome) error {
	args := append([]string{"-url", server.URL, "-duration", s.duration().String()}, s.load...)
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "natsload"), args...)
	lines, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	load, err := child.Start(cmd)
	if err != nil {
		return err
	}
	defer load.Stop(slack)
	var reading sync.WaitGroup
	var story loadStory
	reading.Go(func() { story.follow(lines) })
	reading.Go(func() {
		<-load.Done()
		w.Close()
	})
	disturbing := make(chan error, 1)
	go func() { disturbing <- s.disturbAll(ctx, server.PID, load.Done(), &story) }()
	err = r.follow(ctx, s, server, found, load, &story)
	if s.hangs {
		load.Stop(slack)
	}
	o.health, _ = server.Healthz(ctx) // 0, which no grade accepts, if it does not answer
	if s.disturb != undisturbed && err == nil {
		err = <-disturbing
	}
	reading.Wait()
	o.load = story.account
	if err == nil {
		err = story.err
	}
	return err
}

// follow looks at the findings until the load is over, or, where a fault is
// to be met, until it stands, was found, and a moment has passed.
func (r runner) follow(ctx context.Context, s scenario, server *subject.Server, found *findings.File, load *child.Proc, story *loadStory) error {
	tick := time.NewTicker(findings.Period)
	defer tick.Stop()
	var enough <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the run took too long: %w", context.Cause(ctx))
		case <-server.Done():
			return fmt.Errorf("the server ended under load")
		case <-load.Done():
			return nil
		case <-enough:
			return nil
		case <-tick.C:
		}
		found.Look()
		all, _ := found.List()
		if enough == nil && s.hangs && story.stalled() && (len(all) > 0 || s.alone) {
			enough = time.After(linger)
		}
	}
}

// logName is what lifesign itself says in a run.
const logName = "lifesign.log"

// healthy is what every probe says of a server that only seems to serve.
const healthy = http.StatusOK
