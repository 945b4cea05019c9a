package errands

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// helperPID finds the helper among this process's children.
func helperPID(t *testing.T, h *Helper) int {
	t.Helper()
	found := make(chan int, 1)
	h.post(func() {
		pid := 0
		if c := h.loop.child; c != nil {
			if p := c.process.Load(); p != nil {
				pid = p.Pid
			}
		}
		found <- pid
	})
	pid := <-found
	if pid == 0 {
		t.Fatal("there is no helper")
	}
	return pid
}

// statusOf returns a line of a process's status.
func statusOf(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	t.Fatalf("status of %d has no %s", pid, name)
	return ""
}

// A program that gives up being root gets a helper that has, too.
func TestPrivilegesAreDropped(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.Mkdir(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	name := file(t, secret, "file")
	for d := dir; d != "/"; d = filepath.Dir(d) { // others may pass, as far as this test made it
		if strings.HasPrefix(filepath.Base(d), "Test") || d == dir {
			if err := os.Chmod(d, 0o777); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := start(t, "drop")
	h := helperOf(t, p.Process.Pid)
	want(t, do(t, h, errand(event.DoWrite, name)), event.Done, "", "")
	first := helperPID(t, h)
	if got := statusOf(t, first, "Uid"); got != "0 0 0 0" {
		t.Errorf("the helper of root's program has the users %q", got)
	}
	p.ask("drop")
	p.says("dropped")
	time.Sleep(lookAgain)
	want(t, do(t, h, errand(event.DoWrite, name)), event.Unable, "EACCES", "not permitted")
	second := helperPID(t, h)
	if second == first {
		t.Fatal("the helper is still the first one")
	}
	for _, one := range [][2]string{
		{"Uid", "65534 65534 65534 65534"}, {"Gid", "65533 65533 65533 65533"}, {"Groups", "1234"},
		{"CapPrm", "0000000000000000"},
	} {
		if got := statusOf(t, second, one[0]); got != one[1] {
			t.Errorf("%s of the second helper is %q, want %q", one[0], got, one[1])
		}
	}
	open := file(t, dir, "open")
	want(t, do(t, h, errand(event.DoWrite, open)), event.Done, "", "")
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d", first), &st); err == nil {
		for end := time.Now().Add(time.Minute); unix.Kill(first, 0) == nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the first helper is still there")
			}
		}
	}
	if c := h.Counts(); c.Starts != 2 || c.Deaths != 0 || c.Left != 0 {
		t.Errorf("%+v", c)
	}
}

// In a root of its own, which has neither a C library nor /proc, a program's paths are
// those that it sees.
func TestRootOfItsOwn(t *testing.T) {
	jail := t.TempDir()
	if err := os.Mkdir(filepath.Join(jail, "data"), 0o777); err != nil {
		t.Fatal(err)
	}
	file(t, filepath.Join(jail, "data"), "file")
	p := start(t, "chroot", jail)
	h := helperOf(t, p.Process.Pid)
	for _, d := range []event.Deed{event.DoWrite, event.DoRead, event.DoDirectory, event.DoOpen} {
		want(t, do(t, h, errand(d, "/data/file")), event.Done, "", "")
	}
	want(t, do(t, h, errand(event.DoWrite, filepath.Join(jail, "data", "file"))), event.Unable, "", "there is no")
	e := errand(event.DoDial, "")
	e.Mimic.Network, e.Mimic.Address = "tcp", "localhost:1"
	want(t, do(t, h, e), event.Unable, "", "the name localhost cannot be looked up")
	only(t, jail, "data")
}

// In mounts and a network of its own, the program's are meant: a tmpfs that nobody else
// sees, and a listener that nobody else reaches.
func TestNamespacesOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("unshare", "--mount", "--net", "/bin/sh", "-c",
		`ip link set lo up && mount -t tmpfs -o size=1m tmpfs `+dir+` && echo x > `+dir+`/file && exec "$0" program idle`, self(t))
	p := startBy(t, cmd)
	h := helperOf(t, p.Process.Pid)
	o := do(t, h, errand(event.DoWrite, filepath.Join(dir, "file")))
	want(t, o, event.Done, "", "")
	if !strings.HasPrefix(o.Device, "tmpfs ") {
		t.Errorf("it was done on %q", o.Device)
	}
	only(t, dir)
	l := listener(t)
	e := errand(event.DoDial, "")
	e.Mimic.Network, e.Mimic.Address = "tcp", l
	want(t, do(t, h, e), event.Failed, "ECONNREFUSED", "connect to "+l)
	e = errand(event.DoHandshake, "")
	e.Where = event.Loopback
	want(t, do(t, h, e), event.Done, "", "")
	other := helperOf(t, start(t, "idle").Process.Pid)
	e = errand(event.DoDial, "")
	e.Mimic.Network, e.Mimic.Address = "tcp", l
	want(t, do(t, other, e), event.Done, "", "")
}

func self(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// The helper is in the program's control groups.
func TestControlGroups(t *testing.T) {
	var group string
	for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/freezer"} {
		name := filepath.Join(root, "lifesign-errands-"+strconv.Itoa(os.Getpid()))
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err == nil && os.Mkdir(name, 0o777) == nil {
			group = name
			break
		}
	}
	if group == "" {
		t.Fatal("no control group can be made (this takes root)")
	}
	t.Cleanup(func() {
		var err error
		for i := 0; i < 600; i++ { // until its processes are gone
			if err = os.Remove(group); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error(err)
	})
	p := start(t, "idle")
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(p.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	h := helperOf(t, p.Process.Pid)
	want(t, do(t, h, errand(event.DoSync, file(t, t.TempDir(), "file"))), event.Done, "", "")
	procs, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if pid := strconv.Itoa(helperPID(t, h)); err != nil || !strings.Contains("\n"+string(procs), "\n"+pid+"\n") {
		t.Errorf("in the group there are %q, and not the helper %s, %v; it lacks %q", procs, pid, err, h.Counts().Lacks)
	}
}

// The helper has nothing of the agent's open, and ends with it.
func TestHelperEndsWithTheAgent(t *testing.T) {
	leak, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // inherited
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leak)
	name := file(t, t.TempDir(), "file")
	agent := startBy(t, exec.Command(self(t), "program", "agent", name))
	pid, err := strconv.Atoi(agent.line())
	if err != nil {
		t.Fatal(err)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		for _, ok := range []string{"pipe:", "/dev/null", "anon_inode:[event", "/proc/"} {
			if n, _ := strconv.Atoi(fd.Name()); strings.HasPrefix(link, ok) && (ok != "/dev/null" || n <= 2) {
				link = ""
			}
		}
		if link != "" {
			t.Errorf("the helper has %s open: %s", fd.Name(), link)
		}
	}
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the helper has survived its agent")
		}
	}
}

// A helper that is killed says nothing of the program, and another one takes its place.
func TestHelperIsKilled(t *testing.T) {
	name := file(t, t.TempDir(), "file")
	h := helperOf(t, start(t, "idle").Process.Pid)
	for i := 0; i < 3; i++ {
		want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
		if err := unix.Kill(helperPID(t, h), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); h.Counts().Deaths != uint64(i+1); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("its death is not noticed")
			}
		}
	}
	want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
	h.Close()
	h.Do(errand(event.DoSync, name))
	if o := h.Outcomes(nil); len(o) != 1 || o[0].End != event.Unable {
		t.Errorf("after Close: %+v", o)
	}
}

// A helper that cannot be where the program is says so.
func TestHelperThatCannotBeThere(t *testing.T) {
	h, err := Start(Config{PID: start(t, "idle").Process.Pid, Command: []string{"/bin/sh", "-c", "echo no luck >&2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	want(t, do(t, h, errand(event.DoSync, "/x")), event.Unable, "", "no")
	none, err := Start(Config{PID: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	want(t, do(t, none, errand(event.DoSync, "/x")), event.Unable, "", "where the program is cannot be seen: no such file")
}
