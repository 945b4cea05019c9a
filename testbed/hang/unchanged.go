package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// count is what became of a program's blocking calls, by its own count.
type count struct {
	kinds, calls       int
	interrupted, wrong map[string]int // by kind
	traced             int            // calls that strace saw interrupted; -1 without it
}

func (c count) sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func (c count) disturbed() bool { return c.sum(c.interrupted)+c.sum(c.wrong) > 0 || c.traced > 0 }

// around is what happens while the program runs: it returns what ends it.
type around func(ctx context.Context, s *stage, pid int) (end func(), err error)

// unchangedTable runs a program of blocking calls of 30 kinds, watched and not,
// with strace and without it, and says whether its calls returned the same. Stopped
// and continued, it must count what that does to it: else its silence proves nothing.
func unchangedTable(ctx context.Context, r runner, d time.Duration, out io.Writer) error {
	const columns = "%-28s %6v %6v %12v %12v %12v  %s\n"
	fmt.Fprintf(out, columns, "program", "kinds", "calls", "interrupted", "other result", "by strace", "result")
	good := true
	for _, row := range []struct {
		name   string
		strace bool
		while  around
		want   bool // it is disturbed
	}{
		{"alone", false, nothing, false},
		{"watched", false, lifesignLooks, false},
		{"under strace", true, nothing, false},
		{"under strace, watched", true, lifesignLooks, false},
		{"stopped and continued", false, stops, true},
		{"under strace, stopped", true, stops, true},
	} {
		c, err := r.count(ctx, d, row.strace, row.while)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		result := "ok"
		if c.disturbed() != row.want {
			result, good = "WRONG", false
		}
		traced := "-"
		if c.traced >= 0 {
			traced = strconv.Itoa(c.traced)
		}
		fmt.Fprintf(out, columns, row.name, c.kinds, c.calls, perKind(c.interrupted), perKind(c.wrong), traced, result)
	}
	if !good {
		return errNotAsExpected
	}
	return nil
}

func perKind(m map[string]int) string {
	n := 0
	for _, v := range m {
		n += v
	}
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, %d kinds", n, len(m))
}

// count runs the program once.
func (r runner) count(ctx context.Context, d time.Duration, strace bool, while around) (c count, err error) {
	s, err := newStage(r.bin, r.programs, d+bound)
	if err != nil {
		return c, err
	}
	defer func() {
		if ended := s.end(); err == nil {
			err = ended
		}
	}()
	program := filepath.Join(r.programs, "calls")
	args := []string{strconv.Itoa(int(d.Seconds()))}
	trace := filepath.Join(s.dir, "trace")
	if strace {
		args = append([]string{"-f", "-qq", "-o", trace, program}, args...)
		program = "strace"
	}
	t, err := s.launch(program, args, d+bound)
	if err != nil {
		return c, err
	}
	end, err := while(ctx, s, t.tid) // the leader is the one that is ready
	if err != nil {
		return c, err
	}
	if _, err := t.release(); err != nil {
		return c, err
	}
	c, err = t.counted(ctx, d+bound)
	end()
	if err != nil {
		return c, fmt.Errorf("%w: %s", err, s.said())
	}
	c.traced = -1
	if strace {
		data, err := os.ReadFile(trace)
		if err != nil {
			return c, err
		}
		c.traced = strings.Count(string(data), "EINTR") + strings.Count(string(data), "ERESTART")
	}
	return c, nil
}

// counted reads the lines that the program prints at its end.
func (t *target) counted(ctx context.Context, most time.Duration) (count, error) {
	c := count{interrupted: map[string]int{}, wrong: map[string]int{}}
	up := time.After(most)
	for {
		var line string
		var ok bool
		select {
		case line, ok = <-t.lines:
		case <-up:
			return c, fmt.Errorf("the program does not end")
		case <-ctx.Done():
			return c, ctx.Err()
		}
		if !ok {
			if c.kinds == 0 {
				return c, fmt.Errorf("the program has counted nothing")
			}
			return c, nil
		}
		var name string
		var calls, interrupted, wrong int
		if _, err := fmt.Sscanf(line, "%s %d %d %d", &name, &calls, &interrupted, &wrong); err != nil || calls == 0 {
			return c, fmt.Errorf("the program says %q: want a kind and three counts, the first not 0", line)
		}
		c.kinds++
		c.calls += calls
		if interrupted > 0 {
			c.interrupted[name] = interrupted
		}
		if wrong > 0 {
			c.wrong[name] = wrong
		}
	}
}

func nothing(context.Context, *stage, int) (func(), error) { return func() {}, nil }

// lifesignLooks watches the program as closely as lifesign can, and inspects it
// again and again.
func lifesignLooks(ctx context.Context, s *stage, pid int) (func(), error) {
	if _, err := watch(s, []string{"-every", "50ms"}, pid); err != nil {
		return nil, err
	}
	return repeatedly(func() {
		_, _ = inspect(ctx, s, pid, time.Second) // what it says is not what counts here
	}), nil
}

// stops stops and continues the program, many times a second.
func stops(_ context.Context, _ *stage, pid int) (func(), error) {
	return repeatedly(func() {
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			_ = syscall.Kill(pid, sig)
			time.Sleep(30 * time.Millisecond)
		}
	}), nil
}

// repeatedly does f again and again until the returned function is called, which
// returns when it is not done any more.
func repeatedly(f func()) (end func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			default:
				f()
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}
