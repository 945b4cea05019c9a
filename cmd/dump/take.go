package dump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/cmd/ptrace"
	"github.com/lifesign-go/lifesign/cmd/unwind"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
	"github.com/lifesign-go/lifesign/internal/look"
)

// Target is what a dump is taken of, and what the caller knows of it.
type Target struct {
	PID      int
	Page     *observe.Page // its vitals page, nil to look for one in its memory
	Reason   dump.Reason
	Findings []event.Finding // newest first
	Mimics   []dump.Mimic    // newest first
	Log      []string        // the last lines, oldest first
	Text     string          // what its Go runtime has written as it crashed; see Crashed
	Rules    dump.Rules      // are applied to the dump
}

// Options say how a dump is taken.
type Options struct {
	Limit int64 // of the dump's size, bytes; 0 is dump.Usual

	// Run has threads go on: there are no registers, and of stacks only those of blocked
	// threads. Nothing can get EINTR.
	Run bool

	// Helper is a command line to which the process's number is added, and which calls
	// Threads. It is what stops a process that lifesign has started itself. nil if there
	// is none.
	Helper []string
}

// Take takes a dump of a process. An error means that there is none: there is no such
// process, or ctx has ended. What could not be had is in Missing.
func Take(ctx context.Context, target Target, o Options) (*dump.Dump, error) {
	t, mem, err := take(ctx, target.PID, target.Reason, o)
	if err != nil {
		return nil, fmt.Errorf("take a dump: %w", err)
	}
	d := t.d
	d.Findings, d.Mimics, d.Log, d.Text = target.Findings, target.Mimics, target.Log, target.Text
	t.goroutines(target.Page, mem)
	if target.Text != "" {
		Crashed(d, target.Text)
	}
	t.fact("took", time.Since(d.Time).Round(time.Millisecond).String())
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("take a dump: %w", err)
	}
	target.Rules.Apply(d)
	return d, nil
}

// take takes what the kernel has of a process.
func take(ctx context.Context, pid int, reason dump.Reason, o Options) (*taker, look.Memory, error) {
	if o.Limit == 0 {
		o.Limit = dump.Usual
	}
	t := &taker{pid: pid, reserve: 2 * o.Limit, d: &dump.Dump{Version: dump.Version, Time: time.Now(), Reason: reason}}
	if err := t.process(); err != nil {
		return nil, nil, err
	}
	mem := look.Patient(look.Process(pid), patience)
	t.readMaps()
	t.linked = t.links(mem)
	helped := false
	if !o.Run && t.d.Process.Parent == os.Getpid() && o.Helper != nil {
		if err := t.help(ctx, o); err != nil {
			t.miss("registers and memory", err)
		} else {
			helped = true
		}
	}
	if !helped {
		tids, err := t.tids()
		if err != nil {
			return nil, nil, err
		}
		t.states(tids, t.kernel(mem))
		if o.Run {
			t.miss("registers and memory", errors.New("threads were not to be stopped"))
		} else if err := t.halt(look.Patient(look.Process(pid), readTime), o.Limit); err != nil && !errors.Is(err, ptrace.ErrGone) {
			t.miss("registers and memory", err)
		}
		t.follow()
	}
	return t, mem, ctx.Err()
}

// follow names the functions of threads.
func (t *taker) follow() {
	u, err := unwind.New(t.pid)
	if err != nil {
		t.miss("the functions of threads", err)
		return
	}
	t.names(u)
}

// Threads takes what Take takes of threads and memory, and writes it as a dump that
// another process reads: it is what a helper does. Rules are not applied.
func Threads(ctx context.Context, pid, thread int, limit int64) ([]byte, error) {
	t, _, err := take(ctx, pid, dump.Reason{Kind: dump.Asked, Thread: thread}, Options{Limit: limit})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = dump.Write(&b, t.d, 4*limit)
	return b.Bytes(), err
}

// helpTime is how long a helper may take.
const helpTime = 2 * time.Second

// help has a helper take threads and memory.
func (t *taker) help(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	args := append(append([]string(nil), o.Helper[1:]...), strconv.Itoa(t.pid), strconv.Itoa(t.d.Reason.Thread), strconv.FormatInt(o.Limit, 10))
	cmd := exec.CommandContext(ctx, o.Helper[0], args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("a helper: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	h, err := dump.Read(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		return fmt.Errorf("a helper: %w", err)
	}
	t.d.Threads, t.d.Facts, t.d.Cuts = h.Threads, h.Facts, h.Cuts
	for _, m := range h.Missing {
		if !slices.Contains(t.d.Missing, m) {
			t.d.Missing = append(t.d.Missing, m)
		}
	}
	t.d.Memory = h.Memory
	t.order(o.Limit)
	return nil
}

// order puts memory that was read back, by address, into the order in which it matters.
func (t *taker) order(limit int64) {
	var first []dump.Segment
	steps := t.wishes(limit)
	for _, w := range slices.Concat(steps[:]...) {
		for _, w := range t.mapped(w) {
			if b := t.segment(w.addr); len(b) > 0 {
				first = append(first, dump.Segment{Addr: w.addr, Data: b[:min(uint64(len(b)), w.size)]})
			}
		}
	}
	t.d.Memory = append(first, t.d.Memory...) // what is in both is written once
}
