package supervise

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// orphaned is how long a child of lifesign's may stand ended before it is reaped as
// nobody's. What lifesign has started itself somebody waits for, and that takes
// milliseconds; and if it takes longer, an exit status is lost that nobody acts on.
const orphaned = time.Second

// reap reaps processes whose parents have ended, where these become lifesign's: as
// PID 1, or as a subreaper. mine says which it must leave alone.
func reap(done <-chan struct{}, mine func(pid int) bool) {
	seen := map[int]time.Time{}
	tick := time.NewTicker(orphaned / 4)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		ended := map[int]bool{}
		for _, pid := range zombies() {
			ended[pid] = true
			first, known := seen[pid]
			if !known {
				seen[pid] = time.Now()
			} else if time.Since(first) > orphaned && !mine(pid) {
				unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
		for pid := range seen {
			if !ended[pid] {
				delete(seen, pid)
			}
		}
	}
}

// zombies are the children of lifesign's that have ended. Without the kernel's list of
// children (CONFIG_PROC_CHILDREN) all processes are looked through.
func zombies() (pids []int) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	for _, t := range tasks {
		data, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%s/children", t.Name()))
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				continue
			}
			if st := statFields(pid); len(st) > 0 && st[0][0] == 'Z' {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
