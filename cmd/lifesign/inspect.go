package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/proc"
	"github.com/lifesign-go/lifesign/internal/tell"
)

const inspectUsage = `usage: lifesign inspect [FLAGS] PID…
       lifesign inspect [FLAGS] -name REGEXP

Inspect looks at the threads of a process for two seconds, by what the kernel
tells of them, and says what they are about: a verdict for each group of like
threads and one for the process, the worst of theirs. Any process will do. It is
not stopped, not traced and not asked, and does not notice, but with -ptrace.

  -for DURATION  how long to look; default 2s, least 1s. Some verdicts take
                 longer: of a wait for which there is no other evidence than that
                 it lasts, nothing is said before 10s. On a machine on which
                 lifesign itself has to wait for a processor it looks for longer,
                 five times as long at most
  -name REGEXP   look at the processes whose program's name matches
  -json          print a JSON object a process, on one line
  -ptrace        afterwards, stop threads that spin, or wait on a futex, for some
                 microseconds each: does the instruction pointer move, and in which
                 functions? This is not harmless: a thread that at this very moment
                 begins to wait for something else can get EINTR

The exit status says what was found, of several processes the worst:

  0  they work, or wait for work    5  slow, starved or spinning
  3  stuck for certain, or a        6  paused
     thread has vanished            7  it cannot be told
  4  stuck, as far as can be seen   1  an error; 2, a wrong command line
`

const (
	inspectFor   = 2 * time.Second
	inspectLeast = time.Second
)

// What inspect ends with, besides 1 and 2.
const (
	exitStuckInferred = 4
	exitTroubled      = 5
	exitPaused        = 6
	exitUnknown       = 7
)

type inspectOptions struct {
	targets targets
	span    time.Duration
	json    bool
	ptrace  bool
}

// inspectCommand is lifesign inspect. It returns the exit status.
func inspectCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseInspect(args)
	if status, ends := unusable("inspect", inspectUsage, err, stdout, stderr); ends {
		return status
	}
	m := observe.NewMachine()
	defer m.Close()
	pids, err := o.targets.find(m)
	if err == nil && len(pids) == 0 {
		err = fmt.Errorf("no process has a name that matches %s", o.targets.name)
	}
	if err != nil {
		fmt.Fprintf(stderr, "lifesign inspect: %v\n", err)
		return 1
	}
	found, failed := inspectAll(ctx, m, pids, o)
	var worst *tell.Whole
	for i, f := range found {
		if err := failed[i]; err != nil {
			fmt.Fprintf(stderr, "lifesign inspect: %v\n", err)
			continue
		}
		if err := f.print(stdout, o.json); err != nil {
			fmt.Fprintf(stderr, "lifesign inspect: %v\n", err)
			return 1
		}
		if worst == nil || f.Whole.Worse(*worst) {
			worst = &found[i].Whole
		}
	}
	return inspectStatus(worst, failed)
}

// inspectStatus is the exit status. Of several processes the worst verdict
// counts; an error outranks only that all is well.
func inspectStatus(worst *tell.Whole, failed []error) int {
	status := 1
	if worst != nil {
		status = verdictStatus(*worst)
	}
	for _, err := range failed {
		if err != nil && status == 0 {
			return 1
		}
	}
	return status
}

// verdictStatus is the exit status that tells a verdict.
func verdictStatus(w tell.Whole) int {
	switch w.Verdict {
	case event.Working, event.Idle:
		return 0
	case event.Vanished, event.Crashed:
		return exitFinding
	case event.Stuck:
		if w.Class == event.Proven {
			return exitFinding
		}
		return exitStuckInferred
	case event.Slow, event.Starved, event.Spinning:
		return exitTroubled
	case event.Paused:
		return exitPaused
	}
	return exitUnknown
}

func parseInspect(args []string) (inspectOptions, error) {
	o := inspectOptions{span: inspectFor}
	var name string
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("for", "", atLeast(&o.span, inspectLeast))
	flags.StringVar(&name, "name", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&o.ptrace, "ptrace", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	o.targets, err = parseTargets(flags.Args(), name)
	return o, err
}

// inspected is what a look at one process came to.
type inspected struct {
	tell.Inspection
	node    event.Node
	machine event.Standing // the verdict on the machine

	pointers [][]pointer // a group, where threads were stopped
}

// inspectAll looks at several processes at the same time.
func inspectAll(ctx context.Context, m *observe.Machine, pids []int, options inspectOptions) ([]inspected, []error) {
	found, failed := make([]inspected, len(pids)), make([]error, len(pids))
	var all sync.WaitGroup
	for i, pid := range pids {
		all.Add(1)
		go func() {
			defer all.Done()
			found[i], failed[i] = inspect(ctx, m, pid, options.span)
			if options.ptrace && failed[i] == nil {
				found[i].addPointers()
			}
		}()
	}
	all.Wait()
	return found, failed
}

// look is how long a look takes: its span, not counted by how much samples were late,
// for that is time in which nobody was seen; and five spans at most.
type look struct {
	span  time.Duration
	start time.Time
	late  time.Duration // all samples together
}

// longestLook is how many spans a look may take.
const longestLook = 5

func (l look) over(now time.Time) bool {
	took := now.Sub(l.start)
	return took-l.late >= l.span || took >= longestLook*l.span
}

// samplesOfLook is the least number of samples that a look consists of.
const samplesOfLook = 8

// inspect looks at a process for a while. What was found is the judge's opinion
// at the end.
func inspect(ctx context.Context, m *observe.Machine, pid int, span time.Duration) (inspected, error) {
	o, err := newOutside(pid, m, observe.Options{Every: min(observe.Period(0), span/samplesOfLook), Once: true})
	if err != nil {
		return inspected{}, err
	}
	defer o.process.Close()
	l := look{span: span, start: time.Now()}
	n := inspected{Inspection: tell.Inspection{PID: pid, Program: o.process.Name}}
	for !l.over(time.Now()) {
		s, _, err := o.next(ctx)
		switch {
		case ctx.Err() != nil:
			return n, fmt.Errorf("interrupted")
		case errors.Is(err, proc.ErrGone):
			return n, fmt.Errorf("process %d (%s) %s while it was looked at", pid, o.process.Name, o.process.How())
		case err != nil:
			return n, fmt.Errorf("process %d (%s): %w", pid, o.process.Name, err)
		}
		if s.Node != nil {
			n.node = *s.Node
			l.late += time.Duration(s.Node.Late)
		}
	}
	n.Groups = tell.Groups(o.judge.Standings())
	for i := range n.Groups {
		addStacks(o.process, &n.Groups[i].Standing)
	}
	n.Whole = tell.WholeOf(n.Groups)
	n.Seconds = time.Since(l.start).Seconds()
	if n.machine = o.judge.Node(); n.machine.Verdict != event.Working {
		n.Machine = fmt.Sprintf("%s (%s): %s", n.machine.Verdict, n.machine.Class, n.machine.What)
	}
	n.Unseen = append(o.process.Unseen(), m.Unseen()...)
	if n.node.Err != "" {
		n.Unseen = append(n.Unseen, "of the machine: "+n.node.Err)
	}
	return n, nil
}

// addStacks adds the functions that a thread stands in, and those that it waits for.
func addStacks(p *observe.Process, s *event.Standing) {
	switch s.Verdict {
	case event.Working, event.Spinning, event.Starved, event.Vanished:
		return
	}
	p.Stack(&s.Thread)
	if s.Verdict != event.Idle {
		p.Stacks(s.Chain)
	}
}

// The JSON object that inspect prints.
type (
	inspectJSON struct {
		Time    time.Time     `json:"time"`
		PID     int           `json:"pid"`
		Program string        `json:"program"`
		Verdict event.Verdict `json:"verdict"`
		Class   event.Class   `json:"class"`
		What    string        `json:"what"`
		Seconds float64       `json:"seconds"` // how long it looked
		Groups  []groupJSON   `json:"groups"`
		Node    nodeJSON      `json:"node"`
		Unseen  []string      `json:"unseen,omitempty"`
	}
	groupJSON struct {
		Count    int              `json:"count"`
		Threads  []int            `json:"threads"`
		Comm     string           `json:"comm,omitempty"` // "" if they have several
		Verdict  event.Verdict    `json:"verdict"`
		Class    event.Class      `json:"class"`
		What     string           `json:"what"`
		Since    time.Time        `json:"since"` // when the one that stands for them was last seen to move, or first seen
		State    string           `json:"state,omitempty"`
		Call     string           `json:"call,omitempty"`
		Wchan    string           `json:"wchan,omitempty"`
		Resource *resourceJSON    `json:"resource,omitempty"`
		Kernel   []string         `json:"kernel_stack,omitempty"`
		Stack    []event.Frame    `json:"stack,omitempty"`
		Chain    []event.Link     `json:"chain,omitempty"`
		Cycle    bool             `json:"cycle"`
		Evidence []event.Evidence `json:"evidence"`
		Refuted  string           `json:"refuted"`
		Pointers []pointerJSON    `json:"pointers,omitempty"` // with -ptrace
	}
	resourceJSON struct {
		Kind    event.ResourceKind `json:"kind"`
		Name    string             `json:"name"`
		Holders []event.Task       `json:"holders,omitempty"`
		Error   string             `json:"error,omitempty"`
	}
	nodeJSON struct {
		Verdict event.Verdict `json:"verdict"`
		Class   event.Class   `json:"class"`
		What    string        `json:"what"`
		Oopses  uint64        `json:"oopses"`
		Died    bool          `json:"died"`
		Hung    uint64        `json:"hung"`
		CPU     float64       `json:"cpu"` // percent; -1 if it is not known, the next two as well
		Memory  float64       `json:"memory"`
		IO      float64       `json:"io"`
	}
)

// print writes the inspection as text or as a line of JSON.
func (n inspected) print(w io.Writer, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, n.Text())
		return err
	}
	o := inspectJSON{
		Time: time.Now(), PID: n.PID, Program: n.Program, Seconds: n.Seconds, Unseen: n.Unseen,
		Verdict: n.Whole.Verdict, Class: n.Whole.Class, What: n.Whole.What, Groups: []groupJSON{},
		Node: nodeJSON{
			n.machine.Verdict, n.machine.Class, n.machine.What,
			n.node.Oopses, n.node.Died, n.node.Hung, n.node.CPU, n.node.Memory, n.node.IO,
		},
	}
	for i, g := range n.Groups {
		o.Groups = append(o.Groups, groupOf(g))
		if i < len(n.pointers) {
			o.Groups[i].Pointers = pointersOf(n.pointers[i])
		}
	}
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func groupOf(g tell.Group) groupJSON {
	s := g.Standing
	o := groupJSON{
		Count: len(g.Threads), Threads: g.Threads, Comm: g.Comm,
		Verdict: s.Verdict, Class: s.Class, What: g.What(), Since: tell.Wall(s.Since),
		State: s.Thread.State, Call: s.Thread.Call, Wchan: s.Thread.Wchan,
		Kernel: s.Thread.Stack, Stack: s.Thread.User,
		Chain: s.Chain, Cycle: s.Cycle, Evidence: s.Evidence, Refuted: s.Refuted,
	}
	if o.Evidence == nil {
		o.Evidence = []event.Evidence{}
	}
	if r := s.Thread.Resource; r != nil {
		o.Resource = &resourceJSON{r.Kind, r.Name, r.Holders, r.Err}
	}
	return o
}
