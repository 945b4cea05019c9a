package dump

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/internal/dump"
)

func taken(t testing.TB, target Target, o Options) *dump.Dump {
	t.Helper()
	if target.Rules.Env == nil {
		target.Rules = dump.UsualRules()
	}
	d, err := Take(context.Background(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// complete takes a dump until all threads came to a stop in time, on a machine that
// may be busy.
func complete(t testing.TB, target Target, o Options) *dump.Dump {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		d := taken(t, target, o)
		without := 0
		for _, th := range d.Threads {
			if th.Registers == nil {
				without++
			}
		}
		if without == 0 && len(d.Memory) > 0 {
			return d
		}
		if time.Now().After(end) {
			t.Fatalf("%d threads of %d without registers; missing: %q", without, len(d.Threads), d.Missing)
		}
	}
}

// checkMany holds a dump of the program many against what it is.
func checkMany(t *testing.T, d *dump.Dump, threads int) {
	t.Helper()
	spins, waits, unnamed := 0, 0, 0
	unasked := strings.Contains(strings.Join(d.Missing, "\n"), "there was no time for") // on a machine that is busy
	for _, th := range d.Threads {
		var names []string
		for _, f := range th.User {
			names = append(names, f.Func)
		}
		switch stack := strings.Join(names, " "); {
		case strings.HasPrefix(stack, "spins run "):
			spins++
		case strings.HasPrefix(stack, "pause waits ") && (th.Wchan != "" || th.State == "" && unasked):
			waits++
		case th.UserErr == errNoTime.Error() && th.Registers != nil:
			unnamed++ // on a machine that is very busy
		default:
			t.Errorf("thread %d in %s, %s: %s, %s", th.ID, th.State, th.Wchan, stack, th.UserErr)
		}
	}
	if unnamed > 0 {
		t.Logf("there was no time to name the functions of %d threads", unnamed)
	}
	if spins > 1 || spins+waits+unnamed != threads || spins == 0 && unnamed == 0 || waits == 0 {
		t.Errorf("%d threads spin and %d wait, of %d", spins, waits, threads)
	}
	if d.Process.Program != "many" || len(d.Args) != 2 || len(d.Mappings) == 0 || len(d.Auxv) == 0 || d.Process.Started.IsZero() {
		t.Errorf("of the process: %+v, %q", d.Process, d.Args)
	}
	if d.Facts["pause"] == "" {
		t.Error("it does not say how long the threads stood")
	}
}

// TestHundredThreads takes a dump of a program with a hundred threads, which goes on,
// and has no secret of it.
func TestHundredThreads(t *testing.T) {
	pid := stranded(t, "many", "100")
	d := complete(t, Target{PID: pid}, Options{})
	checkMany(t, d, 100)
	var file bytes.Buffer
	if err := dump.Write(&file, d, dump.Usual); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file.Bytes(), []byte("correcthorse")) {
		t.Error("the secret of its environment, or of its stacks, is in the dump")
	}
	if !bytes.Contains(file.Bytes(), []byte("password=*")) {
		t.Error("the stacks are not in the dump: that they have no secret proves nothing")
	}
	t.Logf("%d threads stood for %s; it took %s and %d kB", len(d.Threads), d.Facts["pause"], d.Facts["took"], file.Len()/1000)
	free(t, pid)
}

// free checks that no thread is stopped or traced.
func free(t *testing.T, pid int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		eventually(t, "thread "+task.Name()+" is let go", func() bool {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, task.Name()))
			return strings.Contains(string(status), "\nTracerPid:\t0\n") && !strings.Contains(string(status), "\nState:\tt") && !strings.Contains(string(status), "\nState:\tT")
		})
	}
}

// TestOwnChild takes a dump of a program of one's own, with a helper and without.
func TestOwnChild(t *testing.T) {
	pid := started(t, exec.Command(built(t, "many"), "10"))
	t.Setenv(helperVar, "once")
	d := complete(t, Target{PID: pid}, Options{Helper: []string{"/proc/self/exe"}})
	checkMany(t, d, 10)
	without := taken(t, Target{PID: pid}, Options{})
	if len(without.Memory) > 0 || !strings.Contains(strings.Join(without.Missing, "\n"), "lifesign has started itself") {
		t.Errorf("without a helper: %d segments, missing %q", len(without.Memory), without.Missing)
	}
	broken := taken(t, Target{PID: pid}, Options{Helper: []string{"/bin/false"}})
	if len(broken.Threads) != 10 || !strings.Contains(strings.Join(broken.Missing, "\n"), "a helper") {
		t.Errorf("with a helper that fails: %d threads, missing %q", len(broken.Threads), broken.Missing)
	}
	free(t, pid)
}

// TestNotStopped takes a dump of threads that go on.
func TestNotStopped(t *testing.T) {
	pid := stranded(t, "many", "5")
	eventually(t, "the stacks of threads that wait are seen", func() bool {
		d := taken(t, Target{PID: pid}, Options{Run: true})
		if len(d.Threads) != 5 || len(d.Memory) > 0 || d.Facts["pause"] != "" {
			t.Fatalf("%d threads, %d segments, %v", len(d.Threads), len(d.Memory), d.Facts)
		}
		waits := 0
		for _, th := range d.Threads {
			if len(th.User) > 1 && th.User[1].Func == "waits" {
				waits++
			}
		}
		return waits == 4
	})
}

// TestMemoryThatHangs has a register lead to memory that nobody can read: that is given
// up, the threads go on, and their stacks are there.
func TestMemoryThatHangs(t *testing.T) {
	pid := stranded(t, "unfilled")
	eventually(t, "stacks are seen, and what hangs is told", func() bool {
		d := taken(t, Target{PID: pid}, Options{})
		reads := 0
		for _, th := range d.Threads {
			for _, f := range th.User {
				if f.Func == "reads" {
					reads++
				}
			}
		}
		return reads == 1 && len(d.Memory) > 0 && strings.Contains(strings.Join(d.Missing, "\n"), "some memory: ")
	})
	free(t, pid)
}

// TestKilledAtAnyMoment kills a helper that takes dumps, again and again.
func TestKilledAtAnyMoment(t *testing.T) {
	const rounds, atLeast, atMost = 200, 20, 40 * time.Second
	pid := stranded(t, "many", "20")
	began, done := time.Now(), 0
	for ; done < rounds && (done < atLeast || time.Since(began) < atMost); done++ {
		h := exec.Command("/proc/self/exe", fmt.Sprint(pid), "0", fmt.Sprint(dump.Usual))
		h.Env = append(os.Environ(), helperVar+"=forever")
		out, err := h.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int63n(int64(20 * time.Millisecond))))
		h.Process.Kill()
		h.Wait()
		free(t, pid)
	}
	t.Logf("%d kills in %v", done, time.Since(began).Round(time.Second))
}

// stranger takes a dump of what it may not look at, and prints it.
func stranger() {
	var pid int
	fmt.Sscan(os.Getenv(strangerVar), &pid)
	d, err := Take(context.Background(), Target{PID: pid, Rules: dump.UsualRules()}, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(d)
}

// TestNotPermitted takes a dump as another user: there is less, and it says what.
func TestNotPermitted(t *testing.T) {
	pid := stranded(t, "many", "3")
	self := filepath.Join(t.TempDir(), "dump.test") // where another user may read it
	for dir := filepath.Dir(self); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(self, exe, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", strangerVar, pid))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, &stderr)
	}
	var d dump.Dump
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	missing := strings.Join(d.Missing, "\n")
	for _, want := range []string{"registers and memory: trace thread", "its environment: ", "what it has mapped", "stacks within the kernel"} {
		if !strings.Contains(missing, want) {
			t.Errorf("it does not say that there is no %s:\n%s", want, missing)
		}
	}
	if len(d.Threads) != 3 || d.Threads[0].State == "" || d.Process.Program != "many" {
		t.Errorf("what anybody may see is missing: %+v, %+v", d.Process, d.Threads)
	}
}

func TestNoProcess(t *testing.T) {
	for pid, want := range map[int]string{1 << 22: "there is no process", 0: "there is no process"} {
		if _, err := Take(context.Background(), Target{PID: pid}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of process %d: %v, want %q", pid, err, want)
		}
	}
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	eventually(t, "a process that has ended has no dump", func() bool {
		_, err := Take(context.Background(), Target{PID: zombie.Process.Pid}, Options{Run: true})
		return err != nil && strings.Contains(err.Error(), "has ended")
	})
}
