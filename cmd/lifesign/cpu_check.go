package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/lifesign-go/lifesign/internal/cputime"
	"golang.org/x/sys/unix"
)

// checkTime is how long lifesign cpu -check looks if nobody says.
const checkTime = 5 * time.Second

// kernelCheck is the verdict on a kernel, as -check -json prints it.
type kernelCheck struct {
	Release   string           `json:"release"`
	Verdict   cputime.Verdict  `json:"verdict"`
	Version   kernelEvidence   `json:"version"`
	Behaviour kernelEvidence   `json:"behaviour"`
	Processes int              `json:"processes"`          // that were looked at
	Suspects  []kernelEvidence `json:"suspects,omitempty"` // processes that have shown the fault
}

// kernelEvidence is one half of the verdict, or what one process has shown.
type kernelEvidence struct {
	PID     int             `json:"pid,omitempty"`
	Comm    string          `json:"comm,omitempty"`
	Verdict cputime.Verdict `json:"verdict"`
	Why     string          `json:"why"`
}

// checkCPU looks at all processes and tells whether this kernel is affected. It
// returns the exit status.
func checkCPU(ctx context.Context, o cpuOptions, stdout io.Writer) (int, error) {
	if o.limit == 0 {
		o.limit = checkTime
	}
	release, err := kernelRelease()
	if err != nil {
		return 0, err
	}
	h := &hostCheck{procs: map[int]*cpuProcess{}}
	if err := h.step(); err != nil {
		return 0, err
	}
	for t := newTicks(o.every, o.limit); t.wait(ctx); {
		if err := h.step(); err != nil {
			return 0, err
		}
	}
	check := h.judge(release)
	if o.json {
		err = printJSON(stdout, check)
	} else {
		err = check.print(stdout)
	}
	return check.status(), err
}

func kernelRelease() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("read the kernel's release: %w", err)
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// hostCheck looks at all processes of a machine.
type hostCheck struct {
	procs map[int]*cpuProcess
	ended []*cpuProcess
}

// step reads each process, those that have come since the last time for the
// first time. One that cannot be read is left out: there are others.
func (h *hostCheck) step() error {
	pids, err := processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		p := h.procs[pid]
		if p == nil {
			if p, err = openCPU(pid, false); err == nil {
				h.procs[pid] = p
			}
			continue
		}
		if _, _, err := p.step(); err != nil {
			delete(h.procs, pid)
			h.ended = append(h.ended, p)
		}
	}
	return nil
}

func (h *hostCheck) judge(release string) kernelCheck {
	var sum cputime.Evidence
	check := kernelCheck{Release: release}
	add := func(p *cpuProcess) {
		e := p.account.Evidence()
		sum.Add(e)
		if v := e.Verdict(); v == cputime.Affected {
			check.Suspects = append(check.Suspects, kernelEvidence{p.pid, p.comm, v, e.Why()})
		}
	}
	for _, p := range h.procs {
		add(p)
	}
	for _, p := range h.ended {
		add(p)
	}
	sort.Slice(check.Suspects, func(i, j int) bool { return check.Suspects[i].PID < check.Suspects[j].PID })
	v, why := cputime.ByVersion(release)
	check.Version = kernelEvidence{Verdict: v, Why: why}
	check.Behaviour = kernelEvidence{Verdict: sum.Verdict(), Why: sum.Why()}
	check.Verdict = cputime.Judge(v, sum.Verdict())
	check.Processes = sum.Processes
	return check
}

func (c kernelCheck) status() int {
	switch c.Verdict {
	case cputime.NotAffected:
		return 0
	case cputime.Affected:
		return exitAffected
	}
	return exitCannotTell
}

// mostSuspects is how many processes are shown.
const mostSuspects = 10

func (c kernelCheck) print(out io.Writer) error {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	text := fmt.Sprintf("%s, Linux %s: utime and stime of /proc/PID/stat\n"+
		"  verdict       %s\n"+
		"  by version    %s: %s\n"+
		"  by behaviour  %s: %d processes: %s\n",
		host, c.Release, c.Verdict, c.Version.Verdict, c.Version.Why, c.Behaviour.Verdict, c.Processes, c.Behaviour.Why)
	for n, s := range c.Suspects {
		if n == mostSuspects {
			text += fmt.Sprintf("  and of %d processes more\n", len(c.Suspects)-n)
			break
		}
		text += fmt.Sprintf("  process %d (%s): %s\n", s.PID, printable(s.Comm), s.Why)
	}
	_, err = io.WriteString(out, text)
	return err
}
