package threads

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

// edge returns the thread of this process that t waits for. ok is false if it
// waits for none that is known.
func (t *task) edge() (tid int, ok bool) {
	if !t.looked() || t.now.State == "R" || t.now.Resource == nil || !hasEdge(t.now.Resource) {
		return 0, false
	}
	return t.now.Resource.Holders[0].TID, true
}

// hasEdge reports whether r is in the hands of a thread whose number is known.
func hasEdge(r *event.Resource) bool {
	switch r.Kind {
	case event.OnMutex, event.OnJoin, event.OnKernel:
		return len(r.Holders) > 0 && r.Holders[0].TID != 0
	}
	return false
}

// walk is the way from a thread to the end of its waits.
type walk struct {
	path []*task
	back int  // where in the path the last one's wait leads, -1 if it leads out of it
	gone bool // it ends at a thread that is no more
}

// walk follows the waits from t.
func (j *Judge) walk(t *task) walk {
	w := walk{back: -1}
	at := map[int]int{}
	for {
		at[t.id] = len(w.path)
		w.path = append(w.path, t)
		tid, ok := t.edge()
		if !ok {
			return w
		}
		if k, passed := at[tid]; passed {
			w.back = k
			return w
		}
		next := j.tasks[tid]
		if next == nil {
			w.gone = t.now.Resource.Holders[0].State == "gone"
			return w
		}
		t = next
	}
}

// follow gives those that wait for other threads the verdict of the end of their
// waits.
func (j *Judge) follow(order []*task) {
	for _, t := range order {
		if _, waits := t.edge(); !waits || t.standing.Verdict == event.Paused || t.moving(j) {
			continue
		}
		w := j.walk(t)
		t.standing.Chain = chain(w.path)
		switch end := w.path[len(w.path)-1]; {
		case w.back >= 0:
			j.judgeCycle(t, w)
		case w.gone && end.now.Resource.Kind == event.OnMutex:
			j.judgeOrphan(t, w)
		case end == t:
			// It waits for a thread of another process, or for one that is not seen.
		default:
			j.inherit(t, end)
		}
	}
}

// confirmed reports whether all of the path has stood as it does in two readings in
// a row and for long enough.
func (j *Judge) confirmed(path []*task) bool {
	for _, t := range path {
		if t.same < 2 || t.stands(j) < j.window || t.moving(j) {
			return false
		}
	}
	return true
}

func (j *Judge) judgeCycle(t *task, w walk) {
	t.standing.Cycle = w.back == 0
	what := "waits " + on(t) + ", in a circle of threads that wait for each other"
	if w.back > 0 {
		what = "waits " + on(t) + ", for threads that wait for each other in a circle"
	}
	if !j.confirmed(w.path) {
		t.say(event.Unknown, event.Undecided, what+", as far as one look shows", "one of them moves")
		return
	}
	t.say(event.Stuck, event.Proven, what, "one of them moves")
	j.tellPath(t, w.path[1:])
}

func (j *Judge) judgeOrphan(t *task, w walk) {
	end := w.path[len(w.path)-1]
	r := end.now.Resource
	what := fmt.Sprintf("waits %s, whose owner, thread %d, is no more", on(t), r.Holders[0].TID)
	if end != t {
		what = fmt.Sprintf("waits %s, and in the end for %s, whose owner, thread %d, is no more", on(t), r.Name, r.Holders[0].TID)
	}
	if !j.confirmed(w.path) {
		t.say(event.Unknown, event.Undecided, what+", as far as one look shows", "one of them moves")
		return
	}
	t.say(event.Stuck, event.Proven, what, "one of them moves")
	j.tellPath(t, w.path[1:])
}

// inherit gives t the verdict of the thread at the end of its waits.
func (j *Judge) inherit(t, end *task) {
	s := &end.standing
	what := fmt.Sprintf("waits %s, and in the end for thread %d, which %s", on(t), end.id, s.What)
	join := t.now.Resource.Kind == event.OnJoin
	switch {
	case s.Verdict == event.Stuck && !j.confirmed([]*task{t}):
		t.say(event.Unknown, event.Undecided, what+", as far as one look shows", "one of them moves")
	case s.Verdict == event.Stuck:
		t.say(event.Stuck, s.Class, what, "one of them moves")
		j.tellPath(t, []*task{end})
	case join && (s.Verdict == event.Idle || s.Verdict == event.Working || s.Verdict == event.Spinning):
		t.say(event.Idle, event.Inferred, what, "that should have ended")
	case s.Verdict == event.Idle && end.now.Resource != nil && end.now.Resource.Kind == event.OnTime:
		t.say(event.Slow, event.Inferred, what, "that does not wake")
	case s.Verdict == event.Paused:
		t.say(event.Paused, event.Inferred, what, "that runs")
	case s.Verdict == event.Idle || s.Verdict == event.Unknown:
		t.say(event.Unknown, event.Undecided, what, "one of them moves")
	default:
		t.say(event.Slow, event.Inferred, what, "that does not get on")
	}
}

// tellPath adds what the kernel shows of the others on the way.
func (j *Judge) tellPath(t *task, path []*task) {
	const most = 8
	for i, other := range path {
		if i == most {
			t.add(j, "%d threads more are on the way", len(path)-most)
			return
		}
		t.add(j, "thread %d (%s) stands %s, for %s, the same in %d readings", other.id, other.now.Comm, on(other), seconds(other.stands(j)), other.same)
	}
}

// chain returns the links of a path.
func chain(path []*task) []event.Link {
	links := make([]event.Link, len(path))
	for i, t := range path {
		links[i] = link(t)
	}
	return links
}

func link(t *task) event.Link {
	return event.Link{Task: &event.Task{TID: t.id, Comm: t.now.Comm, State: t.now.State}, What: on(t), Stack: t.now.User}
}
