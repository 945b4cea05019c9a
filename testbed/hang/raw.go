package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// look is what the kernel shows of a thread at one instant.
type look struct {
	state  string // one letter; "" if there is no such thread
	wchan  string
	call   int   // -1 in none, -2 while it runs
	ran    int64 // CPU nanoseconds so far
	waited int64
	slices int64
	ticks  [2]int64 // utime and stime
}

func lookAt(pid, tid int) (look, error) {
	dir := fmt.Sprintf("/proc/%d/task/%d/", pid, tid)
	stat, err := os.ReadFile(dir + "stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return look{}, nil
	}
	if err != nil {
		return look{}, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return look{}, fmt.Errorf("parse stat of thread %d: %q", tid, stat)
	}
	l := look{state: fields[0], call: -2}
	l.ticks[0], _ = strconv.ParseInt(fields[11], 10, 64)
	l.ticks[1], _ = strconv.ParseInt(fields[12], 10, 64)
	read := func(name string) string {
		data, _ := os.ReadFile(dir + name) // a thread that ends meanwhile is seen by the next look
		return strings.TrimSpace(string(data))
	}
	l.wchan = read("wchan")
	_, _ = fmt.Sscan(read("schedstat"), &l.ran, &l.waited, &l.slices)
	if call, _, _ := strings.Cut(read("syscall"), " "); call != "running" {
		l.call, _ = strconv.Atoi(call)
	}
	return l, nil
}

// fits says what is not as the table has it, or "".
func (r raw) fits(a, b look) string {
	var wrong []string
	if r.states == "" && b.state != "" || r.states != "" && (b.state == "" || !strings.Contains(r.states, b.state)) {
		wrong = append(wrong, fmt.Sprintf("state %q, want %q", b.state, r.states))
	}
	begins := func(w string) bool { return strings.HasPrefix(b.wchan, w) }
	if b.state != "R" && len(r.wchan) > 0 && !slices.ContainsFunc(r.wchan, begins) {
		wrong = append(wrong, fmt.Sprintf("wchan %s, want %s", b.wchan, strings.Join(r.wchan, " or ")))
	}
	if len(r.calls) > 0 && !slices.Contains(r.calls, b.call) {
		wrong = append(wrong, fmt.Sprintf("call %d, want %v", b.call, r.calls))
	}
	if r.runs && b.ran-a.ran < int64(time.Millisecond) {
		wrong = append(wrong, "it does not run")
	}
	return strings.Join(wrong, "; ")
}

const rawColumns = "%-32s %-5s %-22s %4v %7v %9v %6v %5v %5v  %s\n"

// rawTable makes every case and prints what the kernel shows of its subject: two
// looks, two seconds apart.
func rawTable(ctx context.Context, r runner, cases []scenario, out io.Writer) error {
	fmt.Fprintf(out, rawColumns, "case", "state", "wchan", "call", "ran ms", "waited ms", "slices", "utime", "stime", "result")
	wrong := 0
	for _, c := range cases {
		var a, b look
		err := r.perform(c, func(p *performance) (err error) {
			t := p.target
			if err := p.act(); err != nil {
				return err
			}
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
			if a, err = lookAt(t.pid, t.tid); err != nil {
				return err
			}
			if err := sleep(ctx, 2*time.Second); err != nil {
				return err
			}
			b, err = lookAt(t.pid, t.tid)
			return err
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result := "ok"
		if err != nil {
			result = "WRONG: " + strings.Join(strings.Fields(err.Error()), " ")
		} else if differs := c.raw.fits(a, b); differs != "" {
			result = "WRONG: " + differs
		}
		if result != "ok" {
			wrong++
		}
		if b.state == "" {
			b.state = "gone"
		}
		ms := func(ns int64) string { return fmt.Sprintf("%.0f", float64(ns)/1e6) }
		fmt.Fprintf(out, rawColumns, c.name, b.state, b.wchan, b.call, ms(b.ran-a.ran), ms(b.waited-a.waited),
			b.slices-a.slices, b.ticks[0]-a.ticks[0], b.ticks[1]-a.ticks[1], result)
	}
	if wrong > 0 {
		return fmt.Errorf("%w: %d of %d cases", errNotAsExpected, wrong, len(cases))
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
