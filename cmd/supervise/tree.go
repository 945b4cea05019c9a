package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tree is what a program and all that descends from it are in: a control group, or
// else a process group and the supervisor's descendants.
type tree struct {
	dir   string // of the control group, "" if there is none
	group int    // the process group, 0 if it is lifesign's own, too
	why   string // there is no control group
	asked int    // how often it was looked whether it is empty
}

// openTree returns the tree that an earlier driver has used, or another one.
func openTree(c Config, old record) *tree {
	t := &tree{group: old.Group}
	if old.Cgroup != "" {
		if _, err := os.Stat(filepath.Join(old.Cgroup, "cgroup.procs")); err == nil {
			t.dir = old.Cgroup
			return t
		}
	}
	if c.NoTree {
		t.why = "it is not wanted"
	} else if err := t.makeGroup(c.State); err != nil {
		t.why = err.Error()
	}
	if t.dir == "" {
		subreaper()
	}
	return t
}

// makeGroup makes a control group below lifesign's own. Its name is that of the state
// directory: whoever starts with the same one finds what is left in it.
func (t *tree) makeGroup(state string) error {
	own, err := ownGroup()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("lifesign-%d-%d", os.Getpid(), time.Now().UnixNano())
	if state != "" {
		var st unix.Stat_t
		if err := unix.Stat(state, &st); err != nil {
			return fmt.Errorf("stat %s: %w", state, err)
		}
		name = fmt.Sprintf("lifesign-%x-%d", st.Dev, st.Ino)
	}
	dir := filepath.Join(own, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make a control group: %w", err)
	}
	// cgroup.kill is there since Linux 5.14. Who moves a process must be allowed to
	// write to where both groups meet.
	for _, f := range []string{filepath.Join(dir, "cgroup.kill"), filepath.Join(dir, "cgroup.procs"), filepath.Join(own, "cgroup.procs")} {
		if err := unix.Access(f, unix.W_OK); err != nil {
			os.Remove(dir)
			return fmt.Errorf("use a control group: %s: %w", filepath.Base(f), err)
		}
	}
	t.dir = dir
	return nil
}

// ownGroup is the directory of the control group, of version 2, that lifesign is in.
func ownGroup() (string, error) {
	mount := ""
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	root := ""
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		for i, f := range fields {
			if f == "-" && i >= 6 && i+1 < len(fields) && fields[i+1] == "cgroup2" {
				root, mount = fields[3], fields[4]
			}
		}
	}
	if mount == "" {
		return "", errors.New("no control groups of version 2 are mounted")
	}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			rel, err := filepath.Rel(root, path)
			if err != nil || strings.HasPrefix(rel, "..") {
				rel = "."
			}
			return filepath.Join(mount, rel), nil
		}
	}
	return "", errors.New("lifesign is in no control group of version 2")
}

// fork starts a process in the tree. It must do nothing before fork has returned.
//
// It is put into the control group, and not made in it (CLONE_INTO_CGROUP): Linux 6.18
// was seen to kill at once whatever is made in a group in which cgroup.kill was ever
// written.
func (t *tree) fork(path string, argv []string, files []uintptr, env []string) (pid, pidfd int, err error) {
	pidfd = -1
	attr := &syscall.ProcAttr{Env: env, Files: files, Sys: &syscall.SysProcAttr{PidFD: &pidfd}}
	attr.Sys.Setpgid = t.dir == "" && !interactive()
	pid, _, err = syscall.StartProcess(path, argv, attr)
	if err != nil {
		return 0, 0, fmt.Errorf("fork: %w", err)
	}
	if attr.Sys.Setpgid {
		t.group = pid
	}
	if pidfd < 0 {
		if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			return 0, 0, fmt.Errorf("pidfd_open: %w", err)
		}
	}
	if t.dir == "" {
		return pid, pidfd, nil
	}
	if err := os.WriteFile(filepath.Join(t.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		os.Remove(t.dir)
		t.dir, t.why = "", err.Error()
		subreaper()
	}
	return pid, pidfd, nil
}

// subreaper has children of the program's whose parent has ended become lifesign's.
func subreaper() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// interactive reports whether the program may want to read from a terminal: then it
// must be in the terminal's foreground process group, which is lifesign's.
func interactive() bool {
	_, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil
}

// kill sends SIGKILL to all that is in the tree.
func (t *tree) kill(child *process) {
	t.asked = 0
	if child != nil {
		child.signal(syscall.SIGKILL)
	}
	if t.dir != "" {
		os.WriteFile(filepath.Join(t.dir, "cgroup.kill"), []byte("1"), 0)
		return
	}
	t.killScattered()
}

func (t *tree) killScattered() {
	for _, pid := range t.pids() {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			unix.Close(fd)
		}
	}
}

// empty reports whether nothing is left. again says that what is left was killed, and
// what has come since is to be, too.
func (t *tree) empty(again bool) bool {
	t.asked++
	if t.dir != "" {
		data, err := os.ReadFile(filepath.Join(t.dir, "cgroup.events"))
		return err != nil && errors.Is(err, os.ErrNotExist) || strings.Contains(string(data), "populated 0") || t.onlyHelpers()
	}
	if len(t.pids()) == 0 {
		return true
	}
	if again {
		t.killScattered()
	}
	return false
}

// onlyHelpers reports whether all that is in the control group is lifesign's own: the
// helper that does mimics' errands is where the program is, and can hang as it does. It
// has none of the program's data in its hands that a new program would miss.
func (t *tree) onlyHelpers() bool {
	own, pids := comm("self"), groupPIDs(t.dir)
	for _, pid := range pids {
		if parent(pid) != os.Getpid() || comm(strconv.Itoa(pid)) != own {
			return false
		}
	}
	return len(pids) > 0 // else what is there is about to end, and not listed any more
}

func comm(pid string) string {
	data, _ := os.ReadFile("/proc/" + pid + "/comm")
	return string(data)
}

// pace is how long to wait before the next look: 2 ms at first, and a second in the end.
func (t *tree) pace() time.Duration {
	return min(time.Second, 2*time.Millisecond<<min(t.asked, 9))
}

// has reports whether process pid is one of the tree's.
func (t *tree) has(pid int, child *process) bool {
	for _, p := range t.pids() {
		if p == pid {
			return true
		}
	}
	if t.dir == "" && child != nil {
		for up, n := parent(pid), 0; up > 1 && n < 100; up, n = parent(up), n+1 {
			if up == child.pid {
				return true
			}
		}
	}
	return false
}

// pids are the processes in the tree.
func (t *tree) pids() []int {
	if t.dir != "" {
		return groupPIDs(t.dir)
	}
	return t.scattered()
}

// groupPIDs are the processes of a control group and of those below it.
func groupPIDs(dir string) (pids []int) {
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil
		}
		data, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, f := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// scattered are the processes of the process group, and those that descend from
// lifesign but by way of a lifesign that it has started itself. Zombies are none:
// whoever is their parent has yet to reap them.
func (t *tree) scattered() (pids []int) {
	list, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	parents, groups, in := map[int]int{}, map[int]int{}, map[int]bool{}
	for _, e := range list {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		f := statFields(pid)
		if len(f) < 3 || f[0][0] == 'Z' || f[0][0] == 'X' {
			continue
		}
		parents[pid], _ = strconv.Atoi(string(f[1]))
		groups[pid], _ = strconv.Atoi(string(f[2]))
		if t.group != 0 && groups[pid] == t.group {
			in[pid] = true
		}
	}
	self, ownGroup := os.Getpid(), unix.Getpgrp()
	for pid := range parents {
		top := pid
		for n := 0; n < 1000 && parents[top] != self && parents[top] > 1; n++ {
			top = parents[top]
		}
		if parents[top] == self && (groups[top] != ownGroup || !ownProgram(top)) {
			in[pid] = true
		}
	}
	for pid := range in {
		pids = append(pids, pid)
	}
	sort.Ints(pids)
	return pids
}

func parent(pid int) int {
	f := statFields(pid)
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(string(f[1]))
	return n
}

// ownProgram reports whether a process runs lifesign itself, as what does mimics'
// errands (which is in lifesign's process group, too), or cannot be asked.
func ownProgram(pid int) bool {
	var own, other unix.Stat_t
	if unix.Stat("/proc/self/exe", &own) != nil || unix.Stat(fmt.Sprintf("/proc/%d/exe", pid), &other) != nil {
		return true
	}
	return own.Dev == other.Dev && own.Ino == other.Ino
}

// remove takes the control group away, if nothing is in it.
func (t *tree) remove() {
	if t.dir == "" {
		return
	}
	var dirs []string
	filepath.WalkDir(t.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		unix.Rmdir(dirs[i])
	}
}
