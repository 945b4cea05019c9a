package observe

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"time"

	"github.com/lifesign-go/lifesign/cmd/kernel"
	"github.com/lifesign-go/lifesign/cmd/unwind"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/proc"
)

const (
	// deep is how many threads a second are asked about beyond their counters. It
	// takes some 33 µs each, so this keeps that below a percent of a processor.
	deep = 300

	// deepOnce is the same for a look that somebody waits for.
	deepOnce = 5000

	// memoryPatience is how long one read of the process's memory may take. It
	// takes microseconds, but for memory that is swapped out.
	memoryPatience = 100 * time.Millisecond
)

// Options say how a process is watched.
type Options struct {
	Every time.Duration // between two samples; 0 to go by the number of its threads, see Period
	Once  bool          // somebody waits for the answer: see as much as there is to be seen
}

// Process samples the threads of a process from outside, woven or not. It
// decides nothing. It is for one goroutine at a time.
//
// Every sample has the counters of all threads. Of those that the judge asks
// about it has more, those whose resources are asked for first. There is a bound
// to that; what is beyond it comes in later samples, in turn.
type Process struct {
	PID  int
	Name string // of its program

	options  Options
	kernel   proc.Kernel
	machine  *Machine
	inbox    *inbox
	tasks    *proc.Tasks
	pulse    *proc.Pulse
	sockets  *kernel.Sockets // nil if what /proc says of sockets must do
	threads  []event.Thread
	pace     pace
	unwinder *unwind.Unwinder // nil before the first stack is read
	noStacks string           // why there is none, "" if there may be

	turn int         // the thread that was asked about last because it was its turn
	last *event.Exit // the newest end of a thread, nil if none was told
}

// Open begins to watch process pid. An error says in one line why that cannot
// be.
func Open(pid int, m *Machine, o Options) (*Process, error) {
	p := &Process{PID: pid, options: o, machine: m, pace: pace{every: o.Every}}
	p.kernel = m.root
	p.kernel.PID = pid
	if err := watchable(p.kernel); err != nil {
		return nil, err
	}
	p.Name = programName(p.kernel)
	p.kernel.Arch = arch(p.kernel)
	mem := look.Patient(look.Process(pid), memoryPatience)
	p.kernel.Read = func(addr uint64, buf []byte) error { return look.Fill(mem, addr, buf) }
	if sockets, err := kernel.OpenSockets(pid); err == nil {
		p.sockets, p.kernel.Sockets = sockets, sockets
	}
	// Before the threads are listed, so that no end of one is missed.
	p.inbox = m.open(pid)
	tasks, err := proc.OpenTasks(p.kernel)
	if err != nil {
		m.shut(pid, p.inbox)
		p.closeSockets()
		if errors.Is(err, proc.ErrGone) {
			return nil, fmt.Errorf("there is no process %d", pid)
		}
		return nil, err
	}
	p.tasks, p.pulse = tasks, p.kernel.Pulse()
	return p, nil
}

// arch names the architecture for which the process's system calls are numbered,
// "" if that is not this machine's own: a program of 32 bits, say.
func arch(k proc.Kernel) string {
	if wordSize(k) == 4 {
		return ""
	}
	return runtime.GOARCH
}

// Close ends the watch. The process does not notice.
func (p *Process) Close() {
	p.machine.shut(p.PID, p.inbox)
	p.tasks.Close()
	p.pulse.Close()
	p.closeSockets()
}

func (p *Process) closeSockets() {
	if p.sockets != nil {
		p.sockets.Close()
	}
}

// Sample takes a sample, with the states of some threads and what others wait
// for. The error is proc.ErrGone when the process has ended. What the sample
// holds is good until the next one is taken.
func (p *Process) Sample(states, resources []int) (event.Sample, error) {
	s := event.Sample{At: clock.Monotonic(), Process: p.pulse.Process()}
	err := p.Add(&s, states, resources)
	return s, err
}

// Add adds what the kernel tells of threads and of the machine to a sample that
// was taken by other means.
func (p *Process) Add(s *event.Sample, states, resources []int) error {
	late := p.pace.late(s.At)
	var err error
	if p.threads, err = p.tasks.Counters(p.threads[:0]); err != nil {
		return err
	}
	if p.dead() {
		return proc.ErrGone
	}
	s.Threads = p.threads
	p.deepen(states, resources)
	node := p.machine.counters()
	s.Exits, node.Messages = p.machine.take(p.inbox)
	news := false
	for i, e := range s.Exits {
		news = news || fatal(e)
		p.last = &s.Exits[i]
	}
	// A reading that has taken long is as bad as one that came late: it shows
	// threads at different times.
	if node.Late = clock.Monotonic() - s.At; node.Late < late {
		node.Late = late
	}
	s.Node = &node
	p.pace.took(s.At, len(p.threads), news)
	return nil
}

// dead reports whether all that is left of the process is what its parent has
// not waited for.
func (p *Process) dead() bool {
	return len(p.threads) == 1 && p.threads[0].ID == p.PID && p.kernel.Task(p.PID, p.PID).State == "Z"
}

// deepen asks about threads beyond their counters, as many as may be.
func (p *Process) deepen(states, resources []int) {
	perSecond := deep
	if p.options.Once {
		perSecond = deepOnce
	}
	left := int(time.Duration(perSecond) * p.pace.period(len(p.threads)) / time.Second)
	for _, id := range p.inTurn(resources, left) {
		if t := p.thread(id); t != nil {
			p.tasks.State(t)
			p.tasks.Resource(t)
			p.blocker(t)
			left--
		}
	}
	for _, id := range p.inTurn(states, left) {
		if t := p.thread(id); t != nil && t.Depth < event.DepthState {
			p.tasks.State(t)
		}
	}
}

// blocker says which lock inside the kernel a thread waits for, where the kernel
// tells. That is nearer than the file or device that its system call works on:
// whoever has the lock may stand there.
func (p *Process) blocker(t *event.Thread) {
	if t.State != "D" {
		return
	}
	r, err := p.machine.blocker(t.ID)
	if err != nil || len(r.Holders) == 0 && t.Resource != nil && t.Resource.Kind != "" {
		return
	}
	t.Resource = &r
}

// maxStacks bounds the stacks of a chain that are read.
const maxStacks = 16

// Stacks adds the functions that the threads of a chain stand in, of those that are
// blocked and of this process.
func (p *Process) Stacks(chain []event.Link) {
	for i := range chain {
		l := &chain[i]
		if i == maxStacks || l.Task == nil || l.Task.TID == 0 || l.Task.PID != 0 && l.Task.PID != p.PID || l.Stack != nil {
			continue
		}
		t := event.Thread{ID: l.Task.TID}
		p.Stack(&t)
		l.Stack = t.User
	}
}

// Stack adds the functions that a thread stands in, if it is blocked, or why they
// are not known. To read the program's symbols the first time may take a second of
// CPU time, so it is not for every sample.
func (p *Process) Stack(t *event.Thread) {
	if p.unwinder == nil && p.noStacks == "" {
		u, err := unwind.New(p.PID)
		if err != nil {
			p.noStacks = err.Error()
		} else {
			p.unwinder = u
		}
	}
	if p.unwinder == nil {
		t.UserErr = p.noStacks
		return
	}
	p.unwinder.Fill(t)
}

// inTurn chooses at most n of ids, which ascend. If there are more, it goes on
// after the one that was chosen last.
func (p *Process) inTurn(ids []int, n int) []int {
	if len(ids) <= n {
		return ids
	}
	if n <= 0 {
		return nil
	}
	from := sort.SearchInts(ids, p.turn+1)
	chosen := make([]int, 0, n)
	for i := 0; i < n; i++ {
		chosen = append(chosen, ids[(from+i)%len(ids)])
	}
	p.turn = chosen[n-1]
	return chosen
}

// thread finds a thread of the sample, nil if it is gone.
func (p *Process) thread(id int) *event.Thread {
	i := sort.Search(len(p.threads), func(i int) bool { return p.threads[i].ID >= id })
	if i == len(p.threads) || p.threads[i].ID != id {
		return nil
	}
	return &p.threads[i]
}

// Wait returns when the next sample is due, for which the judge asks for states
// and resources. An error is ctx's.
func (p *Process) Wait(ctx context.Context, states, resources []int) error {
	p.pace.ask(len(p.threads), states, resources)
	for {
		now := clock.Monotonic()
		if p.pace.due <= now {
			return ctx.Err()
		}
		timer := time.NewTimer(time.Duration(p.pace.due - now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-p.inbox.wake:
			timer.Stop()
			p.pace.news(clock.Monotonic())
		}
	}
}

// Due reports whether the next sample is due, for who has a clock of his own.
func (p *Process) Due(states, resources []int) bool {
	p.pace.ask(len(p.threads), states, resources)
	now := clock.Monotonic()
	select {
	case <-p.inbox.wake:
		p.pace.news(now)
	default:
	}
	return p.pace.due <= now
}

// News holds one when a thread was killed, which the next sample ought not to leave
// for later: for who waits for other things too. Who has received calls Hurry.
func (p *Process) News() <-chan struct{} { return p.inbox.wake }

// Hurry makes a sample due, at once or soon after the last one, and returns when.
func (p *Process) Hurry() time.Duration {
	p.pace.news(clock.Monotonic())
	return p.pace.left(clock.Monotonic())
}

// Following returns when the next sample is due if it is one of the few that follow
// the death of a thread, closer than others; ok is false if it is not.
func (p *Process) Following() (in time.Duration, ok bool) {
	return p.pace.left(clock.Monotonic()), p.pace.follow > 0
}

// Threads returns how many threads the last sample has shown.
func (p *Process) Threads() int { return len(p.threads) }
