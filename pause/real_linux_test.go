package pause

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/clock"
)

var (
	rounds = flag.Int("rounds", 2, "how often each pause is made; with more than 20, 95 of 100 must be named right and none wrong")
	only   = flag.String("kinds", "", "only the cases whose name has this in it")
)

// subject is a victim.
type subject struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.Writer
	events chan Pause
}

// start starts a victim in the control groups.
func start(t *testing.T, groups ...string) *subject {
	t.Helper()
	s := &subject{t: t, cmd: exec.Command(os.Args[0]), events: make(chan Pause, 1000)}
	s.cmd.Env = append(os.Environ(), victimEnv+"=victim", "GOMAXPROCS=2")
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	// The victim must be in its groups from its first step on: a shell goes in. And it
	// must not be starved by who else uses the machine: that is a pause of its own.
	script := "renice -n -20 -p $$ >/dev/null && { echo -20 > /proc/self/autogroup || true; } && "
	for _, g := range groups {
		script += "echo $$ > " + filepath.Join(g, "cgroup.procs") + " && "
	}
	s.cmd.Path, s.cmd.Args = "/bin/sh", []string{"sh", "-c", script + "exec " + os.Args[0]}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	go func() {
		defer close(s.events)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var p Pause
			if err := json.Unmarshal(lines.Bytes(), &p); err == nil {
				s.events <- p
			}
		}
	}()
	s.await("ready")
	return s
}

func (s *subject) end() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// await returns the pauses up to a word.
func (s *subject) await(word Kind) (list []Pause) {
	s.t.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case p, ok := <-s.events:
			switch {
			case !ok:
				s.t.Fatalf("the victim has ended before it said %q", word)
			case p.Kind == word:
				return list
			}
			list = append(list, p)
		case <-late:
			s.t.Fatalf("the victim does not say %q", word)
		}
	}
}

// deed has the victim do something, and returns the pauses meanwhile and in the time
// after it in which causes are still found.
func (s *subject) deed(word string, beside func()) (list []Pause) {
	s.t.Helper()
	fmt.Fprintln(s.in, word)
	if beside != nil {
		beside()
	}
	list = s.await("done")
	fmt.Fprintln(s.in, "settle")
	return append(list, s.await("done")...)
}

// group makes a control group and removes it in the end.
func group(t *testing.T, hierarchy string) string {
	t.Helper()
	dir := filepath.Join("/sys/fs/cgroup", hierarchy, fmt.Sprintf("pausetest%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i := 0; ; i++ {
			if err := os.Remove(dir); err == nil || i == 100 {
				if err != nil {
					t.Errorf("remove the group: %v", err)
				}
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unified returns where cgroup v2 is: alone, or beside version 1.
func unified() string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return ""
	}
	return "unified"
}

// way is a way to make a pause.
type way struct {
	name  string
	want  Kind
	least time.Duration          // how long the pauses are that count
	also  []Kind                 // what happens by itself beside it
	make  func(*testing.T) round // called once
}

// round makes the pause once, and returns the victim's pauses.
type round func() []Pause

const stretch = 200 * time.Millisecond

var ways = []way{
	{"SIGSTOP", Stopped, stretch / 2, nil, func(t *testing.T) round {
		s := start(t)
		return func() []Pause {
			return s.deed("nothing", func() {
				s.cmd.Process.Signal(syscall.SIGSTOP)
				time.Sleep(stretch)
				s.cmd.Process.Signal(syscall.SIGCONT)
			})
		}
	}},
	{"SIGSTOP of a busy program", Stopped, stretch / 2, []Kind{Late}, func(t *testing.T) round {
		s := start(t)
		return func() []Pause {
			return s.deed("burn 500ms", func() {
				time.Sleep(100 * time.Millisecond)
				s.cmd.Process.Signal(syscall.SIGSTOP)
				time.Sleep(stretch)
				s.cmd.Process.Signal(syscall.SIGCONT)
			})
		}
	}},
	{"freezer, version 2", Frozen, stretch / 2, nil, func(t *testing.T) round {
		g := group(t, unified())
		s := start(t, g)
		return func() []Pause {
			return s.deed("nothing", func() {
				write(t, filepath.Join(g, "cgroup.freeze"), "1")
				time.Sleep(stretch)
				write(t, filepath.Join(g, "cgroup.freeze"), "0")
			})
		}
	}},
	{"freezer, version 1 where there is one", Frozen, stretch / 2, nil, func(t *testing.T) round {
		hierarchy, file, freeze, thaw := unified(), "cgroup.freeze", "1", "0"
		if _, err := os.Stat("/sys/fs/cgroup/freezer"); err == nil {
			hierarchy, file, freeze, thaw = "freezer", "freezer.state", "FROZEN", "THAWED"
		}
		g := group(t, hierarchy)
		s := start(t, g)
		return func() []Pause {
			return s.deed("nothing", func() {
				write(t, filepath.Join(g, file), freeze)
				time.Sleep(stretch)
				write(t, filepath.Join(g, file), thaw)
			})
		}
	}},
	{"CPU quota", Throttled, 20 * time.Millisecond, []Kind{Late}, func(t *testing.T) round {
		s := start(t, quota(t))
		return func() []Pause { return s.deed("burn 1s", nil) }
	}},
	{"other processes", Starved, stretch / 2, nil, func(t *testing.T) round {
		s := start(t)
		pin(t, s.cmd.Process.Pid, 0)
		return func() []Pause { return s.deed("nothing", func() { hogged(t, stretch) }) }
	}},
	{"stop by the collector", GCStop, 30 * time.Millisecond, nil, func(t *testing.T) round {
		s := start(t)
		s.deed("gcstop", nil) // the first time its memory is made
		return func() []Pause { return s.deed("gcstop", nil) }
	}},
	{"stacks of all goroutines", World, 20 * time.Millisecond, nil, func(t *testing.T) round {
		s := start(t)
		s.deed("stacks", nil)
		return func() []Pause { return s.deed("stacks", nil) }
	}},
	{"collection of a large heap", GCWork, 10 * time.Millisecond, []Kind{Late, GCStop}, func(t *testing.T) round {
		s := start(t)
		s.deed("gcwork 500ms", nil)
		return func() []Pause { return s.deed("gcwork 1500ms", nil) }
	}},
	{"own goroutines", Late, 20 * time.Millisecond, nil, func(t *testing.T) round {
		s := start(t)
		s.deed("crowd", nil)
		return func() []Pause { return s.deed("crowd", nil) }
	}},
	{"a slow disk", Faulting, 20 * time.Millisecond, []Kind{Disk}, func(t *testing.T) round { return disk(t, 60) }},
	{"a disk that stands", Disk, 100 * time.Millisecond, nil, func(t *testing.T) round { return disk(t, 3) }},
}

// manyWays are made with many rounds only, since they change the whole machine.
var manyWays = []way{
	{"swap", Swapping, 10 * time.Millisecond, []Kind{Late}, func(t *testing.T) round {
		s := start(t, swapping(t))
		s.deed("swap 100ms", nil)
		return func() []Pause { return s.deed("swap 2s", nil) }
	}},
}

// swapping is a control group that may have less memory than its program goes through,
// on a machine that swaps to compressed memory.
func swapping(t *testing.T) string {
	t.Helper()
	run := func(script string) string {
		t.Helper()
		out, err := exec.Command("/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; "+script).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	id := run("cat /sys/class/zram-control/hot_add")
	t.Cleanup(func() { run("echo " + id + " > /sys/class/zram-control/hot_remove") })
	run("echo 512M > /sys/block/zram" + id + "/disksize && mkswap /dev/zram" + id + " && swapon /dev/zram" + id)
	t.Cleanup(func() { run("swapoff /dev/zram" + id) })
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err == nil {
		g := group(t, "memory")
		write(t, filepath.Join(g, "memory.limit_in_bytes"), "128M")
		return g
	}
	write(t, "/sys/fs/cgroup/cgroup.subtree_control", "+memory")
	g := group(t, "")
	write(t, filepath.Join(g, "memory.max"), "128M")
	return g
}

// quota is a control group with three tenths of a processor.
func quota(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/sys/fs/cgroup/cpu"); err == nil {
		g := group(t, "cpu")
		write(t, filepath.Join(g, "cpu.shares"), "262144")
		write(t, filepath.Join(g, "cpu.cfs_period_us"), "200000")
		write(t, filepath.Join(g, "cpu.cfs_quota_us"), "60000")
		return g
	}
	write(t, "/sys/fs/cgroup/cgroup.subtree_control", "+cpu")
	g := group(t, "")
	write(t, filepath.Join(g, "cpu.weight"), "10000")
	write(t, filepath.Join(g, "cpu.max"), "60000 200000")
	return g
}

// pin has all threads of a process run on one processor, as later ones will.
func pin(t *testing.T, pid, cpu int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		affinity(t, tid, cpu)
	}
}

func affinity(t *testing.T, tid, cpu int) {
	t.Helper()
	mask := uint64(1) << uint(cpu)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), 8, uintptr(unsafe.Pointer(&mask))); errno != 0 {
		t.Fatalf("pin thread %d to processor %d: %v", tid, cpu, errno)
	}
}

// hogged has another process take processor 0 for some time.
func hogged(t *testing.T, d time.Duration) {
	cmd := exec.Command(os.Args[0], d.String())
	cmd.Env = append(os.Environ(), victimEnv+"=hog")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("take a processor: %v: %s", err, out)
	}
}

// hog takes processor 0, with a priority that nothing ordinary has.
func hog(d time.Duration) {
	runtime.LockOSThread()
	mask, prio := uint64(1), struct{ priority int32 }{10}
	_, _, pinned := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, 8, uintptr(unsafe.Pointer(&mask)))
	_, _, raised := syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, 1 /* SCHED_FIFO */, uintptr(unsafe.Pointer(&prio)))
	if pinned != 0 || raised != 0 {
		fmt.Println(pinned, raised)
		os.Exit(1)
	}
	for until := clock.Monotonic() + int64(d); clock.Monotonic() < until; {
	}
}

// disk is a device that may be read so many times a second.
func disk(t *testing.T, reads int) round {
	t.Helper()
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("/bin/sh", "-c", "head -c 67108864 /dev/urandom > "+image)
	loop := run("/bin/sh", "-c", "losetup --direct-io=off --show -f "+image)
	t.Cleanup(func() { run("/bin/sh", "-c", "losetup -d "+loop) })
	number, err := os.ReadFile("/sys/block/" + filepath.Base(loop) + "/dev")
	if err != nil {
		t.Fatal(err)
	}
	device, most := strings.TrimSpace(string(number)), strconv.Itoa(reads)
	var g string
	if _, err := os.Stat("/sys/fs/cgroup/blkio"); err == nil {
		g = group(t, "blkio")
		write(t, filepath.Join(g, "blkio.throttle.read_iops_device"), device+" "+most)
	} else {
		write(t, "/sys/fs/cgroup/cgroup.subtree_control", "+io")
		g = group(t, "")
		write(t, filepath.Join(g, "io.max"), device+" riops="+most)
	}
	s := start(t, g)
	return func() []Pause {
		// What the last round has read must be read again.
		run("/bin/sh", "-c", "blockdev --flushbufs "+loop)
		return s.deed("fault "+loop+" 600ms", nil)
	}
}

// score is what became of a way's rounds.
type score struct{ right, unseen, unknown, wrong int }

// grade judges a round by its longest pause of those that count.
func (w way) grade(list []Pause, s *score) string {
	var longest *Pause
	for i := range list {
		p := &list[i]
		if p.Length < w.least || p.Kind != w.want && among(p.Kind, w.also) {
			continue
		}
		if longest == nil || p.Length > longest.Length {
			longest = p
		}
	}
	switch {
	case longest == nil:
		s.unseen++
		return "unseen"
	case longest.Kind == w.want:
		s.right++
		return ""
	case longest.Kind == Unknown:
		s.unknown++
	default:
		s.wrong++
	}
	text := fmt.Sprintf("%s (%v): %s", longest.Kind, longest.Length, longest.What)
	for _, e := range longest.Evidence {
		text += "; " + e.Text
	}
	return text
}

func among(k Kind, list []Kind) bool {
	for _, other := range list {
		if k == other {
			return true
		}
	}
	return false
}

// Every kind for real. Few rounds show that each can be seen and named; whether a
// machine is so loaded that starvation is the truth is not this test's to say. Many
// rounds (make pauses) are held to the promise.
func TestRealPauses(t *testing.T) {
	all := ways
	if *rounds > 20 {
		all = append(all, manyWays...)
	}
	for _, w := range all {
		w := w
		if !strings.Contains(w.name, *only) {
			continue
		}
		t.Run(strings.Replace(w.name, " ", "_", -1), func(t *testing.T) {
			play := w.make(t)
			var s score
			for i := 0; i < *rounds || *rounds <= 20 && s.right == 0 && i < 10; i++ {
				if text := w.grade(play(), &s); text != "" {
					t.Logf("round %d: %s", i+1, text)
				}
			}
			all := s.right + s.unseen + s.unknown + s.wrong
			t.Logf("%d rounds: %d right, %d unseen, %d unknown, %d wrong", all, s.right, s.unseen, s.unknown, s.wrong)
			if s.right == 0 || *rounds > 20 && (s.wrong > 0 || s.right*100 < 95*all) {
				t.Errorf("named %s in %d of %d rounds, %d wrong", w.want, s.right, all, s.wrong)
			}
		})
	}
}
