package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is a keeper when a test has started one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-keep" {
		life, err := time.ParseDuration(os.Args[2])
		if err == nil {
			err = keep(os.Stdin, os.Stdout, life)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// made is what a stage with one of everything has made.
type made struct{ dir, ext4, device, seq, cgroup, pid string }

// makeAll makes a frozen file system on a loop device, and a process in a frozen
// cgroup that is about to write to it. It takes root.
func makeAll(t *testing.T, s *stage) made {
	t.Helper()
	file, err := ext4File(s, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	seq, err := diskSeq(s.device)
	if err != nil {
		t.Fatal(err)
	}
	group, err := cgroup(s, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := freeze(s, s.ext4()); err != nil {
		t.Fatal(err)
	}
	p, err := s.start(exec.Command("dd", "if=/dev/zero", "of="+file, "conv=notrunc", "count=1"))
	if err != nil {
		t.Fatal(err)
	}
	for state := ""; state != "D"; time.Sleep(10 * time.Millisecond) {
		l, err := lookAt(p.pid, p.pid)
		if err != nil || l.state == "" {
			t.Fatalf("dd has ended on a frozen file system: %v %s", err, s.said())
		}
		state = l.state
	}
	if err := join(group, p.pid); err != nil {
		t.Fatal(err)
	}
	if err := set(group, "cgroup.freeze", "1"); err != nil {
		t.Fatal(err)
	}
	return made{s.dir, s.ext4(), s.device, seq, group, fmt.Sprint(p.pid)}
}

// check says what of it is still there.
func (m made) check(t *testing.T) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), m.ext4) {
		t.Errorf("%s is still mounted", m.ext4)
	}
	for _, name := range []string{m.dir, m.cgroup} {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	seq, _ := diskSeq(m.device)
	if _, err := os.Stat("/sys/block/" + filepath.Base(m.device) + "/loop"); err == nil && seq == m.seq {
		t.Errorf("%s is still attached", m.device)
	}
}

func TestEndUndoesEverything(t *testing.T) {
	s, err := newStage("", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	m := makeAll(t, s)
	if err := s.end(); err != nil {
		t.Error(err)
	}
	m.check(t)
}

// TestKeeperUndoesWhatAKilledHarnessLeft: all that the keeper sees of a harness
// that was killed is the end of its input.
func TestKeeperUndoesWhatAKilledHarnessLeft(t *testing.T) {
	s, err := newStage("", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	m := makeAll(t, s)
	s.keeper.in.Close()
	if err := s.keeper.proc.Wait(); err != nil {
		t.Error(err)
	}
	m.check(t)
}

// TestKeeperHasALimit: a harness that hangs in the kernel keeps its end of the pipe.
func TestKeeperHasALimit(t *testing.T) {
	s, err := newStage("", "", 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.keeper.proc.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", s.dir, err)
	}
}

func TestKeeperRefuses(t *testing.T) {
	k, err := startKeeper(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range [][2]string{{"remove", "relative"}, {"kill", "everybody"}, {"burn", "/"}} {
		if err := k.note(note[0], note[1]); err == nil {
			t.Errorf("%s %s is taken", note[0], note[1])
		}
	}
	if err := k.end(); err != nil {
		t.Error(err)
	}
}

// TestKeeperKnowsProcesses: a process that has ended is none to be killed, even if
// its number were another's by now.
func TestKeeperKnowsProcesses(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var l list
	if err := l.add("kill", fmt.Sprint(cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	if err := l.undo(); err != nil {
		t.Error(err)
	}
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("the process ended with %v, want killed", err)
	}
	if err := l.undo(); err != nil {
		t.Errorf("undone again: %v", err)
	}
}

// TestKeeperEndsGroups: what a process has started goes with it, if it leads a
// group, also when it has ended before.
func TestKeeperEndsGroups(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 60 & echo $!")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var l list
	if err := l.add("kill", fmt.Sprint(cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := l.undo(); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(patience); !gone(pid); time.Sleep(10 * time.Millisecond) {
		if l, err := lookAt(pid, pid); err == nil && l.state == "Z" {
			return // nobody reaps it here
		}
		if time.Now().After(end) {
			t.Fatalf("process %d goes on", pid)
		}
	}
}
