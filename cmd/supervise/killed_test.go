package supervise

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// rounds is how often a supervisor is killed. make kills does it 600 times.
var rounds = flag.Int("rounds", 40, "how often TestKilledAtAnyMoment kills its supervisor")

// agent starts a supervisor in a process of its own.
func agent(t *testing.T, o order) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "agent", string(text))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// killed kills a supervisor.
func killed(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// stopped stops a supervisor, and with it the program, and returns its status.
func stopped(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		t.Error("the supervisor does not end")
	}
	return cmd.ProcessState.ExitCode()
}

// count reads what the program counts: whose count it is, and how far it is.
func count(name string) (pid, n int) {
	data, _ := os.ReadFile(name)
	fmt.Sscanf(string(data), "%d %d", &pid, &n)
	return pid, n
}

// A supervisor is killed at any moment: as it starts the program, while it runs, as it
// stops it, as it starts it again, as it adopts it. There are never two programs, there
// is one again once a supervisor is there, and one that ran goes on.
func TestKilledAtAnyMoment(t *testing.T) {
	for _, noTree := range []bool{false, true} {
		t.Run(fmt.Sprint(noTree), func(t *testing.T) { killRounds(t, noTree, *rounds/2) })
	}
}

func killRounds(t *testing.T, noTree bool, rounds int) {
	dir := t.TempDir()
	name := filepath.Join(dir, "count")
	o := order{
		Argv: program("count", name), State: filepath.Join(dir, "state"), NoTree: noTree, Log: filepath.Join(dir, "log"), Ready: "notify",
		Policy: with(func(c *supervise.Config) { c.Restart, c.Readiness, c.Deadline = supervise.Always, true, time.Minute }),
	}
	seed := time.Now().UnixNano()
	r := rand.New(rand.NewSource(seed))
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(o.Log)
			t.Logf("seed %d; the supervisors said:\n%s", seed, log)
		}
	})
	kinds, went := map[string]int{}, 0
	doomed := map[int]bool{} // was sent a signal in an earlier round, and need not go on
	for i := 0; i < rounds; i++ {
		a := agent(t, o)
		kind := []string{"start", "run", "stop", "crash"}[r.Intn(4)]
		kinds[kind]++
		if kind != "start" {
			until(t, "a program", func() bool { pid, _ := count(name); return alive(pid) })
		}
		var ran int
		switch kind {
		case "run":
			ran, _ = count(name)
		case "stop":
			pid, _ := count(name)
			doomed[pid] = true
			a.Process.Signal(syscall.SIGTERM)
		case "crash":
			pid, _ := count(name)
			doomed[pid] = true
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Duration(r.Intn(40000)) * time.Microsecond)
		killed(a)
		// One that was just being started when its supervisor was stopped is stopped, too.
		if kind == "run" && !doomed[ran] && !logged(o, fmt.Sprintf("process %d was being stopped", ran)) {
			_, before := count(name)
			until(t, "the program goes on", func() bool { pid, n := count(name); return pid == ran && n > before })
			went++
		}
		if two, err := os.ReadFile(name + ".two"); err == nil {
			t.Fatalf("round %d, killed in the %s: there were two, %s", i, kind, two)
		}
	}
	a := agent(t, o)
	until(t, "a supervisor", func() bool { return logged(o, fmt.Sprintf("supervisor %d hears signals", a.Process.Pid)) })
	until(t, "a program, after all that", func() bool { pid, _ := count(name); return alive(pid) })
	last, n := count(name)
	until(t, "it counts on", func() bool { pid, m := count(name); return pid != last || m > n })
	stopped(t, a)
	if pid, _ := count(name); alive(pid) {
		t.Errorf("process %d is still there", pid)
	}
	if _, err := os.Stat(name + ".two"); err == nil {
		t.Error("there were two")
	}
	t.Logf("killed %d times, %v; %d programs in all; %d times the program was seen to go on", rounds, kinds, len(lines(name+".pids")), went)
}

// What is adopted is the same process, not looked at anew, and its end is known where
// the kernel tells of it.
func TestAdoption(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "count")
	o := order{Argv: program("count", name), State: filepath.Join(dir, "state"), Log: filepath.Join(dir, "log"), Policy: quickly}
	a := agent(t, o)
	until(t, "up", func() bool { pid, _ := count(name); return pid != 0 })
	pid, _ := count(name)
	killed(a)
	a = agent(t, o)
	until(t, "adopted", func() bool { return logged(o, fmt.Sprintf("process %d runs already", pid)) })
	// The same again, while that one lives, is refused.
	second := agent(t, o)
	second.Wait()
	if second.ProcessState.ExitCode() != 101 || !logged(o, fmt.Sprintf("supervised by process %d already", a.Process.Pid)) {
		t.Errorf("a second supervisor ended with %v", second.ProcessState)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	until(t, "another one", func() bool { now, _ := count(name); return now != pid && alive(now) })
	want := "it was ended by SIGKILL"
	if !tellsExits(t) {
		want = "its exit status is unknown"
	}
	if !logged(o, want) {
		t.Errorf("how it has ended is not told, want %q", want)
	}
	stopped(t, a)
	if _, err := os.Stat(o.State); err == nil {
		t.Error("the state directory is still there")
	}
	log, _ := os.ReadFile(o.Log)
	t.Logf("%s", log)
}

func logged(o order, text string) bool {
	log, _ := os.ReadFile(o.Log)
	return strings.Contains(string(log), text)
}

// tellsExits reports whether the kernel tells of the ends of processes that are not
// one's own, by a descriptor that was opened while they lived. It looks for itself.
func tellsExits(t *testing.T) bool {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	killed(cmd)
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	return unix.IoctlPidfdInfo(fd, &info) == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0 && unix.WaitStatus(info.Exit_code).Signal() == unix.SIGKILL
}

// Held sockets go from the program to the next supervisor: nobody is refused, also
// when the program crashes after its supervisor has been killed and replaced.
func TestHeldSocketsAreAdopted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "socket")
	o := order{Argv: program("serves"), Listen: []string{"unix:" + path}, State: filepath.Join(dir, "state"), Log: filepath.Join(dir, "log"), Policy: quickly}
	a := agent(t, o)
	until(t, "an answer", func() bool { _, err := unixGet(path, "/"); return err == nil })
	first, _ := unixGet(path, "/")
	var before unix.Stat_t
	unix.Stat(path, &before)
	killed(a)
	if who, err := unixGet(path, "/"); err != nil || who != first {
		t.Errorf("without its supervisor the program does not serve: %q, %v", who, err)
	}
	a = agent(t, o)
	until(t, "adopted", func() bool { return logged(o, "runs already") })
	unixGet(path, "/crash")
	second, err := unixGet(path, "/") // waits in the queue meanwhile
	if err != nil || second == first {
		t.Errorf("it is answered by %q, %v; the first was %s", second, err, first)
	}
	var after unix.Stat_t
	if unix.Stat(path, &after); after.Ino != before.Ino {
		t.Error("the socket is another one")
	}
	stopped(t, a)
}
