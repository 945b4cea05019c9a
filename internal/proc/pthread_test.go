//go:build linux && amd64

package proc

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// What glibc keeps in memory is asked of glibc itself.
func TestLocksOfGlibc(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pthread")
	if out, err := exec.Command("cc", "-O1", "-pthread", "-o", program, "testdata/pthread.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for what, want := range map[string]struct {
		kind  event.ResourceKind
		name  string // without the address
		state string // of the holder, "" if there is none
	}{
		"plain": {event.OnMutex, "the mutex at ", "S"}, "recursive": {event.OnMutex, "the mutex at ", "S"}, "checking": {event.OnMutex, "the mutex at ", "S"},
		"adaptive": {event.OnMutex, "the mutex at ", "S"}, "robust": {event.OnMutex, "the mutex at ", "S"}, "inheriting": {event.OnMutex, "the mutex at ", "S"},
		"shared": {event.OnMutex, "the mutex at ", "S"}, "orphan": {event.OnMutex, "the mutex at ", stateGone}, "join": {event.OnJoin, "the end of thread ", "S"},
		"writer": {event.OnMutex, "the read-write lock at ", "S"}, "writers": {event.OnMutex, "the read-write lock at ", "S"},
		"reader": {event.OnFutex, "the futex at ", ""}, "condition": {event.OnFutex, "the futex at ", ""}, "semaphore": {event.OnFutex, "the futex at ", ""},
	} {
		t.Run(what, func(t *testing.T) {
			cmd := exec.Command(program, what)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { cmd.Process.Kill(); cmd.Wait() }()
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			told := strings.Fields(line)
			owner, err := strconv.Atoi(told[1])
			if err != nil {
				t.Fatal(err)
			}
			r := asked(t, cmd.Process.Pid, told[0], "futex").Resource
			if r == nil || r.Kind != want.kind || !strings.HasPrefix(r.Name, want.name) || r.Err != "" || (want.state == "") != (len(r.Holders) == 0) {
				t.Fatalf("%+v, want %s, %q", r, want.kind, want.name)
			}
			if want.kind == event.OnMutex && r.Name != want.name+told[2] {
				t.Errorf("%q, want %q", r.Name, want.name+told[2])
			}
			if want.state != "" && (r.Holders[0].TID != owner || r.Holders[0].State != want.state || r.Holders[0].PID != cmd.Process.Pid) {
				t.Errorf("holders %+v, want thread %d in state %s", r.Holders, owner, want.state)
			}
		})
	}
}
