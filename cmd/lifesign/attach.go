package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/lifesign-go/lifesign/cmd/attach"
	"github.com/lifesign-go/lifesign/internal/clock"
)

const attachUsage = `usage: lifesign attach [FLAGS] URL|HOST:PORT

Attach watches a running Go program that nothing was woven into, by what its
net/http/pprof endpoint tells, and reports what is stuck in it. Without a path the
endpoint is taken to be at /debug/pprof/.

It sees less than lifesign run does, and later. Proven: who sends to a nil
channel, and who worked before, or serves a request, and now waits where nothing
can serve it. Inferred, by the runtime's own account, which is in minutes: who
has not run for that long while it waits for a lock, or in a system call such as
fsync that answers no outside; and crowds that wait to send. Who holds a lock
cannot be seen. Waits to receive are taken for waits for work.

The number of goroutines at each place is read every few seconds, their stacks
once in a minute and when there is something to suspect. To have its stacks read
stops the program, for some 20 µs a goroutine.

  -once             look, look again if need be, and end
  -every DURATION   time between two readings; default 5s
  -budget DURATION  how long a lock may be waited for; default and least 1m
  -stop DURATION    do not read stacks if that is expected to stop the program for
                    longer; default 250ms
  -json FILE        append each finding to FILE, a JSON object a line
  -mute PATTERN     do not report findings in which a place, function or object
                    matches this regular expression; may be repeated
  -all              also report what takes no action: what is slow, or of which
                    lifesign cannot tell
  -fail             end with status 3 if anything was found stuck
`

type attachOptions struct {
	target string
	once   bool
	fail   bool
	watch  attach.Config
	report runOptions
}

// attachCommand is lifesign attach. It returns the exit status.
func attachCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseAttach(args)
	if status, ends := unusable("attach", attachUsage, err, stdout, stderr); ends {
		return status
	}
	tell, err := newReporter(stderr, o.report)
	if err != nil {
		fmt.Fprintf(stderr, "lifesign attach: %v\n", err)
		return 1
	}
	defer tell.close()
	if err := attachTo(ctx, o, tell); err != nil {
		fmt.Fprintf(stderr, "lifesign attach: %v\n", err)
		return 1
	}
	if o.fail && tell.stuck > 0 {
		return exitFinding
	}
	return 0
}

func parseAttach(args []string) (attachOptions, error) {
	var o attachOptions
	flags := flag.NewFlagSet("attach", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.once, "once", false, "")
	flags.BoolVar(&o.fail, "fail", false, "")
	flags.DurationVar(&o.watch.Every, "every", 0, "")
	flags.DurationVar(&o.watch.Budget, "budget", 0, "")
	flags.DurationVar(&o.watch.Stop, "stop", 0, "")
	flags.StringVar(&o.report.json, "json", "", "")
	flags.BoolVar(&o.report.all, "all", false, "")
	flags.Func("mute", "", func(s string) error {
		re, err := regexp.Compile(s)
		if err == nil {
			o.report.mute = append(o.report.mute, re)
		}
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if n := flags.NArg(); n != 1 {
		return o, fmt.Errorf("one URL or HOST:PORT is needed, there are %d (flags come before it)", n)
	}
	if o.watch.Every < 0 || o.watch.Budget < 0 || o.watch.Stop < 0 {
		return o, errors.New("durations cannot be negative")
	}
	o.target = flags.Arg(0)
	return o, nil
}

// answerTime is how long a program may take to answer before it is said not to.
const answerTime = 10 * time.Second

// attachTo watches until ctx ends or, with -once, all is settled. An error means
// that nothing could be read in the first place.
func attachTo(ctx context.Context, o attachOptions, tell *reporter) error {
	c, err := attach.NewClient(o.target, answerTime+o.watch.Stop)
	if err != nil {
		return err
	}
	tell.program(c.Name())
	w := attach.NewWatch(o.watch)
	var next attach.Actions
	for first, silent := true, false; ; first = false {
		read, err := readOnce(ctx, c, next.Dump)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (first || o.once):
			return err
		case err != nil && !silent:
			tell.say(fmt.Sprintf("nothing is known for now: %v", err))
		case err == nil && silent:
			tell.say("it answers again")
		}
		silent = err != nil
		next = w.Step(read)
		for _, f := range next.Findings {
			tell.finding(f)
		}
		if next.Remark != "" {
			tell.say(next.Remark)
		}
		if o.once && !next.Dump {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next.Wait):
		}
	}
}

// readOnce reads a dump or a profile.
func readOnce(ctx context.Context, c *attach.Client, dump bool) (r attach.Read, err error) {
	if dump {
		r.Dump, r.Took, err = c.Dump(ctx)
	} else {
		r.Profile, r.Took, err = c.Profile(ctx)
	}
	r.At = clock.Monotonic()
	return r, err
}
