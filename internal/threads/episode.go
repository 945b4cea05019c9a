package threads

import (
	"fmt"
	"sort"

	"github.com/lifesign-go/lifesign/event"
)

// episode is what was told of threads whose waits end at the same place.
type episode struct {
	class event.Class
	place event.Step
	tid   int
	who   string
	what  string
	there map[int]int64 // those that were stuck there last, by number, and when each had moved last
	empty int           // rounds in a row in which nobody stood there
}

// maxWaiters bounds the threads that a finding names beside its chain.
const maxWaiters = 50

// tell adds findings of what is stuck or has vanished and was not told of, and of
// what goes on.
func (j *Judge) tell(res *Result) {
	groups := map[string][]*task{}
	for _, t := range j.order() {
		if t.standing.Verdict == event.Stuck {
			key := j.key(t)
			groups[key] = append(groups[key], t)
		}
	}
	for _, key := range keys(groups) {
		j.tellStuck(key, groups[key], res)
	}
	for _, key := range j.open() {
		j.tellRecovered(key, groups[key], res)
	}
	j.tellLasting(res)
	j.tellVanished(res)
	j.tellOops(res)
}

// tellLasting tells, once in a stand, of what takes no action and has lasted for
// the fallback budget: threads that are starved or slow, or of which it cannot be
// told. Those that stand at the same are one finding.
func (j *Judge) tellLasting(res *Result) {
	groups := map[string][]*task{}
	for _, t := range j.order() {
		s := &t.standing
		if s.Verdict != event.Starved && s.Verdict != event.Slow && s.Verdict != event.Unknown {
			continue
		}
		if t.lasting || t.stands(j) < j.fallback || j.told != nil && j.told(t.id) {
			continue
		}
		t.lasting = true
		key := fmt.Sprintf("%s %s", s.Verdict, on(t))
		groups[key] = append(groups[key], t)
	}
	for _, key := range keys(groups) {
		group := groups[key]
		f := j.finding(group[0])
		for _, t := range group[1:] {
			if len(f.Waiters) < maxWaiters {
				f.Waiters = append(f.Waiters, link(t))
			}
		}
		// Each is an episode of its own: nothing says that it is over.
		res.add(fmt.Sprintf("%s, round %d", key, j.round), f)
	}
}

// key names the place at which the waits of a stuck thread end.
func (j *Judge) key(t *task) string {
	w := j.walk(t)
	end := w.path[len(w.path)-1]
	if w.back >= 0 {
		least := end.id
		for _, member := range w.path[w.back:] {
			if member.id < least {
				least = member.id
			}
		}
		return fmt.Sprintf("cycle %d", least)
	}
	if r := end.now.Resource; r != nil && r.Name != "" {
		return string(r.Kind) + " " + r.Name
	}
	return fmt.Sprintf("thread %d", end.id)
}

// tellStuck tells of threads that are stuck at one place, if that is news.
func (j *Judge) tellStuck(key string, group []*task, res *Result) {
	ep := j.episodes[key]
	sort.SliceStable(group, func(a, b int) bool { return group[a].stood < group[b].stood })
	first := group[0]
	for _, t := range group {
		if rank(t) > rank(first) {
			first = t
		}
	}
	if ep != nil {
		ep.empty, ep.there = 0, places(group)
		if ep.class == event.Proven || ep.class == first.standing.Class {
			return
		}
	}
	if j.told != nil {
		for _, t := range group {
			if j.told(t.id) {
				return
			}
		}
	}
	f := j.finding(first)
	for _, t := range group {
		if t != first && len(f.Waiters) < maxWaiters && !inChain(f.Chain, t.id) {
			f.Waiters = append(f.Waiters, link(t))
		}
	}
	j.episodes[key] = &episode{class: f.Class, place: f.Place, tid: first.id, who: name(&first.now), what: f.What, there: places(group)}
	res.add(key, f)
}

// places returns when each of a group was last seen to move, by number.
func places(group []*task) map[int]int64 {
	at := make(map[int]int64, len(group))
	for _, t := range group {
		at[t.id] = t.movedAt
	}
	return at
}

// lasts reports whether one of those that were stuck has not been seen to move
// since, and nothing says that it gets on: it has to stand anew, or is paused.
func (ep *episode) lasts(j *Judge) bool {
	for id, at := range ep.there {
		t := j.tasks[id]
		if t == nil || t.movedAt != at {
			continue
		}
		if v := t.standing.Verdict; v == event.Unknown || v == event.Paused {
			return true
		}
	}
	return false
}

// rank says how much a thread's standing says of the place where it is stuck: most
// if it is part of a circle itself.
func rank(t *task) int {
	switch {
	case t.standing.Cycle:
		return 2
	case t.standing.Class == event.Proven:
		return 1
	}
	return 0
}

func inChain(chain []event.Link, tid int) bool {
	for _, l := range chain {
		if l.Task != nil && l.Task.TID == tid {
			return true
		}
	}
	return false
}

func (res *Result) add(key string, f event.Finding) {
	res.Findings = append(res.Findings, f)
	res.Keys = append(res.Keys, key)
}

// finding makes the finding of a thread.
func (j *Judge) finding(t *task) event.Finding {
	s := &t.standing
	f := event.Finding{
		Verdict: s.Verdict, Class: s.Class, What: name(&t.now) + " " + s.What, Place: event.Step{Since: s.Since}, Thread: t.id,
		At: j.at, Chain: s.Chain, Cycle: s.Cycle, Evidence: s.Evidence, Refuted: s.Refuted,
	}
	if len(f.Chain) == 0 {
		f.Chain = []event.Link{link(t)}
	}
	return f
}

func name(th *event.Thread) string {
	if th.Comm == "" {
		return fmt.Sprintf("thread %d", th.ID)
	}
	return fmt.Sprintf("thread %d (%s)", th.ID, th.Comm)
}

// tellRecovered tells that what was stuck goes on, once two rounds show nobody
// there.
func (j *Judge) tellRecovered(key string, group []*task, res *Result) {
	ep := j.episodes[key]
	if len(group) > 0 {
		return
	}
	if ep.lasts(j) {
		ep.empty = 0
		return
	}
	if ep.empty++; ep.empty < 2 {
		return
	}
	delete(j.episodes, key)
	what := ep.who + " goes on"
	if j.tasks[ep.tid] == nil {
		what = ep.who + " has ended"
	}
	res.add(key, event.Finding{
		Verdict: event.Working, Class: event.Proven, What: what, Place: ep.place, Thread: ep.tid, At: j.at,
		Evidence: []event.Evidence{{Source: event.Kernel, At: j.at, Text: "no thread stands any more where it stood"}},
		Refuted:  "it stands there still",
	})
}

// tellVanished tells of each thread that has vanished, once.
func (j *Judge) tellVanished(res *Result) {
	var ids []int
	for id, e := range j.ended {
		if e.vanished && !e.told {
			ids = append(ids, id)
		}
	}
	sort.Ints(ids)
	for _, id := range ids {
		e := j.ended[id]
		e.told = true
		s := &e.standing
		res.add(fmt.Sprintf("vanished %d", id), event.Finding{
			Verdict: s.Verdict, Class: s.Class, What: name(&s.Thread) + " " + s.What, Place: event.Step{Since: s.Since}, Thread: id, At: j.at,
			Chain: []event.Link{{Task: &event.Task{TID: id, Comm: s.Thread.Comm, State: "gone"}}}, Evidence: s.Evidence, Refuted: s.Refuted,
		})
	}
}

// tellOops tells once that the kernel has oopsed.
func (j *Judge) tellOops(res *Result) {
	if !j.node.oopsed || j.node.told {
		return
	}
	j.node.told = true
	n := j.Node()
	res.add("node", event.Finding{
		Verdict: n.Verdict, Class: n.Class, What: n.What, Place: event.Step{Since: j.at}, At: j.at, Evidence: n.Evidence, Refuted: n.Refuted,
	})
}

// Stuck says what of the threads is stuck now: the worst class, "" if nothing is,
// and what was told of it.
func (j *Judge) Stuck() (class event.Class, what string) {
	for _, key := range j.open() {
		if ep := j.episodes[key]; class == "" || class == event.Inferred && ep.class == event.Proven {
			class, what = ep.class, ep.what
		}
	}
	return class, what
}

// open returns the keys of the episodes that are not over, in order.
func (j *Judge) open() []string {
	open := make([]string, 0, len(j.episodes))
	for key := range j.episodes {
		open = append(open, key)
	}
	sort.Strings(open)
	return open
}

func keys(groups map[string][]*task) []string {
	names := make([]string, 0, len(groups))
	for key := range groups {
		names = append(names, key)
	}
	sort.Strings(names)
	return names
}
