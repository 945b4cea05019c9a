package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// asAnother is set, to the number of a process, for a test program that is to see
// what another user does.
const asAnother = "LIFESIGN_TEST_AS_ANOTHER"

// seen is what that user has seen.
type seen struct {
	Thread event.Thread
	Unseen []string
}

// seeAsAnother is what the other user runs. It tells by standard output.
func seeAsAnother(pid string) int {
	n, _ := strconv.Atoi(pid)
	m := NewMachine()
	defer m.Close()
	p, err := Open(n, m, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer p.Close()
	s, err := p.Sample([]int{n}, []int{n})
	if err != nil || len(s.Threads) != 1 {
		fmt.Fprintln(os.Stderr, err, s.Threads)
		return 1
	}
	json.NewEncoder(os.Stdout).Encode(seen{s.Threads[0], append(p.Unseen(), m.Unseen()...)})
	return 0
}

// Another user sees whether a thread moves, and is told what he does not see, and
// what that would take.
func TestWhatAnotherUserSees(t *testing.T) {
	c := start(t, "sleep", "1000")
	k := machine(t).root
	waitFor(t, func() bool { k.PID = c.Process.Pid; return k.Comm() == "sleep" })
	cmd := exec.Command("/proc/self/exe") // by this name anybody may execute it
	cmd.Env = append(os.Environ(), asAnother+"="+fmt.Sprint(c.Process.Pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got seen
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if th := got.Thread; th.RanNS == 0 || th.State != "S" || th.Comm != "sleep" || th.Call != "" || th.Stack != nil {
		t.Errorf("the thread is %+v, want one of which the counters and the state are known, and no call", th)
	}
	wants := []string{
		"the system calls its threads are in, and what these work on: this needs the right to trace it",
		"where in the kernel its threads are: this needs root with CAP_SYS_ADMIN",
		"its open files, pipes and sockets: this needs its own user, or root",
	}
	if b, err := os.ReadFile("/proc/sys/kernel/dmesg_restrict"); err == nil && strings.TrimSpace(string(b)) != "0" {
		wants = append(wants, "what the kernel says of faults of its own: open the kernel's log: operation not permitted")
	}
	for _, want := range wants {
		if !strings.Contains(strings.Join(got.Unseen, "\n"), want) {
			t.Errorf("not told: %s; told:\n%s", want, strings.Join(got.Unseen, "\n"))
		}
	}
}
