package dump

import (
	"errors"
	"time"

	"github.com/lifesign-go/lifesign/internal/dump"
)

// Known is what was learnt of a process while it was well, for when it is gone.
type Known struct{ d *dump.Dump }

// Know asks what a process is: its program, command line, environment, and what the
// toolchain has left in it.
func Know(pid int) (*Known, error) {
	t := &taker{pid: pid, d: &dump.Dump{Version: dump.Version}}
	if err := t.process(); err != nil {
		return nil, err
	}
	return &Known{t.d}, nil
}

// Unknown is for a process that was gone before anything was learnt of it.
func Unknown(pid int) *Known {
	return &Known{&dump.Dump{
		Version: dump.Version, Process: dump.Process{PID: pid}, Missing: []string{"what the process was: it was gone too soon"},
	}}
}

// Ended returns a dump of a process that has ended: what was known of it, what its Go
// runtime has written, and what stands in its vitals page, which outlives it.
// target.Reason is what the wait status tells; the crash's text tells more. early is a
// dump that was taken as the process died, nil if there was no time for one; rules
// have been applied to it.
func (k *Known) Ended(target Target, early *dump.Dump) *dump.Dump {
	d := *k.d
	d.Time, d.Reason = time.Now(), target.Reason
	d.Findings, d.Mimics, d.Log, d.Text = target.Findings, target.Mimics, target.Log, target.Text
	if early != nil && len(early.Threads)+len(early.Goroutines) > 0 {
		d.Threads, d.Goroutines, d.Facts, d.Mappings, d.Auxv, d.Memory = early.Threads, early.Goroutines, early.Facts, early.Mappings, early.Auxv, early.Memory
		d.Missing = append(append([]string(nil), early.Missing...), "what the program's threads did later than this: it was dying as they were looked at")
	} else {
		d.Missing = append(append([]string(nil), d.Missing...), "registers, memory and threads: the process was gone")
	}
	t := &taker{pid: target.PID, d: &d}
	if target.Page != nil {
		if err := t.vitals(target.Page, nil, false); err != nil {
			t.miss("operations in flight and locks", err)
		}
	}
	if d.Text != "" {
		Crashed(&d, d.Text)
	} else {
		t.miss("stacks of goroutines", errors.New("its Go runtime has written nothing as it ended"))
	}
	target.Rules.Apply(&d)
	return &d
}

// Crashed adds to a dump what a program's Go runtime has written as it crashed: the
// reason, if it tells one, and goroutines.
func Crashed(d *dump.Dump, text string) {
	d.Text = text
	r, all := dump.ParseCrash(text)
	if r.Kind != "" {
		thread := d.Reason.Thread
		if r.Signal == 0 {
			r.Signal, r.Name = d.Reason.Signal, d.Reason.Name
		}
		d.Reason = r
		d.Reason.Thread = thread
	}
	if len(all) == 0 {
		return
	}
	if d.Reason.Goroutine == 0 {
		d.Reason.Goroutine = all[0].ID
	}
	if len(d.Goroutines) == 0 {
		d.Goroutines = dump.Group(all)
		return
	}
	// All were looked at already, but what the runtime tells is of the very moment.
	told := map[uint64]bool{}
	for _, g := range all {
		told[g.ID] = true
	}
	groups := dump.Group(all)
	for _, g := range d.Goroutines {
		var rest []dump.Member
		for _, m := range g.Members {
			if !told[m.ID] {
				rest = append(rest, m)
			}
		}
		if g.Members = rest; len(rest) > 0 {
			groups = append(groups, g)
		}
	}
	d.Goroutines = groups
}
