package threads

import (
	"fmt"
	"sort"

	"github.com/lifesign-go/lifesign/event"
)

// ended is a thread whose end by a signal the kernel has told of.
type ended struct {
	exit     event.Exit
	comm     string // its name, if that was read while it lived
	round    int    // in which it was noted
	alive    int    // rounds in a row since then in which another thread was seen to live on
	vanished bool
	told     bool
	standing event.Standing
}

// signal is the signal that an exit code says a task was ended by, 0 if none.
func signal(code int) int { return code & 0x7f }

// maxEnded bounds what is remembered of threads that are no more.
const maxEnded = 256

// noteExit remembers a thread that a signal has ended.
func (j *Judge) noteExit(e *event.Exit) {
	if signal(e.Code) == 0 || j.ended[e.TID] != nil || len(j.ended) >= maxEnded {
		return
	}
	ended := &ended{exit: *e, round: j.round}
	if t := j.tasks[e.TID]; t != nil {
		ended.comm = t.now.Comm
	}
	j.ended[e.TID] = ended
}

// confirmEnds decides which of the ended threads have vanished: those that other
// threads of the process outlive. Where all of it is being killed none has.
func (j *Judge) confirmEnds() {
	for _, t := range j.tasks {
		// A leader stays as a zombie while other threads live.
		if t.stateRound == j.round && t.now.State == "Z" && signal(t.now.ExitCode) != 0 && j.ended[t.id] == nil {
			j.noteExit(&event.Exit{TID: t.id, Code: t.now.ExitCode, At: j.at})
		}
	}
	for id, e := range j.ended {
		if e.vanished {
			continue
		}
		lives, seen := j.lives()
		switch {
		case lives:
			e.alive++
		case seen:
			e.alive = 0
		}
		if e.alive >= 2 {
			j.vanish(e)
		} else if j.round-e.round > 20 {
			delete(j.ended, id) // the process has ended with it, or nothing could be seen
		}
	}
}

// lives reports whether some thread of the process goes on living, as far as this
// round shows, and whether it shows anything.
func (j *Judge) lives() (lives, seen bool) {
	for _, t := range j.tasks {
		if t.stateRound != j.round {
			continue
		}
		seen = true
		if t.now.State != "" && t.now.State != "Z" && t.now.State != "X" && !t.now.Killed {
			return true, true
		}
	}
	return false, seen
}

func (j *Judge) vanish(e *ended) {
	e.vanished = true
	sig := signal(e.exit.Code)
	what := fmt.Sprintf("was ended by signal %d, alone, while its process lives on", sig)
	if j.node.oopsed {
		what = fmt.Sprintf("was ended by the kernel (signal %d) while its process lives on, and the kernel has oopsed", sig)
	}
	e.standing = event.Standing{
		Thread: event.Thread{ID: e.exit.TID, Comm: e.comm, Syscall: -1, ExitCode: e.exit.Code}, Verdict: event.Vanished, Class: event.Proven,
		What: what, Since: e.exit.At, Refuted: "a thread of that number is there",
		Evidence: []event.Evidence{
			{Source: event.Kernel, At: e.exit.At, Text: fmt.Sprintf("thread %d has exited with code %#x, its own", e.exit.TID, e.exit.Code)},
			{Source: event.Kernel, At: j.at, Text: "in two readings since then another thread was neither killed nor about to exit"},
		},
	}
	if t := j.tasks[e.exit.TID]; t != nil {
		e.standing.Thread = t.now
		e.standing.Evidence[0].Text += ", and stays as a zombie"
	}
	e.standing.Evidence = append(e.standing.Evidence, j.node.evidence(j.at)...)
}

// witnesses returns threads whose state says whether the process lives on, while
// that is asked.
func (j *Judge) witnesses() []int {
	open := false
	for _, e := range j.ended {
		open = open || !e.vanished
	}
	if !open {
		return nil
	}
	const most = 8
	var ids []int
	for id, t := range j.tasks {
		if j.ended[id] == nil && t.now.State != "Z" {
			ids = append(ids, id)
		}
	}
	sort.Ints(ids)
	if len(ids) > most {
		ids = ids[:most]
	}
	return ids
}
