package proc

import (
	"os"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// onChild is for a wait for a child: for its end, or that a child of vfork lets
// go of the memory.
func (q *inquiry) onChild(r *event.Resource) error {
	r.Kind, r.Name = event.OnChild, "its child processes"
	var pids []int
	switch q.call.by {
	case newChild:
		if !q.inside("kernel_clone", "_do_fork", "do_fork", "wait_for_vfork_done") {
			r.Kind, r.Name = "", ""
			return errNothing
		}
		// A thread's children are in the order in which it made them.
		if pids = q.children(q.th.ID); len(pids) > 1 {
			pids = pids[len(pids)-1:]
		}
	case child:
		pids = q.chosen(int(int32(q.in.args[0])))
	case childID:
		const byPID, byGroup, byDescriptor = 1, 2, 3
		id := int(int32(q.in.args[1]))
		switch q.in.args[0] {
		case byPID:
			pids = q.chosen(id)
		case byGroup:
			pids = q.chosen(-id)
		case byDescriptor:
			if info, err := q.info(q.PID, id); err == nil && info.process > 0 {
				pids = []int{info.process}
			}
		default:
			pids = q.chosen(-1)
		}
	}
	if len(pids) == 1 {
		r.Name = taskName(pids[0])
	}
	if r.Holders = q.holders(pids); len(pids) == 0 {
		return errNoChild
	}
	return nil
}

// chosen returns the children that wait4 waits for: one by its number, all of a
// group, or all. Numbers are those of the process's own PID namespace.
func (q *inquiry) chosen(want int) (pids []int) {
	nested, _ := q.nested()
	for _, pid := range q.children(0) {
		own := pid
		if nested {
			own = q.of(pid).inner(strconv.Itoa(pid))
		}
		switch {
		case want == -1, want > 0 && own == want:
			pids = append(pids, pid)
		case want == 0 && q.family(pid).group == q.family(q.PID).group:
			pids = append(pids, pid)
		case want < -1 && !nested && q.family(pid).group == -want:
			pids = append(pids, pid)
		}
	}
	return pids
}

// children returns the children that a thread has made, or all threads if tid is
// 0. A kernel that is built without the list of them (CONFIG_PROC_CHILDREN) knows
// parents alone.
func (k Kernel) children(tid int) (pids []int) {
	tids := []string{strconv.Itoa(tid)}
	if tid == 0 {
		d, err := os.Open(k.path("task"))
		if err != nil {
			return nil
		}
		tids, _ = d.Readdirnames(-1)
		d.Close()
	}
	listed := false
	for _, tid := range tids {
		b, err := os.ReadFile(k.path("task", tid, "children"))
		if err != nil {
			continue
		}
		listed = true
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	if listed {
		return pids
	}
	for _, pid := range k.processes() {
		if k.family(pid).parent == k.PID {
			pids = append(pids, pid)
		}
	}
	return pids
}
