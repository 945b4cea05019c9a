package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// outcome is what lifesign said in one run of a case.
type outcome struct {
	err     error
	subject group         // by inspect; without a verdict if it was gone
	state   string        // of /proc, at the end of that look
	ran     time.Duration // CPU time of the subject during that look
	found   []finding     // by watch, about the subject
	others  []finding     // of what is wrong with other threads of the program
	took    time.Duration // from the deed to the first finding that is right; 0 if there was none
}

const (
	lookFor   = 2 * time.Second        // inspect's own default
	settle    = 300 * time.Millisecond // from the deed until inspect begins to look
	leastLook = 4 * time.Second        // how long what must stay silent is watched
)

// observe has lifesign watch and inspect a case.
func (r runner) observe(ctx context.Context, c scenario) (o outcome) {
	o.err = r.perform(c, func(p *performance) error {
		w, err := watch(p.stage, []string{"-all"}, p.target.pid)
		if err != nil {
			return err
		}
		if err := p.act(); err != nil {
			return err
		}
		inspected := make(chan error, 1)
		go func() {
			inspected <- o.inspect(ctx, p, c.lookFor())
		}()
		err = o.follow(ctx, c, p, w)
		return errors.Join(err, <-inspected)
	})
	return o
}

// lookFor is how long inspect is to look: long enough for the budget of the case.
func (c scenario) lookFor() time.Duration {
	if c.want.kind == isVanished {
		return lookFor
	}
	return max(lookFor, c.want.within-settle)
}

// inspect looks at the case once it has settled.
func (o *outcome) inspect(ctx context.Context, p *performance, d time.Duration) error {
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	a, err := lookAt(p.target.pid, p.target.tid)
	if err != nil {
		return err
	}
	i, err := inspect(ctx, p.stage, p.target.pid, d)
	if err != nil {
		return err
	}
	b, err := lookAt(p.target.pid, p.target.tid)
	if err != nil {
		return err
	}
	o.subject, _ = i.of(p.target.tid)
	o.state, o.ran = b.state, time.Duration(b.ran-a.ran)
	return nil
}

// follow reads what watch finds until it is right, or time is up.
func (o *outcome) follow(ctx context.Context, c scenario, p *performance, w *watcher) error {
	limit := leastLook
	if c.want.within > 0 {
		limit = 2*c.want.within + 3*time.Second
	}
	start := time.Now()
	for time.Since(start) < limit && (o.took == 0 || c.want.kind == isQuiet) {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
		if err := w.look(); err != nil {
			return err
		}
		select {
		case <-w.ended:
			if !gone(p.target.pid) {
				return fmt.Errorf("lifesign watch has ended: %v: %s", w.err, w.said())
			}
		default:
		}
		o.sort(c, p, w)
	}
	return nil
}

// sort takes the new findings in.
func (o *outcome) sort(c scenario, p *performance, w *watcher) {
	for _, f := range w.all {
		switch {
		case f.about(p.target.tid):
			o.found = append(o.found, f)
			if o.took == 0 && slices.Contains(c.want.verdicts, f.Verdict) && f.Verdict != "unknown" {
				o.took = time.Duration(f.came - p.at)
			}
		case f.Thread == p.target.pid:
			o.others = append(o.others, f) // the heart, which beats
		}
	}
	w.all = nil
}

// A performance is a case that is being made.
type performance struct {
	*stage
	target *target
	act    func() error // does the deed
	at     int64        // when it was done
}

// bound ends programs that nobody ends.
const bound = 2 * time.Minute

// perform makes a case up to its deed, has f do that and look at it, and undoes it.
func (r runner) perform(c scenario, f func(*performance) error) (err error) {
	s, err := newStage(r.bin, r.programs, bound)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: %s", err, s.said())
		}
		err = errors.Join(err, s.end())
	}()
	args := c.args
	if c.prepare != nil {
		more, err := c.prepare(s)
		if err != nil {
			return err
		}
		args = append(args[:len(args):len(args)], more...)
	}
	t, err := s.launch(c.program, args, bound)
	if err != nil {
		return err
	}
	p := &performance{stage: s, target: t}
	p.act = func() (err error) {
		if c.before != nil {
			if err := c.before(s, t); err != nil {
				return err
			}
		}
		if p.at, err = t.release(); err != nil || c.after == nil {
			return err
		}
		return c.after(s, t)
	}
	return f(p)
}
