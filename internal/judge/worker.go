package judge

import (
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Dead names the work of a worker that is to be told that it is taken for
// dead.
type Dead struct {
	Index int    // of event.WorkerMark
	Seq   uint64 // which of its works it is
}

// workers judges the workers that the program's author has declared, by the
// budgets that the author gave them. A group of which all must be stuck is
// judged as one.
func (j *Judge) workers(g *graph, a *Actions) {
	alive := map[string]bool{} // by group: somebody in it gets on
	var stuck []*idleWork
	for i := range g.s.Workers {
		w := &g.s.Workers[i]
		n := j.work(g, w, a)
		if n == nil {
			alive[w.Group] = true
			continue
		}
		stuck = append(stuck, n)
	}
	for _, n := range stuck {
		if n.mark.All && n.mark.Group != "" && alive[n.mark.Group] {
			continue
		}
		j.tellWork(g, n, a)
	}
}

// idleWork is work that has made no progress for longer than its budget.
type idleWork struct {
	suspect
	mark   *event.WorkerMark
	proven bool
}

// work returns the work that w has if it is stuck, nil if not.
func (j *Judge) work(g *graph, w *event.WorkerMark, a *Actions) *idleWork {
	if !w.Busy {
		return nil
	}
	site := event.Site{Kind: event.Worker, Func: w.Name, Object: w.Group}
	f := j.touch(factKey{uint64(w.Index), w.Seq, asWorker}, &site, w.Progress)
	budget := w.Budget
	if budget <= 0 {
		budget = j.fallback
	}
	n := &idleWork{suspect: suspect{node{id: w.Goroutine, fact: f, fate: busy, look: g.look(w.Goroutine)}, j.clock.honest - f.first}, mark: w}
	if n.age+2*j.period < budget {
		return nil
	}
	if f.rank >= inferred {
		return n
	}
	if w.Goroutine != 0 {
		a.ask(w.Goroutine)
	}
	if n.look != nil && n.look.Err == "" {
		f.still.watch(n.look, j.clock.honest, j.sample)
		n.proven = n.look.Status == event.Waiting && unservable(n.look.Reason)
		stands := f.still.looks >= 2 && j.clock.honest-f.still.since >= j.validation && f.still.sample == j.sample
		if stands && n.age >= budget+j.validation && n.look.Reason != "sleep" && (n.look.Status == event.Waiting || n.look.Status == event.Syscall) {
			return n
		}
		return nil
	}
	// Whether it runs is not known: slow is given as much time again.
	if n.age >= 2*budget+j.validation && (w.Goroutine == 0 || j.asked[w.Goroutine]) {
		return n
	}
	return nil
}

// tellWork tells of stuck work, once, and has the worker told.
func (j *Judge) tellWork(g *graph, n *idleWork, a *Actions) {
	f, w := n.fact, n.mark
	if f.rank >= inferred {
		return
	}
	f.rank = inferred
	class := event.Inferred
	if n.proven {
		f.rank, class = proven, event.Proven
	}
	t := teller{j: j, g: g}
	name := w.Name
	if w.Group != "" {
		name += " of " + w.Group
	}
	budget := w.Budget
	if budget <= 0 {
		budget = j.fallback
	}
	place := event.Site{Kind: event.Worker, Func: w.Name, Object: w.Group}
	found := event.Finding{
		Verdict: event.Stuck, Class: class, At: g.s.At,
		What:    fmt.Sprintf("the worker %s has had work for %s without progress, more than the %s it may take", name, since(n.age), since(budget)),
		Refuted: fmt.Sprintf("%s reports progress", name),
	}
	found.Evidence = append(found.Evidence, t.says(event.Marks, "%s is busy; it reported progress %d times, and not in the last %s", name, w.Progress, since(n.age)))
	if n.look != nil && n.look.Err == "" {
		frame := standsAt(n.look.Stack)
		place.File, place.Line = frame.File, frame.Line
		found.Chain = []event.Link{{Goroutine: w.Goroutine, Stack: n.look.Stack}}
		found.Evidence = append(found.Evidence, t.says(event.Runtime, "goroutine %d has stood still (%s%s) at %s:%d in each of %d looks", w.Goroutine, n.look.Status, reason(n.look), frame.File, frame.Line, f.still.looks))
		found.Evidence = append(found.Evidence, t.ofThread(&n.node)...)
	} else {
		found.Evidence = append(found.Evidence, t.says(event.Runtime, "whether its goroutine runs is not known, so it was given its budget twice"))
	}
	found.Evidence = append(found.Evidence, t.ofWatcher(f))
	found.Place = event.Step{Site: place, Since: w.Last}
	if w.Since > w.Last {
		found.Place.Since = w.Since
	}
	if found.Place.Since == 0 { // nobody wrote the page's clock yet
		found.Place.Since = g.s.At - n.age
	}
	if place.File == "" {
		found.Place.Site.File, found.Place.Site.Line = w.Site.File, w.Site.Line
	}
	j.report(a, found, nil, f)
	a.Dead = append(a.Dead, Dead{w.Index, w.Seq})
}

func reason(l *event.Look) string {
	if l.Reason == "" {
		return ""
	}
	return ": " + l.Reason
}

// standsAt is the innermost frame that is not of the runtime and its like.
func standsAt(stack []event.Frame) event.Frame {
	for _, f := range stack {
		if !strings.HasPrefix(f.Func, "runtime.") && !strings.HasPrefix(f.Func, "sync.") && !strings.HasPrefix(f.Func, "internal/") &&
			!strings.HasPrefix(f.Func, "syscall.") && !strings.Contains(f.Func, "lifesign/hook.") {
			return f
		}
	}
	if len(stack) > 0 {
		return stack[0]
	}
	return event.Frame{}
}
