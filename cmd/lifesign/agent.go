package main

import (
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/cmd/observe"
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/judge"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/reach"
	"github.com/lifesign-go/lifesign/internal/sample"
)

const (
	// period is the time between two samples, hurry the same while the judge wants
	// to see something: a wait that has lasted, or what it waits for. With the
	// judge's floor of 0.5 s and its validation of 0.3 s they make for findings in
	// under a second. The page's clock is written as often: each wakeup of the agent
	// costs something, mostly of the Go runtime's own, and the judge counts time by
	// its own samples.
	period = 100 * time.Millisecond
	hurry  = 50 * time.Millisecond

	// unclaimed is how long a program may take to claim the page before the user
	// is told that nothing is watched. Packages that are initialised before the
	// first woven one can be slow.
	unclaimed = 5 * time.Second
)

// agent watches one program. It decides nothing: it carries samples from the
// observers to the judge, the judge's wishes back and its findings to the
// reporter.
type agent struct {
	page    *observe.Page
	sampler *sample.Sampler
	machine *observe.Machine
	threads *observe.Process // nil if the kernel cannot be asked for them
	judge   *judge.Judge
	mimics  *mimicry // nil if there are none
	tell    *reporter
	every   time.Duration // between two samples, but for those that cannot wait
	wanted  judge.Actions
	asked   judge.Actions // what was wanted of threads when they were looked at last
	lost    losses
	known   bool   // a process has claimed the page
	reached bool   // the table of who could serve whom was looked for
	whole   bool   // the program has said what it is woven of, and that was looked at
	found   uint64 // findings of something stuck
	done    chan struct{}
	running sync.WaitGroup
}

func newAgent(tell *reporter, mimics bool) (*agent, error) {
	p, err := observe.NewPage(period)
	if err != nil {
		return nil, err
	}
	if mimics {
		p.WantMimics(true)
	}
	return newAgentOf(p, tell, mimics)
}

// newAgentOf returns an agent of the program that has, or will have, page p.
func newAgentOf(p *observe.Page, tell *reporter, mimics bool) (*agent, error) {
	s, err := observe.NewSampler(p, userPath)
	if err != nil {
		p.Close()
		return nil, err
	}
	a := &agent{
		page: p, sampler: s, machine: observe.NewMachine(), judge: newJudge(), tell: tell, every: period,
		lost: losses{say: tell.say}, done: make(chan struct{}),
	}
	if mimics {
		a.mimics = newMimicry(tell.say)
	}
	return a, nil
}

func newJudge() *judge.Judge { return judge.New(judge.Config{Period: period}) }

// start starts the program with the page in its hands, and the watch.
func (a *agent) start(cmd *exec.Cmd) error {
	env, release, err := a.page.Inherit()
	if err != nil {
		return err
	}
	defer release()
	a.page.Tick()
	cmd.Env = append(cmd.Environ(), env)
	if err := cmd.Start(); err != nil {
		return err
	}
	a.begin(cmd.Args[0], cmd.Process.Pid)
	return nil
}

// begin begins the watch of process pid, a program of that name.
func (a *agent) begin(name string, pid int) {
	a.tell.program(name)
	a.tell.watching(pid)
	a.watchThreads(pid)
	a.running.Add(1)
	go func() { defer a.running.Done(); a.watch() }()
}

// stop ends the watch.
func (a *agent) stop() { close(a.done); a.running.Wait() }

// close gives back what the agent has, after stop or a start that failed.
func (a *agent) close() {
	a.running.Wait()
	if a.threads != nil {
		a.threads.Close()
	}
	if a.mimics != nil {
		if text := a.mimics.close(); text != "" && a.tell.all {
			a.tell.say(text)
		}
	}
	a.machine.Close()
	a.page.Close()
}

// watchThreads has the threads of process pid watched, and no others.
func (a *agent) watchThreads(pid int) {
	if a.threads != nil {
		a.threads.Close()
		a.threads = nil
	}
	if p, err := observe.Open(pid, a.machine, observe.Options{}); err == nil {
		a.threads = p
	} // else it has ended already, or is nobody's to look at: its page is watched
}

func (a *agent) watch() {
	tick := time.NewTimer(0)
	defer tick.Stop()
	late := time.NewTimer(unclaimed)
	defer late.Stop()
	for {
		select {
		case <-a.done:
			a.linger()
			return
		case <-late.C:
			if !a.known {
				a.tell.say(a.unwoven())
			}
			continue
		case <-a.news(): // a thread was killed
			tick.Reset(a.threads.Hurry())
			continue
		case <-tick.C:
		}
		meant := a.pause()
		tick.Reset(meant)
		a.page.Tick()
		s, ok, err := a.sampler.Sample(sample.Wanted{Look: a.wanted.Look, Words: a.wanted.Words, Census: a.wanted.Census})
		if err != nil {
			a.tell.say(fmt.Sprintf("nothing is watched any more: %v", err))
			<-a.done
			return
		}
		if ok && !a.claimed(s) {
			<-a.done
			return
		}
		if ok && a.mimics != nil {
			a.mimic(s, meant)
		}
		if a.addThreads(&s, ok) || ok {
			a.step(s)
		}
		if soon, ok := a.following(); ok {
			tick.Reset(soon)
		}
	}
}

// news holds one when the kernel has told of a thread's death.
func (a *agent) news() <-chan struct{} {
	if a.threads == nil {
		return nil
	}
	return a.threads.News()
}

// following is how soon the sample is due that shows what a death has left.
func (a *agent) following() (time.Duration, bool) {
	if a.threads == nil {
		return 0, false
	}
	return a.threads.Following()
}

// pause is how long to wait for the next sample.
func (a *agent) pause() time.Duration {
	if w := &a.wanted; len(w.Look) > 0 || len(w.Words) > 0 || w.Census || a.mimics != nil && a.mimics.doubts() {
		return min(hurry, a.every)
	}
	return a.every
}

// unwoven says what is watched of a program that does not claim the page.
func (a *agent) unwoven() string {
	what := "nothing is watched"
	if a.threads != nil {
		what += " but its threads"
	}
	return what + ": the program has no hooks, or those of another lifesign (lifesign build weaves them in)"
}

// claimed looks after a program that has claimed the page, and reports whether
// that is still the one that runs.
func (a *agent) claimed(s event.Sample) bool {
	if !a.known {
		a.known = true
		if pid := a.page.PID(); a.threads == nil || a.threads.PID != pid {
			// A script has started it: what was judged so far is the script.
			a.judge, a.wanted, a.asked = newJudge(), judge.Actions{}, judge.Actions{}
			a.watchThreads(pid)
		}
		a.greet()
	}
	a.complete()
	return a.lost.look(a.page.PID(), s)
}

// addThreads adds what the kernel tells of the program's threads to a sample, if
// that is due, and reports whether it has. whole says that there is a sample to
// add it to; else it makes one.
func (a *agent) addThreads(s *event.Sample, whole bool) bool {
	if a.threads == nil || !a.threads.Due(a.asked.States, a.asked.Resources) {
		return false
	}
	var err error
	if whole {
		err = a.threads.Add(s, a.asked.States, a.asked.Resources)
	} else {
		*s, err = a.threads.Sample(a.asked.States, a.asked.Resources)
	}
	if err != nil { // it has ended
		a.threads.Close()
		a.threads = nil
	}
	return err == nil
}

// step has a sample judged, and tells what came of it.
func (a *agent) step(s event.Sample) {
	if a.wanted.Census && !a.reached {
		a.reached = true
		a.judge.Know(a.reach())
	}
	for _, f := range s.Said {
		a.tell.finding(f)
	}
	a.wanted = a.judge.Step(s)
	if s.Threads != nil {
		a.asked = a.wanted
	}
	for _, f := range a.wanted.Findings {
		if a.threads != nil {
			addChain(a.threads, f)
		}
		a.tell.finding(f)
		if f.Verdict == event.Stuck {
			a.found++
		}
	}
	for _, d := range a.wanted.Dead {
		a.page.Report(d.Index, d.Seq)
	}
	v := verdict(s.At, a.wanted, a.found)
	if a.mimics != nil {
		a.mimics.add(&v)
	}
	a.page.SetVerdict(v)
}

// reach returns the table of who could serve whom that is in the program, nil
// if there is none.
func (a *agent) reach() *reach.Table {
	encoded := a.sampler.Reach()
	if encoded == nil {
		return nil
	}
	t, err := reach.Decode(encoded)
	if err != nil {
		a.tell.say(fmt.Sprintf("waits on channels are not judged: the program's table of who could serve whom: %v", err))
		return nil
	}
	return t
}

// verdict is what the program can read in its page of what the judge thinks.
func verdict(at int64, a judge.Actions, found uint64) page.Verdict {
	v := page.Verdict{At: at, Code: page.VerdictWorking, Count: found, Text: a.What}
	switch a.Stuck {
	case event.Proven:
		v.Code = page.VerdictProven
	case event.Inferred:
		v.Code = page.VerdictInferred
	}
	return v
}

// greet says what stands in the way of watching, if anything does.
func (a *agent) greet() {
	a.tell.watching(a.page.PID())
	if a.sampler.Bare() {
		a.tell.say("only the workers that the program declares are watched: nothing is woven into it")
	} else if s := a.sampler.Off(); s != "" {
		a.tell.say("nothing is watched: " + s)
	} else if b := a.sampler.Blind(); b != "" {
		a.tell.say("nothing can be proven: " + b)
	}
}

// complete says so, once, if a part of the program lacks its hooks.
func (a *agent) complete() {
	if a.whole {
		return
	}
	there, expected := a.page.Packages()
	a.whole = expected > 0
	if there < expected {
		a.tell.say(fmt.Sprintf("%d of the program's %d woven packages have no hooks in them, and what these do is not watched: the build has taken plain files for woven ones (a -toolexec of its own?)", expected-there, expected))
	}
}
