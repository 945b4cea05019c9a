package threads

import (
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// spinWindow is how long a thread must have been busy without a pause to be told
// as one that spins.
const spinWindow = 1_000_000_000

// judgeOne gives t the verdict that its own evidence says, and says nothing yet of
// one that waits for another thread.
func (j *Judge) judgeOne(t *task) {
	t.standing = event.Standing{Thread: t.now, Since: t.movedAt}
	switch {
	case j.paused != "":
		t.say(event.Paused, event.Proven, "is "+j.paused, "it runs")
	case t.stateRound > 0 && (t.now.State == "T" || t.now.State == "t"):
		t.say(event.Paused, event.Proven, "is stopped", "it runs")
	case t.stateRound > 0 && (t.now.State == "Z" || t.now.State == "X"):
		t.say(event.Idle, event.Proven, "has ended, and other threads of its process have not", "it runs")
	case t.moving(j):
		j.judgeMoving(t)
	case !t.looked():
		j.judgeUnseen(t)
	case t.now.State == "R":
		j.judgeRunnable(t)
	default:
		j.judgeWait(t)
	}
}

// say sets the verdict.
func (t *task) say(v event.Verdict, c event.Class, what, refuted string) {
	t.standing.Verdict, t.standing.Class, t.standing.What, t.standing.Refuted = v, c, what, refuted
}

// add adds a piece of the kernel's evidence.
func (t *task) add(j *Judge, format string, args ...interface{}) {
	t.standing.Evidence = append(t.standing.Evidence, event.Evidence{Source: event.Kernel, At: j.at, Text: fmt.Sprintf(format, args...)})
}

// judgeMoving is for a thread that has had CPU time since the last round.
func (j *Judge) judgeMoving(t *task) {
	if t.busy < 0 || j.honest-t.busy < spinWindow {
		t.say(event.Working, event.Proven, "runs", "it does not move from one round to the next")
		return
	}
	user, system := t.now.UserNS-t.calm.UserNS, t.now.SystemNS-t.calm.SystemNS
	where := "in its own code"
	if system > user {
		where = "in the kernel"
	}
	t.say(event.Spinning, event.Inferred, "has not paused for "+seconds(j.honest-t.busy)+", "+where+": it computes, or goes round", "it sleeps, reads or writes")
	t.add(j, "for %s it has run, or waited for a processor, all the time, and has neither slept nor read, written or faulted", seconds(j.honest-t.busy))
}

// judgeUnseen is for a thread that stands and was not looked at since.
func (j *Judge) judgeUnseen(t *task) {
	if ago := j.at - t.movedAt; t.movedRound > 0 && ago < j.floor {
		t.say(event.Working, event.Proven, "has run "+seconds(ago)+" ago", "it does not move from one round to the next")
		return
	}
	what := "stands, and has not been looked at yet"
	if t.now.Err != "" {
		what = "stands, and cannot be looked at: " + t.now.Err
	}
	t.say(event.Unknown, event.Undecided, what, "it moves")
}

// judgeRunnable is for a thread that wants to run and has not since the last round.
func (j *Judge) judgeRunnable(t *task) {
	if t.runnable == 0 || t.stands(j) < j.window {
		if t.movedRound > 0 {
			t.say(event.Working, event.Proven, "wants to run", "it does not run from one round to the next")
			return
		}
		// The watcher itself may have had no processor, and so has seen next to nothing.
		t.say(event.Unknown, event.Undecided, "wants to run, and has not been seen for long enough to tell whether it does", "it moves")
		return
	}
	what := "wants to run and has had no processor for " + seconds(t.stands(j))
	if t.now.Policy != "" {
		what += ", by the scheduler's policy " + t.now.Policy
	} else if t.now.Nice > 0 {
		what += fmt.Sprintf(", at nice %d", t.now.Nice)
	}
	t.say(event.Starved, event.Proven, what, "it gets a processor")
	t.add(j, "it was runnable in %d readings in a row and had no CPU time in between", t.runnable+1)
}

// judgeWait is for a thread that sleeps, and was looked at.
func (j *Judge) judgeWait(t *task) {
	r := t.now.Resource
	t.evidence(j)
	switch {
	case t.now.Err != "" && t.now.State == "":
		t.say(event.Unknown, event.Undecided, "cannot be looked at: "+t.now.Err, "it moves")
	case r == nil || r.Kind == "":
		j.judgeUnresolved(t, r)
	case r.Err != "" && !hasEdge(r):
		j.judgeUnresolved(t, r)
	default:
		j.judgeResource(t, r)
	}
}

// judgeResource judges by what the thread waits for. Who waits for another thread
// of the process is left to follow.
func (j *Judge) judgeResource(t *task, r *event.Resource) {
	switch r.Kind {
	case event.OnWork, event.OnTime, event.OnFutex:
		j.judgeIdle(t, r)
	case event.OnPipe, event.OnSocket:
		if r.InFlight == 0 {
			j.judgeIdle(t, r)
			return
		}
		j.judgeStalling(t, r, j.fallback)
	case event.OnFUSE, event.OnNFS, event.OnDevice, event.OnPage:
		j.judgeStalling(t, r, 4*j.floor)
	case event.OnFrozen:
		j.judgeByLength(t, "which is frozen")
	default:
		j.judgeHeld(t, r)
	}
}

// judgeIdle is for a wait that is one for work, unless the thread was killed: then
// it should have ended.
func (j *Judge) judgeIdle(t *task, r *event.Resource) {
	if t.now.Killed {
		j.judgeUnresolved(t, r)
		return
	}
	t.say(event.Idle, event.Inferred, "waits "+on(t), "it never wakes although there is something for it")
}

// judgeStalling is for a wait on something that counts its work.
func (j *Judge) judgeStalling(t *task, r *event.Resource, budget int64) {
	switch silent := t.silent(j); {
	case t.answered >= 0 && silent < budget:
		t.say(event.Slow, event.Inferred, "waits "+on(t)+", which answers, the last time "+seconds(silent)+" ago", "nothing of that moves")
	case r.Throttled != "":
		t.say(event.Slow, event.Inferred, "waits "+on(t)+", which is held back: "+r.Throttled, "the limit is not what it waits for")
	case r.InFlight == 0 && silent < j.fallback:
		t.say(event.Slow, event.Inferred, "waits "+on(t)+", which has nothing to do", "what it waits for is something else")
	case r.InFlight == 0:
		j.judgeUnresolved(t, r)
	case t.stalled >= 0 && silent >= budget && j.honest-t.stalled >= j.window:
		t.say(event.Stuck, event.Inferred, "stands "+on(t)+", which has answered nothing for "+seconds(silent), "that answers anybody, or the thread moves")
	default:
		t.say(event.Unknown, event.Undecided, "stands "+on(t)+", which may only be slow: it has not answered for "+seconds(silent), "it moves")
	}
}

// judgeByLength is for a wait that only its length can settle.
func (j *Judge) judgeByLength(t *task, how string) {
	length := t.silent(j)
	if length < j.fallback {
		t.say(event.Unknown, event.Undecided, "waits "+on(t)+", "+how+", for "+seconds(length), "it moves")
		return
	}
	t.say(event.Stuck, event.Inferred, "stands "+on(t)+", "+how+"; this is settled by its length alone, "+seconds(length), "it moves")
}

// judgeUnresolved is for a wait of which nothing can be asked. An uninterruptible
// sleep that lasts is settled by its length: so does one of a thread that was
// killed.
func (j *Judge) judgeUnresolved(t *task, r *event.Resource) {
	why := "what it waits for is not known"
	if r != nil && r.Err != "" {
		why = "what it waits for cannot be asked: " + r.Err
	}
	if t.now.Killed {
		why = "it was killed and does not end"
	}
	if t.now.State == "D" || t.now.Killed {
		j.judgeByLength(t, why)
		return
	}
	t.say(event.Unknown, event.Undecided, "waits "+on(t)+"; "+why, "it moves")
}

// judgeHeld is for a wait that somebody else ends: a lock's holder, a child. Of
// threads of the process follow says more.
func (j *Judge) judgeHeld(t *task, r *event.Resource) {
	if len(r.Holders) == 0 {
		j.judgeUnresolved(t, r)
		return
	}
	if r.Kind == event.OnChild && t.now.State != "D" {
		j.judgeIdle(t, r)
		return
	}
	h := r.Holders[0]
	for _, other := range r.Holders {
		if other.State == "R" {
			h = other
		}
	}
	who := holder(h)
	switch {
	case t.gotOn || h.State == "R":
		t.say(event.Slow, event.Inferred, "waits "+on(t)+", "+who+", which runs", "that never ends its part")
	case h.State == "T" || h.State == "t":
		t.say(event.Paused, event.Inferred, "waits "+on(t)+", "+who+", which is stopped", "that goes on")
	case r.Kind == event.OnLockFile && r.InFlight > 0:
		j.judgeStalling(t, r, 4*j.floor) // by what its holder waits for
	case h.State == "S" && r.Kind == event.OnLockFile:
		t.say(event.Idle, event.Inferred, "waits "+on(t)+", "+who+", which waits too", "that should have let go")
	default:
		j.judgeByLength(t, who+", which does not move")
	}
}

// holder names who has what a thread waits for.
func holder(h event.Task) string {
	name := fmt.Sprintf("in the hands of process %d", h.PID)
	if h.TID != 0 && h.TID != h.PID {
		name = fmt.Sprintf("in the hands of thread %d of process %d", h.TID, h.PID)
	}
	if h.Comm != "" {
		name += " (" + h.Comm + ")"
	}
	return name
}

// on says in what the thread waits: "in fsync(7 → /wal) on the FUSE file system at /data".
func on(t *task) string {
	th := &t.now
	var what string
	switch {
	case th.What != "":
		what = "in " + th.What
	case th.Call != "":
		what = "in " + th.Call
	case th.Fault:
		what = "in a page fault"
	case th.Wchan != "":
		what = "in the kernel's " + th.Wchan
	case th.State == "D":
		what = "in an uninterruptible sleep"
	default:
		what = "in a sleep"
	}
	if r := th.Resource; r != nil && r.Name != "" && !strings.Contains(what, r.Name) {
		what += " on " + r.Name
	}
	return what
}

// evidence tells what the kernel shows of a thread that sleeps.
func (t *task) evidence(j *Judge) {
	th := &t.now
	text := fmt.Sprintf("thread %d is in state %s", th.ID, th.State)
	if th.Wchan != "" {
		text += ", in " + th.Wchan
	}
	t.add(j, "%s; for %s it has neither run nor been switched, in each of %d readings", text, seconds(t.stands(j)), t.same)
	r := th.Resource
	if r == nil || r.Name == "" {
		return
	}
	switch {
	case r.Err != "":
		t.add(j, "%s: %s", r.Name, r.Err)
	case t.stalled >= 0:
		t.add(j, "%s had work for %s, %d in flight now, and finished nothing", r.Name, seconds(j.honest-t.stalled), r.InFlight)
	case t.gotOn:
		t.add(j, "%s has moved since the reading before", r.Name)
	}
	for _, h := range r.Holders {
		who := holder(h)
		if hasEdge(r) {
			who = fmt.Sprintf("in the hands of thread %d", h.TID)
		}
		t.add(j, "%s is %s, in state %s", r.Name, who, h.State)
	}
}

func seconds(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) }
