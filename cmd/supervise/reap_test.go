package supervise

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// As PID 1 of a namespace, a supervisor reaps what is left to it, passes signals on,
// and ends with the program's status.
func TestFirstProcess(t *testing.T) {
	dir := t.TempDir()
	// The program starts processes whose parents end, and which end then, writes down
	// that it was sent SIGUSR1, and ends with status 5 at SIGTERM.
	script := filepath.Join(dir, "program")
	text := fmt.Sprintf(`#!/bin/sh
trap 'echo usr1 >>%[1]s/heard' USR1
trap 'exit 5' TERM
for i in 1 2 3 4 5; do (sleep 0.05 & exec true) & done
wait
echo $$ >%[1]s/up
while :; do sleep 0.02; done
`, dir)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	o, err := json.Marshal(order{Argv: []string{script}, NoTree: true, Log: filepath.Join(dir, "log"), Policy: with(func(c *supervise.Config) { c.Restart = supervise.Never })})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// proc is that of the namespace, so that the processes can be seen from inside.
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", self, "agent", string(o))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-done })
	until(t, "up", func() bool { return len(lines(filepath.Join(dir, "up"))) > 0 })
	first := firstOf(t, cmd.Process.Pid)
	orphans := func() (all, ended int) {
		for _, pid := range descendants(first) {
			if f := statFields(pid); len(f) > 1 && string(f[1]) == fmt.Sprint(first) {
				if all++; f[0][0] == 'Z' {
					ended++
				}
			}
		}
		return all, ended
	}
	until(t, "all orphans reaped", func() bool { all, ended := orphans(); return all == 1 && ended == 0 })
	syscall.Kill(first, syscall.SIGUSR1)
	until(t, "SIGUSR1 passed on", func() bool { return len(lines(filepath.Join(dir, "heard"))) > 0 })
	syscall.Kill(first, syscall.SIGTERM)
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	if got := cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("status %d, want 5", got)
	}
}

// firstOf is the only child of a process.
func firstOf(t *testing.T, pid int) int {
	t.Helper()
	for _, p := range descendants(pid) {
		if parent(p) == pid {
			return p
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}

func descendants(pid int) (list []int) {
	all, _ := os.ReadDir("/proc")
	for _, e := range all {
		n := atoi(e.Name())
		for up, i := parent(n), 0; n != 0 && up > 1 && i < 100; up, i = parent(up), i+1 {
			if up == pid {
				list = append(list, n)
				break
			}
		}
	}
	return list
}
