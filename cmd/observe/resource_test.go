package observe

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// What msync writes back need not have a descriptor: the mapping says which file
// it is.
func TestMsyncThatHangs(t *testing.T) {
	program := filepath.Join(t.TempDir(), "msync")
	if out, err := exec.Command("cc", "-o", program, "testdata/file/msync.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fsync := make(chan bool)
	f := &slowFile{fsync: fsync, write: open()}
	f.Data = make([]byte, 4096)
	file := slowFS(t, f)
	cmd := exec.Command(program, file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); close(fsync); cmd.Wait() })
	k := proc.Kernel{Proc: "/proc", Sys: fuseControl(t), PID: cmd.Process.Pid, Arch: "amd64"}
	th := standing(t, k, "msync")
	r := th.Resource
	if th.What != "msync("+file+")" || r == nil || r.Kind != event.OnFUSE || r.InFlight == 0 || r.Err != "" ||
		!strings.HasPrefix(r.Name, "FUSE connection ") || !strings.HasSuffix(r.Name, " at "+filepath.Dir(file)) {
		t.Errorf("%q in %s waits for %+v", th.What, th.Wchan, r)
	}
	// Looks at goroutines find it by the same way.
	if got := k.Thread(th.ID); got.What != th.What || got.Resource == nil || got.Resource.Name != r.Name || got.Resource.Err != "" {
		t.Errorf("a look: %q on %+v", got.What, got.Resource)
	}
}

// standing waits until the only thread of a process stands in a call.
func standing(t *testing.T, k proc.Kernel, call string) event.Thread {
	t.Helper()
	tasks, err := proc.OpenTasks(k)
	if err != nil {
		t.Fatal(err)
	}
	defer tasks.Close()
	var all []event.Thread
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if all, err = tasks.Counters(all); err != nil {
			t.Fatal(err)
		}
		if tasks.State(&all[0]); all[0].Call != call || all[0].State == "R" || !strings.Contains(all[0].Wchan, "request_wait_answer") {
			continue
		}
		if tasks.Resource(&all[0]); all[0].Resource == nil || !strings.Contains(all[0].Resource.Err, "has not told") {
			return all[0]
		}
	}
	t.Fatalf("it does not stand in %s: %+v", call, all)
	return event.Thread{}
}
